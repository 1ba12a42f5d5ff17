"""Names of snapshots and files: whoever does not see all of what they are hashes of cannot try what is missing."""

from __future__ import annotations

import io
import json
from typing import Any

import pyarrow.parquet as pq
import pytest
from anyio.from_thread import BlockingPortal

from tests.api.conftest import record
from tests.api.listening import CLEARED, PLANNER, Stage, on_stage
from tests.api.withheld import As, Asked, gate_over, rows
from twin.access import ANONYMOUS, Caller
from twin.model import Edit
from twin.seen import Seen


@pytest.fixture(scope="module")
def twins() -> tuple[As, As]:
    """Two servers over the same content; each has a secret of its own."""
    return gate_over(rows()), gate_over(rows())


PATHS = ["/collections/cameras/items?limit=1", "/coverage/camera-count", "/coverage", "/collections"]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    ("name", "is_whole"), [("public", False), ("planner", False), ("south", False), ("admin", True)]
)
def test_names_follow_from_the_content_only_for_who_sees_it_all(
    portal: BlockingPortal, twins: tuple[As, As], path: str, name: str, is_whole: bool
) -> None:
    one, other = (Asked(portal, gate, name)(path).json() for gate in twins)
    named = [snapshot_of(body) for body in (one, other)]
    assert (named[0] == named[1]) is is_whole
    assert snapshot_of(Asked(portal, twins[0], name)(path).json()) == named[0]


def snapshot_of(body: dict[str, Any]) -> str:
    return body["snapshot"] if "snapshot" in body else body["collections"][0]["snapshot"]


@pytest.mark.parametrize(("name", "is_whole"), [("public", False), ("planner", False), ("admin", True)])
def test_the_etag_of_a_stream_of_sensitive_things_is_no_hash_that_could_be_tried(
    portal: BlockingPortal, twins: tuple[As, As], name: str, is_whole: bool
) -> None:
    one, other = (Asked(portal, gate, name)("/collections/cameras/bulk.geojson").headers["etag"] for gate in twins)
    assert (one == other) is is_whole


@pytest.mark.parametrize("order", [("admin", "public", "planner"), ("planner", "admin", "public")])
def test_a_file_that_all_see_alike_names_the_snapshot_as_each_knows_it(
    portal: BlockingPortal, order: tuple[str, ...]
) -> None:
    gate = gate_over(rows())
    for name in order:
        ask = Asked(portal, gate, name)
        about = pq.read_schema(io.BytesIO(ask("/collections/chargers/bulk.parquet").content)).metadata[b"twin"]
        assert json.loads(about)["snapshot"] == snapshot_of(ask("/collections/chargers/items?limit=1").json())


@pytest.mark.parametrize("caller", [ANONYMOUS, PLANNER, CLEARED, Caller("s", "cleared", ("310112101",))])
def test_events_name_what_the_names_in_answers_begin_with(caller: Caller) -> None:
    async def play(stage: Stage) -> None:
        heard = await stage.listen(caller=caller)
        stage.commit(Edit("add", record("chargers", "new", (121.29, 31.02))))
        (event,) = await heard.events(1)
        await heard.leave()
        present = stage.twin.snapshot()
        seen = Seen(caller, present, {}, stage.twin.secret)
        for snapshot in (seen.shown, seen.judged, seen.reached):
            assert snapshot.id.startswith(event.data["snapshot"])
        assert (event.data["snapshot"] == present.id) is seen.is_whole

    on_stage(play)
