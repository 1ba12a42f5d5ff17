"""OWSLib reads Part 1 and edits by Part 4; what it did is in the store and its history."""

from __future__ import annotations

import http.client
import json
import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.clients.live import CLIENTS, Live, environment, names_of, within
from twin.layers import LAYERS

pytestmark = pytest.mark.client
LAYER, KEY = "chargers", "新站-1"
FEATURE = {
    "type": "Feature",
    "id": KEY,
    "properties": {"name": "新站", "station_type": "public", "n_connectors": 6},
    "geometry": {"type": "Point", "coordinates": [121.29, 31.02]},
}


@pytest.fixture(scope="module")
def before(thrown_away: Live) -> dict[str, Any]:
    """What the store held before anybody edited."""
    table = thrown_away.table(LAYER)
    return {
        "names": names_of(table),
        "in box": within(table, (121.27, 31.0, 121.29, 31.02)),
        "large": {key for key, n in zip(table.frame["key"], table.frame["n_connectors"], strict=True) if n > 10},
    }


@pytest.fixture(scope="module")
def said(thrown_away: Live, before: dict[str, Any]) -> dict[str, Any]:
    script = Path(__file__).with_name("edit_by_owslib.py")
    done = subprocess.run(
        [CLIENTS / "python", script, thrown_away.url, LAYER, KEY], input=json.dumps(FEATURE), text=True,
        capture_output=True, env=environment(thrown_away.data, NO_PROXY="*"), timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-4000:]
    return json.loads(done.stdout)


def keys(step: dict[str, Any]) -> set[str]:
    assert step["ok"], step["answer"]
    return {feature["id"] for feature in step["answer"]["features"]}


def test_it_finds_every_layer_and_the_document(said):
    assert set(said["collections"]["answer"]) == set(LAYERS)
    assert said["api"]["answer"]["openapi"].startswith("3.0.")
    assert any(c.endswith("ogcapi-features-4/1.0/conf/create-replace-delete") for c in
               said["conformance"]["answer"]["conformsTo"])  # fmt: skip
    assert "n_connectors" in said["queryables"]["answer"]["properties"]


def test_it_reads_what_is_stored(said, before):
    assert said["items"]["answer"]["numberMatched"] == len(before["names"])
    assert len(keys(said["items"])) == 2
    assert keys(said["items in a box"]) == before["in box"] != set()
    assert keys(said["items by a filter"]) == before["large"] != set()


def test_it_creates_a_feature(said):
    assert said["create"]["ok"], said["create"]["answer"]
    assert said["created"]["answer"]["properties"]["name"] == "新站"
    assert said["created"]["answer"]["geometry"] == FEATURE["geometry"]
    assert said["created"]["etag"] == '"v1"'


def test_it_replaces_the_version_it_saw_and_no_other(said):
    assert said["replace"]["ok"], said["replace"]["answer"]
    assert said["replaced"]["answer"]["properties"]["name"] == "改名的站"
    assert said["replaced"]["etag"] not in (None, said["created"]["etag"])
    assert json.loads(said["replace what has changed"]["answer"])["status"] == 412


def test_it_deletes_the_version_it_saw_and_no_other(said):
    assert json.loads(said["delete what has changed"]["answer"])["status"] == 412
    assert said["delete"]["ok"], said["delete"]["answer"]
    assert json.loads(said["deleted"]["answer"])["status"] == 404


@pytest.mark.usefixtures("said")
def test_the_history_keeps_all_of_it(thrown_away, before):
    assert names_of(thrown_away.table(LAYER)) == before["names"]
    store = thrown_away.twin.store
    versions = store.versions(LAYER, KEY)
    assert list(dict.fromkeys(record.name for *_, record in versions)) == ["新站", "改名的站"]
    edits = [(t.author, t.reason) for t in store.transactions() if t.reason in ("新建", "改名", "拆除")]
    assert sorted(edits) == sorted([("王工", "新建"), ("王工", "改名"), ("王工", "拆除")])


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/collections/chargers/items", {"GET", "HEAD", "OPTIONS", "POST"}),
        ("/collections/chargers/items/west", {"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "PUT"}),
    ],
)
def test_options_say_what_may_be_edited(thrown_away, path, allowed):
    """As QGIS 3.24 and newer ask, before they offer editing."""
    answer = ask(thrown_away, "OPTIONS", path)
    assert answer.status in (200, 204)
    assert {word.strip() for word in answer.headers["allow"].split(",")} == allowed


def test_raw_http_edits_one_property_and_is_told_the_new_version(thrown_away):
    path, before = "/collections/chargers/items/east", thrown_away.table(LAYER).frame.set_index("key").loc["east"]
    answer = ask(thrown_away, "PATCH", path, {"type": "Feature", "properties": {"n_connectors": 20}},
                 **{"If-Match": f'"v{before["version"]}"'})  # fmt: skip
    after = thrown_away.table(LAYER).frame.set_index("key").loc["east"]
    assert answer.status == 200
    assert (before["n_connectors"], after["n_connectors"], after["name"]) == (12, 20, before["name"])
    assert answer.headers["etag"] == f'"v{after["version"]}"' != f'"v{before["version"]}"'


def ask(live: Live, method: str, path: str, body: Any = None, **headers: str) -> http.client.HTTPResponse:
    """One request by the standard library's client."""
    connection = http.client.HTTPConnection(urlsplit(live.url).netloc, timeout=30)
    sent = None if body is None else json.dumps(body)
    try:
        connection.request(method, path, sent, {"Content-Type": "application/geo+json", **headers})
        answer = connection.getresponse()
        answer.read()
        return answer
    finally:
        connection.close()
