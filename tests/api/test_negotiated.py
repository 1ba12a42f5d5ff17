"""One address, several forms: ``f`` says which, else the Accept header, else it is the first."""

from __future__ import annotations

import pytest
from fastapi import Request

from tests.api.conftest import Client
from twin.api.negotiated import negotiated
from twin.api.replies import GEOJSON, JSON, MVT

ARROW = "application/vnd.apache.arrow.stream"
TILE = "/collections/cameras/tiles/WebMercatorQuad/13/3352/6855"
CELLS = "/coverage/charger-service/cells"
BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"
FORMS = {"json": JSON, "geojson": GEOJSON, "arrow": ARROW}


def chosen(accept: str | None, f: str | None = None) -> str:
    headers = [] if accept is None else [(b"accept", accept.encode())]
    return negotiated(Request({"type": "http", "headers": headers}), f, FORMS)


@pytest.mark.parametrize(
    ("accept", "form"),
    [
        (None, "json"),
        ("", "json"),
        ("*/*", "json"),
        (BROWSER, "json"),
        ("application/*", "json"),
        ("image/png", "json"),
        (MVT, "json"),
        (ARROW, "arrow"),
        (ARROW.upper(), "arrow"),
        (GEOJSON, "geojson"),
        (f"{GEOJSON};q=0.5, {ARROW};q=0.9", "arrow"),
        (f"{ARROW}, {GEOJSON}", "geojson"),
        (f"*/*;q=0.1, {ARROW}", "arrow"),
        (f"{JSON};q=0, */*", "geojson"),
        (f"{ARROW};q=0, {JSON};q=0.2", "json"),
    ],
)
def test_the_form_that_accept_ranks_highest_is_chosen_the_first_of_equals(accept: str | None, form: str) -> None:
    assert chosen(accept) == form
    assert chosen(accept, "geojson") == "geojson"


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize(("media", "f"), [(JSON, "json"), (GEOJSON, "geojson"), (ARROW, "arrow")])
def test_hexes_come_in_the_form_that_is_accepted(client: Client, method: str, media: str, f: str) -> None:
    body = {"json": {"resolution": 7}} if method == "POST" else {}
    query = "" if method == "POST" else "resolution=7"
    accepted = client.request(method, f"{CELLS}?{query}", headers={"accept": media}, **body)
    asked = client.request(method, f"{CELLS}?{query}&f={f}", headers={"accept": "image/png"}, **body)
    assert accepted.headers["content-type"] == asked.headers["content-type"] == media
    assert accepted.content == asked.content
    assert "Accept" in accepted.headers["vary"].split(", ")


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_hexes_are_json_where_nothing_is_said(client: Client, method: str) -> None:
    answer = client.request(method, CELLS, headers={"accept": "*/*"}, **({"json": {}} if method == "POST" else {}))
    assert answer.headers["content-type"] == JSON


def test_f_is_stronger_than_accept(client: Client) -> None:
    answer = client.get(f"{CELLS}?f=json", headers={"accept": ARROW})
    assert answer.headers["content-type"] == JSON


@pytest.mark.parametrize("method", ["get", "post"])
def test_the_description_says_that_hexes_may_go_without_f(client: Client, method: str) -> None:
    operation = client.get("/openapi.json").json()["paths"]["/coverage/{rule}/cells"][method]
    (f,) = [p for p in operation["parameters"] if p.get("name") == "f"]
    assert not f["required"]
    assert "default" not in f["schema"]
    assert set(f["schema"]["enum"]) >= set(FORMS)
    assert set(operation["responses"]["200"]["content"]) == {JSON, GEOJSON, ARROW}


# Tiles ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("query", ["", "?as_of=2026-01-01"])
@pytest.mark.parametrize(
    ("accept", "media"), [("*/*", MVT), (BROWSER, MVT), (JSON, MVT), (MVT, MVT), (GEOJSON, GEOJSON)]
)
def test_a_tile_comes_in_the_form_that_is_accepted_and_says_so(
    client: Client, accept: str, media: str, query: str
) -> None:
    answer = client.get(f"{TILE}{query}", headers={"accept": accept})
    assert (answer.status_code, answer.headers["content-type"]) == (200, media)
    assert answer.headers["vary"].split(", ") == ["Accept", "Accept-Encoding"]
    ending = "geojson" if media == GEOJSON else "mvt"
    assert answer.content == client.get(f"/tiles/cameras/13/6855/3352.{ending}{query}").content


@pytest.mark.parametrize("f", ["mvt", "geojson"])
def test_a_tile_whose_form_the_address_names_does_not_vary_by_accept(client: Client, f: str) -> None:
    answer = client.get(f"{TILE}?f={f}", headers={"accept": GEOJSON if f == "mvt" else MVT})
    assert answer.headers["content-type"] == (MVT if f == "mvt" else GEOJSON)
    assert answer.headers["vary"] == "Accept-Encoding"


def test_the_two_forms_of_a_tile_have_etags_of_their_own(client: Client) -> None:
    etags = {media: client.get(TILE, headers={"accept": media}).headers["etag"] for media in (MVT, GEOJSON)}
    assert etags[MVT] != etags[GEOJSON]
    for media, status in ((MVT, 304), (GEOJSON, 200)):
        answer = client.get(TILE, headers={"accept": media, "if-none-match": etags[MVT]})
        assert (answer.status_code, answer.headers["vary"]) == (status, "Accept, Accept-Encoding")


@pytest.mark.parametrize(("accept", "status"), [(MVT, 204), (GEOJSON, 200)])
def test_an_empty_tile_says_that_it_varies(empty: Client, accept: str, status: int) -> None:
    answer = empty.get("/collections/cameras/tiles/WebMercatorQuad/0/0/0", headers={"accept": accept})
    assert (answer.status_code, answer.headers["vary"]) == (status, "Accept, Accept-Encoding")


def test_the_description_says_that_a_tile_may_go_without_f(client: Client) -> None:
    paths = client.get("/openapi.json").json()["paths"]
    operation = paths["/collections/{layer}/tiles/WebMercatorQuad/{z}/{y}/{x}"]["get"]
    (f,) = [p for p in operation["parameters"] if p.get("name") == "f"]
    assert (f["required"], "default" in f["schema"]) == (False, False)
    assert set(operation["responses"]["200"]["content"]) == {MVT, GEOJSON}
