"""The plan as data."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.world import PLAN
from twin.coverage import RULES
from twin.errors import NotFound, PlanInvalid
from twin.plan import plan_from_mapping
from twin.readers.plan_file import read_plan

# id, operator, value, strength: the clauses as the plan's digest has them
CLAUSES = [
    ("radio-site-count", "at-least", 5000, "stated"),
    ("radio-coverage", "equal", 1.0, "stated"),
    ("sensor-count", "at-least", 100_000, "stated"),
    ("camera-count", "at-least", 70_000, "aspired"),
    ("camera-density", "at-least", 180, "aspired"),
    ("charger-service", "equal", 1.0, "stated"),
    ("charger-balance", "indicator", None, "direction"),
    ("lifecycle", "every", 1.0, "stated"),
    ("vital-signs", "more-than", 70, "stated"),
    ("net-access", "at-least", 1000, "stated"),
    ("net-home", "more-than", 500, "stated"),
]


@pytest.mark.parametrize(("clause_id", "operator", "value", "strength"), CLAUSES)
def test_the_clauses_are_those_of_the_plan(clause_id, operator, value, strength):
    clause = PLAN.clause(clause_id)
    assert (clause.operator, clause.value, clause.strength) == (operator, value, strength)
    assert clause.quote
    assert not re.search(r"[一-鿿]", clause.quote_en)


def test_no_clause_is_left_out_and_every_rule_reads_its_parameters():
    assert {c.id for c in PLAN.clauses} == {c[0] for c in CLAUSES}
    for clause in PLAN.clauses:
        RULES[clause.rule].read(clause.parameters)


def test_charging_radii_are_the_plans():
    clause = PLAN.clause("charger-service")
    assert clause.parameters["zones"] == [{"code": "outer-ring", "radius_m": 900}]
    assert clause.parameters["radius_m"] == 1500
    assert not {"zones", "radius_m"} & set(clause.ours)


def test_all_faults_are_told_at_once():
    raw = {
        "documents": [{"id": "d", "title": "t"}],
        "clauses": [
            {"id": "a", "operator": "roughly", "value": "many", "colour": "red"},
            {"id": "b", "rule": "no-such-rule", "parameters": 3},
        ],
    }
    with pytest.raises(PlanInvalid) as error:
        plan_from_mapping(raw, list(RULES))
    told = {(f.where, f.column) for f in error.value.faults}
    expected = {("documents[1]", "title_en"), ("clauses[1] a", "operator"), ("clauses[1] a", "value"), ("clauses[1] a", "colour"),
                ("clauses[1] a", "quote"), ("clauses[2] b", "rule"), ("clauses[2] b", "parameters"), ("clauses[2] b", "value")}  # fmt: skip
    assert expected <= told


def test_an_id_taken_twice_and_an_empty_plan_are_faults():
    clause = {k: getattr(PLAN.clause("net-home"), k) for k in ("id", "title", "title_en", "quote", "quote_en", "document", "scope",
              "period", "operator", "value", "unit", "spatial_unit", "strength", "rule")}  # fmt: skip
    document = {
        k: getattr(PLAN.documents[clause["document"]], k) for k in ("id", "title", "title_en", "citation", "period")
    }
    with pytest.raises(PlanInvalid, match="taken"):
        plan_from_mapping({"documents": [document], "clauses": [clause, clause]}, list(RULES))
    with pytest.raises(PlanInvalid, match="no clause"):
        plan_from_mapping({}, list(RULES))


def test_a_file_that_is_missing_or_no_toml_says_so(tmp_path: Path):
    with pytest.raises(NotFound):
        read_plan(tmp_path / "plan.toml")
    (tmp_path / "plan.toml").write_text("clauses = [")
    with pytest.raises(PlanInvalid, match="TOML"):
        read_plan(tmp_path / "plan.toml")


def test_an_unknown_clause_names_the_known_ones():
    with pytest.raises(NotFound, match="charger-service"):
        PLAN.clause("chargers")
