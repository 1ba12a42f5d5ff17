"""The quality of the layers' data on the map: a badge beside each layer, and a label where a result stands on a bad one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.browser.stage import Visit, served, visit
from tests.world import CENTRE, camera, charger, district, offset, twin_with

pytestmark = pytest.mark.browser
BADGES = "[...document.querySelectorAll('#layer-list .quality')]"


@pytest.fixture(scope="module")
def poor() -> Iterator[str]:
    """A twin whose chargers lack half of what a record should have."""
    stations = [charger(f"s{i}", offset(CENTRE, 900 * i, 0)) for i in range(3)]
    with served(twin_with([*stations, camera("c", CENTRE), *district()])) as url:
        yield url


def test_every_asset_layer_has_a_badge_with_its_score_and_parts(map_page: Visit) -> None:
    map_page.page.click("[data-key=layers]")
    map_page.until(f"{BADGES}.length === 4")
    assert all(
        text.startswith("● 质量 9") or text == "● 质量 100 %"
        for text in map_page.page.evaluate(f"{BADGES}.map(b => b.textContent)")
    )
    tip = map_page.page.evaluate(f"{BADGES}[0].title").split("\n")
    assert [line.split()[1] for line in tip[1:]] == ["完整性", "位置有效", "坐标系已声明", "时效性", "无重复"]
    assert tip[1].startswith("● 完整性 100 % ≥ 80.0 %：重要字段")


def test_a_failing_layer_is_marked_and_the_result_on_it_says_so_in_both_languages(browser: Browser, poor: str) -> None:
    shown = visit(browser, poor, 1366, 768).open()
    shown.page.click("[data-key=layers]")
    shown.until(f"{BADGES}.length === 2")
    assert shown.page.evaluate(f"{BADGES}[0].classList.contains('unmet')")
    assert "▲ 完整性" in shown.page.evaluate(f"{BADGES}[0].title")
    for place in ("#legend .labels", "#foot .labels"):
        assert "数据质量未达标：充电站（完整性）" in shown.page.inner_text(place)
    shown.page.click("#en")
    assert "Data quality below the threshold: Charging stations (completeness)" in shown.page.inner_text(
        "#foot .labels"
    )
    assert "▲ Completeness" in shown.page.evaluate(f"{BADGES}[0].title")
    assert shown.complaints == []
    shown.page.context.close()
