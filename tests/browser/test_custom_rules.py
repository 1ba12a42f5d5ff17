"""A planner's own clauses on the map: a card, a legend, hexes, tables and reasons, as for the plan's."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.browser.stage import THINNED, Visit, reference_twin, served, visit
from twin.readers.plan_file import read_plan
from twin.settings import PROJECT

pytestmark = pytest.mark.browser

EXAMPLE = PROJECT / "geodata" / "rules-example.toml"
KEY = re.compile(r"\b(?:fact|layer|legend|class|tip|zone|unit|gap|chip|state|domain)\.[a-z]")
"""A word that has no text shows its key."""


@pytest.fixture(scope="module")
def own_rules(browser: Browser) -> Iterator[Visit]:
    twin = reference_twin(THINNED)
    twin.plan = read_plan(PROJECT / "geodata" / "plan.toml", [EXAMPLE])
    with served(twin) as address:
        made = visit(browser, address, 1100, 640)
        yield made.open()
        assert (made.elsewhere, made.complaints) == ([], [])
        made.page.context.close()


@pytest.mark.parametrize(
    ("rule", "figure", "swatches", "n_gaps"),
    [
        ("example-fast-charging", "%", 4, False),
        ("example-water-and-environment-sensors", "个", 5, False),
        ("example-environment-sensor-density", "个/km²", 5, True),
        ("example-fast-charging-service", "%", 3, True),
    ],
)
def test_a_clause_of_each_kind_has_its_card_its_legend_and_its_tables(
    own_rules: Visit, rule: str, figure: str, swatches: int, n_gaps: bool
) -> None:
    page = own_rules.choose(rule).page
    card = page.inner_text("#cards article")
    assert figure in card
    assert "示例" in card
    assert page.locator("#cards article .facts li").count() >= 2
    assert swatches <= page.locator("#legend ul li .swatch").count() <= swatches + 1
    assert (
        ("km²" in page.locator(".gap-buttons").all_inner_texts()[0])
        if n_gaps
        else page.locator(".gap-buttons").count() == 0
    )
    page.click("[data-key=open-towns]")
    assert page.locator("#drawer tbody tr").count() == 14
    page.click("[data-key=tab-gaps]")
    assert (page.locator("#drawer .by-gap tbody tr").count() > 0) is n_gaps
    assert KEY.findall(page.inner_text("body")) == []
    page.click("[data-key=close]")


def test_a_click_says_why_a_place_is_or_is_not_served_by_ones_own_clause(own_rules: Visit) -> None:
    page = own_rules.choose("example-fast-charging-service").page
    page.click(".gap-buttons button:nth-child(1)")
    own_rules.until(
        "document.getElementById('why-sentence')?.textContent.includes('此处未被服务：其他区域，限距 3,000 m')"
    )
    assert "设施" in page.inner_text("#why-sentence")
    assert page.locator("[data-key=try]").count() == 0
    own_rules.choose("example-fast-charging")
    box = page.locator("#map").bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    own_rules.until("document.getElementById('drawer').textContent.includes('没有逐点解释')")
    page.click("[data-key=close]")
