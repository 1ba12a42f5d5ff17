"""The published schema of ``twin cover --json``: every answer validates, anything undocumented does not."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from pathlib import Path
from typing import Any, get_args

import httpx
import pytest
from anyio.from_thread import start_blocking_portal
from click.testing import CliRunner
from jsonschema import Draft202012Validator
from referencing import Registry, Resource

from tests.api.conftest import InProcess
from tests.world import CENTRE, HAND, NOW, area, asset, camera, charger, district, offset, radio_site, square
from twin.api.app import create_app
from twin.cli import main
from twin.coverage import RuleKind
from twin.coverage.result import LABELS
from twin.coverage.result import Status as ResultStatus
from twin.engine import Twin
from twin.layers.areas import LEVELS
from twin.model import LIFECYCLES, Edit, Record
from twin.plan import Operator, Strength
from twin.readers.plan_file import read_plan
from twin.readers.raster import read_grid
from twin.settings import Settings
from twin.store import MemoryStore

ROOT = Path(__file__).parents[2]
SCHEMA: dict[str, Any] = json.loads((ROOT / "twin" / "api" / "schemas" / "cover.json").read_text("utf-8"))
WITH_EXAMPLES = read_plan(ROOT / "geodata" / "plan.toml", [ROOT / "geodata" / "rules-example.toml"])
RULE_IDS = [clause.id for clause in WITH_EXAMPLES.clauses]
REGISTRY: Registry[Any] = Registry().with_resource(SCHEMA["$id"], Resource.from_contents(SCHEMA))
WHOLE = Draft202012Validator(SCHEMA)
RESULT = Draft202012Validator({"$ref": f"{SCHEMA['$id']}#/$defs/result"}, registry=REGISTRY)


def borders() -> list[Record]:
    """A district of 4 by 4 km in two towns, the outer ring over a part of it, and the business district."""
    east = offset(CENTRE, 1000, 0)
    return [
        *district(2000, square(700, east)),
        area("310112101", "town", square(1000, offset(CENTRE, -1000, 0)), "西镇", published=4.0),
        area("310112102", "town", square(1000, east), "东镇"),
        area("hongqiao-cbd", "aoi", square(800), "虹桥商务区", published=2.6),
    ]


def assets() -> list[Record]:
    places = [offset(CENTRE, -900 + 200 * (i % 10), -900 + 200 * (i // 10)) for i in range(100)]
    west, east = offset(CENTRE, -1500, 0), offset(CENTRE, 1200, 100)
    return [
        charger("A", west, max_power_kw=120.0), charger("B", east, n_connectors=12, online=None),
        charger("C", CENTRE, station_type="private", lifecycle="planned"),
        *(camera(f"cam-{i}", p, n_devices=30, access="unlinked" if i % 9 == 0 else "own") for i, p in enumerate(places)),
        camera("nowhere", None, n_devices=2000, online=None), camera("first remedy", offset(CENTRE, -1800, -1800), access="unlinked"),
        radio_site("R", west), radio_site("S", east, operator="电信", online=None),
        *(asset("sensors", f"s-{i}", p, domain="environment" if i % 2 else "water") for i, p in enumerate(places[::5])),
    ]  # fmt: skip


def twin_of(records: list[Record]) -> Twin:
    twin = Twin(MemoryStore(), WITH_EXAMPLES, read_grid, lambda: NOW)
    if records:
        twin.commit([Edit("add", r) for r in records], author="test", reason="a small world", sources=[HAND])
    return twin


@pytest.fixture(scope="module")
def small() -> Twin:
    return twin_of([*borders(), *assets()])


@pytest.fixture(scope="module")
def bare() -> Twin:
    """Borders and no asset: whatever a clause asks for is missing."""
    return twin_of(borders())


def covered(twin: Twin, rule: str, *more: str) -> dict[str, Any]:
    """What the command line prints of a rule over a twin."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("twin.opening.open_twin", lambda settings: twin)
        answer = CliRunner().invoke(main, ["cover", rule, "--json", *more])
    assert answer.exit_code == 0, answer.output
    return dict(json.loads(answer.stdout))


@contextmanager
def asking(twin: Twin) -> Iterator[httpx.Client]:
    """A client of an app that serves the twin."""
    app = create_app(twin, Settings(store="memory:"))
    with (
        start_blocking_portal() as portal,
        httpx.Client(transport=InProcess(app, portal), base_url="http://t") as client,
    ):
        yield client


@pytest.fixture(scope="module")
def client(small: Twin) -> Iterator[httpx.Client]:
    with asking(small) as found:
        yield found


@pytest.mark.parametrize("rule", RULE_IDS)
def test_every_rule_over_a_small_world_is_as_the_schema_says(small: Twin, rule: str) -> None:
    told = covered(small, rule, "--cells", "9", "--readings")
    WHOLE.validate(told)
    assert told["schema"] == SCHEMA["$id"]
    assert told["cells"]["resolution"] == 9
    assert told["readings"]["readings"][0]["declared"] is True


@pytest.mark.parametrize("rule", RULE_IDS)
def test_every_rule_without_any_asset_is_as_the_schema_says(bare: Twin, rule: str) -> None:
    told = covered(bare, rule, "--cells", "8", "--readings")
    WHOLE.validate(told)
    assert told["result"]["status"] == "no-data"
    assert (told["result"]["value"], told["result"]["met"]) == (None, None)


def test_the_small_world_fills_what_the_schema_describes(small: Twin) -> None:
    """Else the tests above would say nothing of gaps, remedies, intervals and the like."""
    density, service = (covered(small, r, "--cells", "9") for r in ("camera-density", "charger-service"))
    by_hex = covered(small, "camera-density", "--set", "spatial_unit=cell", "--cells", "9")
    gap = density["gaps"]["features"][0]["properties"]
    assert gap["n_missing"] > 0
    assert gap["remedies"]
    assert gap["worst_window_missing"] > 0
    assert len(density["areas"]) == 2
    assert service["gaps"]["features"][0]["properties"]["missing_m"] > 0
    assert {"nearest_m", "n"} <= set(service["cells"])
    assert {"window_km2", "low", "high", "note"} <= set(by_hex["cells"])
    for told in (density, service, by_hex):
        WHOLE.validate(told)


def test_an_empty_store_is_an_error_at_the_command_line_and_no_data_over_http() -> None:
    empty = twin_of([])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("twin.opening.open_twin", lambda settings: empty)
        answer = CliRunner().invoke(main, ["cover", "charger-service", "--json", "--readings"])
    assert (answer.exit_code, answer.stdout) == (2, "")
    with asking(empty) as client:
        results = client.get("/coverage").json()["results"]
    assert [r["rule"] for r in results] == RULE_IDS
    for result in results:
        RESULT.validate(result)
        assert result["status"] == "no-data"
        assert result["reason"]["en"]


@pytest.mark.parametrize("rule", RULE_IDS)
def test_a_result_over_http_is_the_result_of_the_schema(client: httpx.Client, rule: str) -> None:
    RESULT.validate(client.get(f"/coverage/{rule}").json())
    RESULT.validate(client.get(f"/coverage/{rule}", params={"area": "310112101"}).json())


def test_all_results_and_a_trial_without_changes_are_results_of_the_schema(client: httpx.Client) -> None:
    for result in client.get("/coverage").json()["results"]:
        RESULT.validate(result)
    drawn = {"polygon": json.loads(json.dumps(square(500).__geo_interface__))}
    RESULT.validate(client.post("/coverage/charger-service", json=drawn).json())


def broken(told: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """One fault each."""

    def with_fault(spoil: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
        copy = deepcopy(told)
        spoil(copy)
        return copy

    gap = lambda d: d["gaps"]["features"][0]  # noqa: E731
    yield "another schema", with_fault(lambda d: d.update(schema="urn:twin:schema:cover:2"))
    for name, place in {
        "top": lambda d: d, "result": lambda d: d["result"], "clause": lambda d: d["result"]["clause"],
        "document": lambda d: d["result"]["clause"]["document"], "state": lambda d: d["result"]["by_state"],
        "label": lambda d: d["result"]["labels"][0], "row": lambda d: d["areas"][0], "gaps": lambda d: d["gaps"],
        "gap": gap, "figures": lambda d: gap(d)["properties"], "part": lambda d: gap(d)["properties"]["areas"][0],
        "geometry": lambda d: gap(d)["geometry"], "cells": lambda d: d["cells"], "readings": lambda d: d["readings"],
        "reading": lambda d: d["readings"]["readings"][0],
    }.items():  # fmt: skip
        yield f"unknown field: {name}", with_fault(lambda d, place=place: place(d).update(undocumented=1))
    for name in SCHEMA["$defs"]["result"]["required"]:
        yield f"without {name}", with_fault(lambda d, name=name: d["result"].pop(name))
    yield "share above 1", with_fault(lambda d: d["result"].update(share=1.5))
    yield "value as text", with_fault(lambda d: d["result"].update(value="0.78"))
    yield "a day for a time", with_fault(lambda d: d["result"].update(as_of="2026-03-31"))
    yield "a status unknown", with_fault(lambda d: d["cells"]["status"].append("maybe"))
    yield "half a position", with_fault(lambda d: gap(d)["properties"].update(deepest_lnglat=[121.4]))
    yield "three ends", with_fault(lambda d: d["readings"].update(interval=[0.1, 0.2, 0.3]))


def test_a_changed_answer_is_refused(small: Twin) -> None:
    told = covered(small, "charger-service", "--cells", "8", "--readings")
    WHOLE.validate(told)
    faulty = dict(broken(told))
    assert len(faulty) > 60
    assert [name for name, answer in faulty.items() if WHOLE.is_valid(answer)] == []


def test_parameters_and_facts_are_open(small: Twin) -> None:
    told = covered(small, "charger-service")
    told["result"]["facts"]["n_of_something_new"] = 1
    told["result"]["parameters"]["new_m"] = 2.0
    WHOLE.validate(told)


def test_the_schema_is_one_and_says_what_every_field_is() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    described = dict(properties_of(SCHEMA, "$"))
    assert len(described) > 130
    assert [path for path, field in described.items() if not field.get("description", "").endswith(".")] == []
    units = {"_m": "metres", "_km2": "km²"}
    for path, field in described.items():
        for ending, unit in units.items():
            if path.endswith((ending, f"{ending}_published")):
                assert unit in field["description"], path


def properties_of(schema: Any, path: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every field that a schema names, by its path."""
    if isinstance(schema, list):
        for number, one in enumerate(schema):
            yield from properties_of(one, f"{path}[{number}]")
    if not isinstance(schema, dict):
        return
    for key, value in schema.items():
        if key == "properties":
            for name, field in value.items():
                yield f"{path}.{name}", field
                yield from properties_of(field, f"{path}.{name}")
        else:
            yield from properties_of(value, f"{path}/{key}")


def test_its_closed_sets_are_those_of_the_code() -> None:
    defs = SCHEMA["$defs"]
    result, row = defs["result"]["properties"], defs["area_row"]["properties"]
    assert tuple(defs["operator"]["enum"]) == get_args(Operator)
    assert tuple(defs["strength"]["enum"]) == get_args(Strength)
    assert tuple(result["kind"]["enum"]) == get_args(RuleKind)
    assert tuple(result["status"]["enum"]) == get_args(ResultStatus)
    assert tuple(row["level"]["enum"]) == LEVELS
    assert set(defs["label"]["properties"]["id"]["enum"]) == set(LABELS)
    assert tuple(defs["by_state"]["properties"]) == LIFECYCLES


def test_it_is_served_and_listed(client: httpx.Client) -> None:
    answer = client.get("/schemas/cover.json")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/schema+json")
    assert answer.json() == SCHEMA
    again = client.get("/schemas/cover.json", headers={"if-none-match": answer.headers["etag"]})
    assert again.status_code == 304
    missing = client.get("/schemas/other.json")
    assert missing.status_code == 404
    assert "cover.json" in missing.json()["detail"]
    told = client.get("/openapi.json").json()["paths"]["/schemas/{name}"]["get"]["responses"]["200"]
    assert "application/schema+json" in told["content"]
