"""The plan as data."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.world import PLAN
from twin.coverage import RULES
from twin.errors import NotFound, PlanInvalid
from twin.plan import ClauseFault
from twin.readers.plan_file import read_plan, rule_files

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


DOCUMENT = """
[[documents]]
id = "d"
title = "文件"
title_en = "document"
citation = "文件"
period = "2026"
"""
CLAUSE = """
[[clauses]]
id = "sensors-here"
title = "题"
title_en = "title"
quote = "原文"
quote_en = "quote"
document = "d"
scope = "310112"
period = "2026"
operator = "at-least"
value = 3
unit = "个"
spatial_unit = "全区"
strength = "direction"
rule = "count"
parameters = { layer = "sensors" }
"""


@pytest.fixture
def written(tmp_path: Path):
    def write(text: str, name: str = "plan.toml") -> Path:
        path = tmp_path / name
        path.write_text(text, "utf-8")
        return path

    return write


def faults(*files: Path) -> list[tuple[str, int, str, str]]:
    """``(file, line, clause, field)`` of every fault."""
    with pytest.raises(PlanInvalid) as error:
        read_plan(files[0], files[1:])
    assert all(isinstance(fault, ClauseFault) for fault in error.value.faults)
    for fault in error.value.faults:
        assert fault.where.startswith(f"{fault.file}:{fault.line}")
        assert re.search(r"[一-鿿]", fault.words.zh)
        assert not re.search(r"[一-鿿]", fault.words.en.replace("个", ""))
    return [(Path(f.file).name, f.line, f.clause, f.column) for f in error.value.faults]


def test_all_faults_are_told_at_once_each_with_its_line(written):
    plan = written("""
[[documents]]
id = "d"
title = "t"
colour = "red"
[[clauses]]
id = "a"
operator = "roughly"
value = "many"
quote = " "
[[clauses]]
id = "b"
rule = "no-such-rule"
parameters = 3
ours = "x"
""")
    found = faults(plan)
    expected = {("plan.toml", 2, "d", "title_en"), ("plan.toml", 5, "d", "colour"), ("plan.toml", 8, "a", "operator"),
                ("plan.toml", 9, "a", "value"), ("plan.toml", 10, "a", "quote"), ("plan.toml", 6, "a", "unit"),
                ("plan.toml", 13, "b", "rule"), ("plan.toml", 14, "b", "parameters"), ("plan.toml", 11, "b", "value"),
                ("plan.toml", 15, "b", "ours")}  # fmt: skip
    assert expected <= set(found)
    assert [line for _, line, _, _ in found] == sorted(line for _, line, _, _ in found)


def test_an_empty_plan_is_a_fault_and_so_is_what_is_no_table_of_ours(written):
    assert faults(written("")) == [("plan.toml", 1, "", "clauses")]
    assert faults(written(DOCUMENT + CLAUSE + "\n[[clause]]\nid = 'x'\n")) == [("plan.toml", 26, "", "clause")]
    assert ("plan.toml", 1, "", "clauses") in faults(written("[clauses]\nid = 'x'\n"))
    assert ("plan.toml", 1, "", "documents") in faults(written("documents = [3]\n" + CLAUSE))


def test_an_id_taken_twice_names_both_places(written):
    plan, more = written(DOCUMENT + CLAUSE), written("\n" + CLAUSE, "more.toml")
    assert faults(plan, more) == [("more.toml", 4, "sensors-here", "id")]
    with pytest.raises(PlanInvalid, match=re.escape(f"{plan}:10")):
        read_plan(plan, [more])
    assert faults(plan, written(DOCUMENT, "more.toml")) == [("more.toml", 3, "d", "id")]


@pytest.mark.parametrize("name", ["", "Über", "a/b", "a b", "-a"])
def test_an_id_must_be_able_to_stand_in_an_address(written, name: str):
    (fault,) = faults(written(DOCUMENT + CLAUSE.replace("sensors-here", name)))
    assert (fault[1], fault[3]) == (10, "id")


def test_clauses_keep_the_order_of_their_files_the_plans_first(written):
    plan = written(DOCUMENT + CLAUSE)
    second = written(CLAUSE.replace("sensors-here", "b") + CLAUSE.replace("sensors-here", "a"), "a.toml")
    third = written(CLAUSE.replace("sensors-here", "0"), "b.toml")
    assert [c.id for c in read_plan(plan, [second, third]).clauses] == ["sensors-here", "b", "a", "0"]


def test_a_clause_cites_a_document_of_its_own_file_or_of_the_plan(written):
    plan, own = written(DOCUMENT + CLAUSE), DOCUMENT.replace('"d"', '"own"')
    uncited = CLAUSE.replace('document = "d"\n', "").replace("sensors-here", "mine")
    read = read_plan(plan, [written(own + uncited, "more.toml")])
    assert (read.clause("mine").document, set(read.documents)) == ("own", {"d", "own"})
    assert faults(plan, written(uncited, "more.toml")) == [("more.toml", 2, "mine", "document")]
    other = written(own + own.replace('"own"', '"two"') + uncited, "more.toml")
    assert faults(plan, other) == [("more.toml", 16, "mine", "document")]
    cites_anothers = written(
        CLAUSE.replace('document = "d"', 'document = "own"').replace("sensors-here", "x"), "z.toml"
    )
    assert faults(plan, written(own + uncited, "more.toml"), cites_anothers) == [("z.toml", 8, "x", "document")]


def test_a_file_that_is_missing_or_no_toml_says_so_with_its_line(written, tmp_path: Path):
    with pytest.raises(NotFound):
        read_plan(tmp_path / "plan.toml")
    plan = written("a = 1\nclauses = [")
    with pytest.raises(PlanInvalid, match="TOML"):
        read_plan(plan)
    assert faults(plan)[0][:2] == ("plan.toml", 2)
    assert faults(written("a = 1\nb = = 2\n"))[0][:2] == ("plan.toml", 2)
    assert faults(written("x = " + "[" * 100_000))[0][0] == "plan.toml"
    gbk = tmp_path / "gbk.toml"
    gbk.write_bytes("a = 1\n# 规则".encode("gb18030"))
    assert faults(gbk)[0][:2] == ("gbk.toml", 2)
    folder = tmp_path / "folder.toml"
    folder.mkdir()
    assert faults(folder)[0][0] == "folder.toml"


def test_files_that_cannot_be_read_and_faults_in_others_are_told_together(written):
    plan, broken = written(DOCUMENT + CLAUSE), written("x = ", "broken.toml")
    wrong = written(CLAUSE.replace("sensors-here", "mine").replace("sensors", "sensor"), "wrong.toml")
    assert {(name, line) for name, line, _, _ in faults(plan, broken, wrong)} == {
        ("broken.toml", 1),
        ("wrong.toml", 17),
    }


def test_a_file_as_windows_saves_it_is_read(written, tmp_path: Path):
    plan = tmp_path / "plan.toml"
    plan.write_bytes(b"\xef\xbb\xbf" + (DOCUMENT + CLAUSE).replace("\n", "\r\n").encode())
    assert [c.id for c in read_plan(plan).clauses] == ["sensors-here"]
    plan.write_bytes(plan.read_bytes().replace(b"value = 3", b"value = -3"))
    assert faults(plan) == [("plan.toml", 19, "sensors-here", "value")]


def test_the_rule_files_of_a_folder_are_its_toml_files_by_name(tmp_path: Path):
    assert rule_files(tmp_path / "rules") == []
    with pytest.raises(NotFound, match="folder"):
        rule_files(tmp_path / "rules", required=True)
    for name in ("b.toml", "a.toml", "notes.txt", "c.toml.bak"):
        (tmp_path / name).touch()
    assert [path.name for path in rule_files(tmp_path)] == ["a.toml", "b.toml"]


def test_faults_in_the_parameters_of_the_plans_own_rules_are_found_on_reading(written):
    own = Path(__file__).parent.parent / "geodata" / "plan.toml"
    text = (
        own.read_text("utf-8")
        .replace("radius_m = 1500", "radius_km = 1.5")
        .replace("radius_m = 900 }", "radius_m = 0 }")
    )
    text = text.replace('"road", "water"', '"roads", "water"').replace("window_km2 = 1.0", "window_km2 = 0.1")
    lines = text.splitlines()
    found = {(lines[line - 1], clause, column) for _, line, clause, column in faults(written(text))}
    assert found == {
        ("radius_km = 1.5", "charger-service", "parameters.radius_km"),
        ('zones = [{ code = "outer-ring", radius_m = 0 }]', "charger-service", "parameters.zones[1].radius_m"),
        (next(line for line in lines if line.startswith("domains")), "sensor-count", "parameters.domains[2]"),
        ("[clauses.parameters]", "camera-density", "parameters"),
    }


def test_an_unknown_clause_names_the_known_ones():
    with pytest.raises(NotFound, match="charger-service"):
        PLAN.clause("chargers")
