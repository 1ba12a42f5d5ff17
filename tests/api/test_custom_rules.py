"""A planner's own clauses on the wire: wherever a clause of the plan appears, in the same shapes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import mapbox_vector_tile
import numpy as np
import pytest
from anyio.from_thread import start_blocking_portal

from tests.api.conftest import NOW, InProcess, records, store_of
from twin.api.app import create_app
from twin.api.mercator import lnglat_to_unit
from twin.engine import Twin
from twin.readers.plan_file import read_plan
from twin.settings import Settings

RULES = """
[[documents]]
id = "mine"
title = "示例"
title_en = "Example"
citation = "示例"
period = "2026"

[[clauses]]
id = "my-cameras"
title = "我的视频"
title_en = "My cameras"
quote = "示例"
quote_en = "Example"
document = "mine"
scope = "310112"
period = "2026"
operator = "at-least"
value = 40
unit = "个"
spatial_unit = "全区 / district"
strength = "aspired"
rule = "count"
parameters = { layer = "cameras", where = { access = ["own", "relayed"] } }

[[clauses]]
id = "my-chargers"
title = "我的充电站"
title_en = "My stations"
quote = "示例"
quote_en = "Example"
document = "mine"
scope = "310112"
period = "2026"
operator = "at-least"
value = 0.9
unit = "share"
spatial_unit = "全区 / district"
strength = "aspired"
rule = "share"
parameters = { layer = "chargers", having = { station_type = "public" }, states = ["operating"] }

[[clauses]]
id = "my-taxis"
title = "出租车站"
title_en = "Taxi stations"
quote = "示例"
quote_en = "Example"
document = "minhang-digital-14-5"
scope = "310112"
period = "2026"
operator = "indicator"
unit = "个"
spatial_unit = "全区 / district"
strength = "aspired"
rule = "count"
parameters = { layer = "chargers", where = { station_type = "taxi" } }
"""
OWN = ("my-cameras", "my-chargers", "my-taxis")


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Any:
    own = tmp_path_factory.mktemp("rules") / "mine.toml"
    own.write_text(RULES, "utf-8")
    settings = Settings(store="memory:")
    twin = Twin(store_of(records()), read_plan(settings.plan, [own]), pytest.fail, lambda: NOW)
    with start_blocking_portal() as portal:
        yield httpx.Client(transport=InProcess(create_app(twin, settings), portal), base_url="http://twin.test")


def test_they_stand_in_the_list_after_the_plans_each_under_its_own_id(client: httpx.Client) -> None:
    results = client.get("/coverage").json()["results"]
    assert [r["rule"] for r in results][-3:] == list(OWN)
    assert [r["clause"]["id"] for r in results] == [r["rule"] for r in results]
    assert [(r["kind"], r["layers"]) for r in results[-3:]] == [
        ("count", ["cameras"]),
        ("share", ["chargers"]),
        ("count", ["chargers"]),
    ]
    assert [r["clause"]["document"]["citation"] for r in results[-3:-1]] == ["示例", "示例"]
    assert {r["rule"]: r["kind"] for r in results}["charger-service"] == "service"
    for result in results[-3:]:
        assert client.get(f"/coverage/{result['rule']}").json() == result


def test_a_result_has_the_figures_that_can_be_counted_by_hand(client: httpx.Client) -> None:
    cameras = client.get("/coverage/my-cameras").json()
    assert (cameras["value"], cameras["target"], cameras["met"], cameras["share"]) == (49, 40, True, None)
    chargers = client.get("/coverage/my-chargers").json()
    assert (chargers["value"], chargers["share"], chargers["met"], chargers["denominator"]) == (
        2 / 3,
        2 / 3,
        False,
        "assets",
    )
    assert (chargers["facts"]["n"], chargers["facts"]["n_lacking"], chargers["n_unknown"]) == (3, 1, 0)
    taxis = client.get("/coverage/my-taxis").json()
    assert (taxis["value"], taxis["target"], taxis["met"]) == (0, None, None)


def test_areas_cells_and_gaps_have_their_usual_shapes(client: httpx.Client) -> None:
    rows = {
        r["code"]: (r["value"], r["met"], r["shortfall"])
        for r in client.get("/coverage/my-chargers/areas").json()["rows"]
    }
    assert rows == {"310112101": (0.5, False, 1), "310112102": (1.0, True, 0)}
    for rule in OWN:
        cells = client.get(f"/coverage/{rule}/cells?resolution=8").json()
        assert (cells["rule"], len(cells["cells"]) > 10) == (rule, True)
        assert client.get(f"/coverage/{rule}/gaps").json()["features"] == []
    counted = client.get("/coverage/my-cameras/cells?resolution=8").json()
    assert sum(counted["n"]) == 49
    shares = client.get("/coverage/my-chargers/cells?resolution=8").json()
    assert {s for s, n in zip(shares["share"], shares["n"], strict=True) if n} == {0.0, 1.0}


def test_tiles_are_those_of_the_clause(client: httpx.Client) -> None:
    z = 12
    x, y = (lnglat_to_unit(np.array([[121.295, 31.022]]))[0] * 2**z).astype(int)
    for rule in OWN:
        vectors = client.get(f"/tiles/coverage/{rule}/{z}/{x}/{y}.mvt")
        assert list(mapbox_vector_tile.decode(vectors.content)) == [rule]
        assert client.get(f"/tiles/coverage/{rule}/{z}/{x}/{y}.geojson").json()["features"]


def test_there_is_nothing_to_explain_at_a_point_and_it_says_so(client: httpx.Client) -> None:
    for rule in OWN:
        answer = client.get(f"/coverage/{rule}/at?lng=121.29&lat=31.02")
        assert (answer.status_code, rule in answer.json()["detail"]) == (400, True)


@pytest.mark.parametrize(
    ("rule", "query", "value"),
    [
        ("my-cameras", 'where={"access":"unlinked"}', 0),
        ("my-cameras", 'where={"key":["cam-00","cam-01"]}', 3),
        ("my-cameras", "layer=chargers&where={}", 3),
        ("my-taxis", "where={}&states=planned", 1),
        ("my-taxis", 'where={"n_connectors":{"min":5}}', 1),
        ("my-chargers", 'having={"online":true}', 2 / 3),
    ],
)
def test_parameters_may_be_given_in_the_query(client: httpx.Client, rule: str, query: str, value: float) -> None:
    answer = client.get(f"/coverage/{rule}?{query}")
    assert answer.json().get("value") == value, answer.text


def test_parameters_of_an_answer_may_be_posted_back(client: httpx.Client) -> None:
    for rule in OWN:
        told = client.get(f"/coverage/{rule}").json()
        posted = client.post(f"/coverage/{rule}", json={"parameters": told["parameters"]}).json()
        assert (posted["value"], posted["parameters"]) == (told["value"], told["parameters"])


@pytest.mark.parametrize(
    ("query", "column", "said"),
    [
        ('where={"acces":"own"}', "where.acces", "access"),
        ('where={"access":"owned"}', "where.access", "own, relayed, unlinked"),
        ('where={"access":["own","x"]}', "where.access", "own, relayed, unlinked"),
        ('where={"azimuth_deg":{"min":400}}', "where.azimuth_deg.min", "360"),
        ('where={"azimuth_deg":{"min":true}}', "where.azimuth_deg.min", "number"),
        ("where=own", "where", "table"),
        ("where=[1]", "where", "table"),
        ('where={"a":[[1]]}', "where", "JSON"),
        ('where={"a":{"b":{"c":1}}}', "where", "JSON"),
        ("layer=roads", "layer", "point layer"),
        ("layer=", "layer", "point layer"),
        ("states=operating,x", "states", "planned"),
    ],
)
def test_wrong_parameters_are_400_naming_the_field(client: httpx.Client, query: str, column: str, said: str) -> None:
    answer = client.get(f"/coverage/my-cameras?{query}")
    assert answer.status_code == 400
    (error,) = answer.json()["errors"]
    assert (error["column"], said in error["message"]) == (column, True), error
    assert (
        client.get(f"/coverage/my-cameras?{query}", headers={"accept-language": "zh"}).json()["detail"]
        != answer.json()["detail"]
    )


def test_the_parameters_of_a_kind_are_known_and_those_of_another_are_not(client: httpx.Client) -> None:
    detail = client.get("/coverage/my-cameras?having={}").json()["detail"]
    assert {"layer", "where", "states"} <= set(detail.partition("known: ")[2].split(", "))


def test_changes_may_be_tried_on_them(client: httpx.Client) -> None:
    added = {
        "op": "add",
        "layer": "chargers",
        "key": "new",
        "after": {"lng": 121.29, "lat": 31.01, "station_type": "public"},
    }
    body = client.post("/coverage/my-chargers", json={"changes": [added]}).json()
    assert (body["baseline"]["value"], body["value"]) == (2 / 3, 3 / 4)


def test_what_was_online_is_not_known_of_the_past(client: httpx.Client) -> None:
    answer = client.get('/coverage/my-chargers?having={"online":true}&as_of=2024-12-31')
    assert answer.status_code == 422
    assert "online" in answer.json()["detail"]


def test_the_worked_example_is_a_rule_file_and_presents_nothing_as_the_plans(client: httpx.Client) -> None:
    geodata = Path(__file__).parents[2] / "geodata"
    plan = read_plan(geodata / "plan.toml", [geodata / "rules-example.toml"])
    own = [c for c in plan.clauses if c.document == "example"]
    assert {c.rule for c in own} == {"count", "share", "density", "service"}
    assert all(c.id.startswith("example-") and c.strength == "aspired" and "示例" in c.title + c.quote for c in own)
    assert "示例" in plan.documents["example"].citation
