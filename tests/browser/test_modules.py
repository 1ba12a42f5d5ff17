"""The page's pure modules, run in the browser: how figures are written, both dictionaries, where labels go."""

from __future__ import annotations

import json
import re
from dataclasses import fields
from typing import Any

import pytest

from tests.browser.stage import static_folder
from twin.coverage import RULES

pytestmark = pytest.mark.browser

FIGURES: list[tuple[str, str]] = [
    ("f.share(0.9996)", "99.9 %"),
    ("f.share(1)", "100 %"),
    ("f.share(0.7836158)", "78.3 %"),
    ("f.share(0.29)", "29.0 %"),
    ("f.share(0)", "0.0 %"),
    ("f.share(null)", "—"),
    ("f.density(179.97)", "179.9"),
    ("f.density(180)", "180.0"),
    ("f.density(undefined)", "—"),
    ("f.km2(0)", "0.00 km²"),
    ("f.km2(0.0004)", "< 0.01 km²"),
    ("f.km2(1031.2)", "1,031.20 km²"),
    ("f.metres(899.6)", "899 m"),
    ("f.metres(900.2, true)", "901 m"),
    ("f.metres(900, true)", "900 m"),
    ("f.metres(12345)", "12.3 km"),
    ("f.count(2653489)", "2,653,489"),
    ("f.people(2653489, 'zh')", "265.3 万人"),
    ("f.people(2653489, 'en')", "2,653,489 people"),
    ("f.points(0.0342, 'zh')", "+3.42 个百分点"),
    ("f.points(-0.0101, 'en')", "−1.01 pp"),
    ("f.points(0, 'en')", "±0.00 pp"),
    ("f.date('2025-12-31T15:59:59Z', 'zh')", "2025年12月31日"),
    ("f.date('2025-12-31T16:00:00Z', 'en')", "1 Jan 2026"),
    ("f.moment('2026-03-31T04:05:00Z', 'zh')", "2026年3月31日 12:05"),
    ("f.isoDay('2025-12-31T20:00:00Z')", "2026-01-01"),
    ("f.date(null, 'zh')", "—"),
    ("f.value(186.756, '个/km²', 'zh')", "186.7 个/km²"),
    ("f.value(186.756, '个/km²', 'en')", "186.7 per km²"),
    ("f.value(5106, '个', 'zh')", "5,106 个"),
    ("f.fill('{a} 至 {b}', {a: 1})", "1 至 —"),
]


@pytest.fixture(scope="module")
def run(browser: Any, address: str) -> Any:
    """Evaluates an expression over a module of the page, named ``f``."""
    page = browser.new_context().new_page()
    page.goto(address + "/map")
    release = page.evaluate("document.querySelector('script[type=module]').src.replace('main.js', '')")

    def evaluate(module: str, expression: str) -> Any:
        return page.evaluate(f"import('{release}{module}').then(f => {expression})")

    yield evaluate
    page.context.close()


@pytest.mark.parametrize(("expression", "written"), FIGURES, ids=[e for e, _ in FIGURES])
def test_figures_are_written_as_the_design_says(run: Any, expression: str, written: str) -> None:
    assert run("format.js", expression).strip() == written


def test_every_word_is_there_in_both_languages_with_the_same_gaps_to_fill(run: Any) -> None:
    words = run("words.js", "f.WORDS")
    assert {len(pair) for pair in words.values()} == {2}
    assert [k for k, pair in words.items() if not all(pair)] == []
    assert [k for k, (zh, en) in words.items() if holes(zh) != holes(en)] == []
    assert [k for k, (_, en) in words.items() if re.search(r"[\u4e00-\u9fff]", en)] == []


def holes(sentence: str) -> set[str]:
    return set(re.findall(r"{(\w+)}", sentence))


def test_every_word_that_the_page_asks_for_is_there(run: Any) -> None:
    known = set(run("words.js", "Object.keys(f.WORDS)"))
    asked: set[str] = set()
    for module in static_folder().glob("*.js"):
        asked |= set(re.findall(r"\bt\('([\w.-]+)'", module.read_text("utf-8")))
    page = (static_folder().parent / "templates" / "map.html").read_text("utf-8")
    asked |= set(re.findall(r'data-word(?:-label)?="([\w.-]+)"', page))
    assert asked - known == set()


def test_labels_never_cover_each_other_and_the_first_has_its_place(run: Any) -> None:
    made = run(
        "labels.js",
        """(() => {
            const viewport = {width: 400, height: 300, project: p => p, unproject: p => p};
            const names = ['江川路街道', '颛桥镇', '闵行区', '马桥镇'].map((text, i) => ({text, size: 13, at: [[200 + i, 150]]}));
            const placed = f.place(names, viewport);
            return {placed, boxes: placed.map(p => f.boxAround(p.at, p.text, p.size))};
        })()""",
    )
    assert [p["text"] for p in made["placed"]] == ["江川路街道", "颛桥镇", "闵行区", "马桥镇"]
    assert made["placed"][0]["at"] == [200, 150]
    boxes = made["boxes"]
    for i, a in enumerate(boxes):
        for b in boxes[i + 1 :]:
            assert a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1]


def test_a_value_on_a_break_belongs_to_the_class_above(run: Any) -> None:
    assert run("classes.js", "f.intervals([60, 120, 180, 360], 'target')") == [
        "x < 60", "60 ≤ x < 120", "120 ≤ x < 180", "180 ≤ x < 360", "x ≥ 360",
    ]  # fmt: skip


def test_dashes_cover_their_part_of_a_path(run: Any) -> None:
    drawn = run("geometry.js", "f.dashes([[121, 31], [121.1, 31]], 700, 500).map(p => f.roughMetres(p[0], p.at(-1)))")
    assert all(abs(length - 700) < 1 for length in drawn[:-1])
    assert len(drawn) == 8


def test_every_parameter_of_every_rule_has_its_words(run: Any) -> None:
    names = sorted({field.name for rule in RULES.values() for field in fields(rule.parameters)})
    assert run("words.js", f"{json.dumps(names)}.filter(name => !(`param.${{name}}` in f.WORDS))") == []
