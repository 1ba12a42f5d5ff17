"""What is wrong with a clause of a planner's own is said where it lies, all at once."""

from __future__ import annotations

from typing import Any

import pytest

from tests.world import PLAN
from twin.coverage import clause_faults

COUNT = {"rule": "count", "operator": "at-least", "value": 3, "unit": "个"}
SHARE = {"rule": "share", "operator": "at-least", "value": 0.5, "unit": "share"}
DENSITY = {"rule": "density", "operator": "at-least", "value": 3, "unit": "个/km²"}
SERVICE = {"rule": "service", "operator": "at-least", "value": 0.9, "unit": "share"}
CHARGERS: dict[str, Any] = {"layer": "chargers"}
OWN: dict[str, Any] = {"layer": "chargers", "having": {"online": True}}
# clause, parameters, where the fault lies, what it must say in English
WRONG: dict[str, tuple[dict[str, Any], dict[str, Any], tuple[Any, ...], str]] = {
    "no layer": (COUNT, {}, ("parameters", "layer"), "missing"),
    "unknown layer": (COUNT, {"layer": "charger"}, ("parameters", "layer"), "did you mean chargers"),
    "no point layer": (COUNT, {"layer": "roads"}, ("parameters", "layer"), "known: cameras"),
    "layer is no text": (COUNT, {"layer": 3}, ("parameters", "layer"), "text"),
    "unknown parameter": (COUNT, {**CHARGERS, "state": ["operating"]}, ("parameters", "state"), "did you mean states"),
    "unknown field": (COUNT, {**CHARGERS, "where": {"acces": "own"}}, ("parameters", "where", "acces"), "unknown field"),
    "field of another layer": (COUNT, {**CHARGERS, "where": {"access": "own"}}, ("parameters", "where", "access"), "station_type"),
    "value not in the domain": (COUNT, {**CHARGERS, "where": {"station_type": "pubic"}}, ("parameters", "where", "station_type"), "did you mean public"),
    "the domain is listed": (COUNT, {**CHARGERS, "where": {"station_type": 3}}, ("parameters", "where", "station_type"), "public, private, bus"),
    "a standard's code": (COUNT, {**CHARGERS, "where": {"station_type": "公交"}}, ("parameters", "where", "station_type"), "did you mean bus"),
    "one value of a list": (COUNT, {**CHARGERS, "where": {"station_type": ["bus", "x"]}}, ("parameters", "where", "station_type", 1), "no value"),
    "an empty list": (COUNT, {**CHARGERS, "where": {"station_type": []}}, ("parameters", "where", "station_type"), "empty"),
    "text for a number": (COUNT, {**CHARGERS, "where": {"max_power_kw": "60"}}, ("parameters", "where", "max_power_kw"), "number"),
    "below the field's range": (COUNT, {**CHARGERS, "where": {"max_power_kw": {"min": -1}}}, ("parameters", "where", "max_power_kw", "min"), "kW"),
    "an unknown limit": (COUNT, {**CHARGERS, "where": {"max_power_kw": {"minimum": 1}}}, ("parameters", "where", "max_power_kw", "minimum"), "min"),
    "no limit": (COUNT, {**CHARGERS, "where": {"max_power_kw": {}}}, ("parameters", "where", "max_power_kw"), "min"),
    "limits the wrong way round": (COUNT, {**CHARGERS, "where": {"max_power_kw": {"min": 2, "max": 1}}}, ("parameters", "where", "max_power_kw"), "greater"),
    "a range of words": (COUNT, {**CHARGERS, "where": {"station_type": {"min": 1}}}, ("parameters", "where", "station_type"), "numbers"),
    "not true or false": (COUNT, {**CHARGERS, "where": {"online": "true"}}, ("parameters", "where", "online"), "true or false"),
    "the state as a condition": (COUNT, {**CHARGERS, "where": {"lifecycle": "operating"}}, ("parameters", "where", "lifecycle"), "states"),
    "no table": (COUNT, {**CHARGERS, "where": "station_type"}, ("parameters", "where"), "table"),
    "an unknown state": (COUNT, {**CHARGERS, "states": ["operating", "running"]}, ("parameters", "states", 1), "must be one of"),
    "no condition to have": (SHARE, CHARGERS, ("parameters", "having"), "missing"),
    "an empty condition to have": (SHARE, {**CHARGERS, "having": {}}, ("parameters", "having"), "empty"),
    "an unknown field to have": (SHARE, {**CHARGERS, "having": {"power": 3}}, ("parameters", "having", "power"), "unknown field"),
    "a count per km²": ({**COUNT, "unit": "个/km²"}, CHARGERS, ("unit",), "not per km²"),
    "a count in per cent": ({**COUNT, "unit": "%"}, CHARGERS, ("unit",), "no share"),
    "a count as a share": ({**COUNT, "unit": "share"}, CHARGERS, ("unit",), "no share"),
    "a count in a measure": ({**COUNT, "unit": "km²"}, CHARGERS, ("unit",), "no measure"),
    "a negative count": ({**COUNT, "value": -1}, CHARGERS, ("value",), "negative"),
    "a share in per cent": ({**SHARE, "unit": "%"}, OWN, ("unit",), "0.9"),
    "a share of 90": ({**SHARE, "value": 90}, OWN, ("value",), "0 to 1"),
    "more than all": ({**SHARE, "operator": "more-than", "value": 1.0}, OWN, ("value",), "more than 1"),
    "every, but not all": ({**SHARE, "operator": "every", "value": 0.9}, OWN, ("value",), "1.0"),
    "every, without a value": ({**SHARE, "operator": "every", "value": None}, OWN, ("value",), "1.0"),
    "an indicator with a target": ({**SHARE, "operator": "indicator"}, OWN, ("value",), "leave value out"),
    "a count of every": ({**COUNT, "operator": "every"}, CHARGERS, ("operator",), "at-least, more-than"),
    "a density that is not per km²": ({**DENSITY, "unit": "个"}, CHARGERS, ("unit",), "per square kilometre"),
    "a density per something else": ({**DENSITY, "unit": "个/人"}, CHARGERS, ("unit",), "per square kilometre"),
    "a density at most": ({**DENSITY, "operator": "at-most"}, CHARGERS, ("operator",), "at-least"),
    "a window smaller than its least part": (DENSITY, {**CHARGERS, "window_km2": 0.1}, ("parameters",), "window_km2"),
    "an unknown spatial unit": (DENSITY, {**CHARGERS, "spatial_unit": "hex"}, ("parameters", "spatial_unit"), "window, cell, town"),
    "a radius in kilometres": (SERVICE, {**CHARGERS, "radius_m": 900, "radius_km": 0.9}, ("parameters", "radius_km"), "did you mean radius_m (metres)"),
    "only a radius in kilometres": (SERVICE, {**CHARGERS, "radius_km": 0.9}, ("parameters", "radius_km"), "did you mean radius_m (metres)"),
    "no radius": (SERVICE, CHARGERS, ("parameters", "radius_m"), "missing"),
    "a negative radius": (SERVICE, {**CHARGERS, "radius_m": -1}, ("parameters", "radius_m"), "greater than 0"),
    "a zone's radius in kilometres": (SERVICE, {**CHARGERS, "radius_m": 900, "zones": [{"code": "a", "radius_m": 1}, {"code": "b", "radius_km": 1}]}, ("parameters", "zones", 1, "radius_km"), "radius_m (metres)"),
    "a zone without a radius": (SERVICE, {**CHARGERS, "radius_m": 900, "zones": [{"code": "a"}]}, ("parameters", "zones", 0, "radius_m"), "missing"),
    "a service in per cent": ({**SERVICE, "unit": "%", "value": 0.9}, {**CHARGERS, "radius_m": 900}, ("unit",), "0.9"),
    "a service of 90": ({**SERVICE, "value": 90}, {**CHARGERS, "radius_m": 900}, ("value",), "0 to 1"),
    "equal, but not all": ({**SERVICE, "operator": "equal", "value": 0.9}, {**CHARGERS, "radius_m": 900}, ("value",), "1.0"),
    "an unknown rule": ({**COUNT, "rule": "counts"}, CHARGERS, ("rule",), "did you mean count"),
    "ours that is no parameter": ({**COUNT, "ours": ["layer", "wher"]}, CHARGERS, ("ours", 1), "did you mean where"),
}  # fmt: skip


@pytest.mark.parametrize(("clause", "parameters", "path", "said"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_with_a_clause_is_said_where_it_lies(clause, parameters, path, said):
    (fault,) = clause_faults({**clause, "parameters": parameters})
    assert fault.path == path
    assert said in fault.words.en
    assert any("一" <= c <= "鿿" for c in fault.words.zh)


def test_all_that_is_wrong_with_a_clause_is_said_at_once():
    parameters = {
        "layer": "chargers",
        "radius_km": 1,
        "where": {"a": 1, "station_type": "b"},
        "having": {"online": 1},
        "states": ["c"],
    }
    found = clause_faults(
        {"rule": "share", "operator": "equal", "value": 2, "unit": "%", "parameters": parameters, "ours": ["d"]}
    )
    assert {f.path for f in found} == {
        ("operator",), ("value",), ("unit",), ("ours", 0), ("parameters", "radius_km"), ("parameters", "where", "a"),
        ("parameters", "where", "station_type"), ("parameters", "having", "online"), ("parameters", "states", 0),
    }  # fmt: skip


def test_the_plans_own_service_rules_take_full_coverage_only():
    table = {
        "rule": "charger-service",
        "operator": "at-least",
        "value": 0.9,
        "unit": "share",
        "parameters": {"zones": [], "radius_m": 900},
    }
    (fault,) = clause_faults(table)
    assert (fault.path, "service" in fault.words.en) == (("value",), True)
    assert clause_faults({**table, "rule": "service", "parameters": {"layer": "chargers", "radius_m": 900}}) == []


@pytest.mark.parametrize("unit", ["个", "座", "项", "站", "cameras"])
def test_what_is_counted_may_be_called_anything(unit):
    assert clause_faults({**COUNT, "unit": unit, "parameters": CHARGERS}) == []


def test_the_plans_own_clauses_have_targets_of_their_kinds():
    for clause in PLAN.clauses:
        table = {"rule": clause.rule, "operator": clause.operator, "value": clause.value, "unit": clause.unit,
                 "parameters": clause.parameters, "ours": list(clause.ours)}  # fmt: skip
        assert clause_faults(table) == []
