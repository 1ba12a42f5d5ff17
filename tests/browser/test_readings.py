"""「口径」: a clause's readings side by side, in both languages and on both screens; and what the point card adds."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser

from tests.browser.stage import Visit, served, visit
from tests.world import CENTRE, charger, district, offset, twin_with

pytestmark = pytest.mark.browser

SCREENS = {"desk": (1366, 768), "phone": (390, 844)}
STATES = {
    "planned": ("规划", "planned"), "building": ("建设", "building"), "managed": ("管理", "managed"),
    "operating": ("运营", "operating"), "retired": ("退役", "retired"),
}  # fmt: skip
CHINESE = re.compile(r"[\u4e00-\u9fff]")
KEY = re.compile(r"\b(?:param|reading|readings|state|access|domain|site|denominator|public_only|chip|town)\.[a-z]")
"""A word that has no text shows its key."""


@pytest.fixture(scope="module", params=[(lang, screen) for lang in ("zh", "en") for screen in SCREENS], ids="-".join)
def seen(request: pytest.FixtureRequest, browser: Browser, address: str) -> Iterator[tuple[Visit, str]]:
    """The map as it opens, in a language on a screen."""
    lang, screen = request.param
    made = visit(browser, address, *SCREENS[screen]).open(f"/map?lang={lang}")
    yield made, lang
    assert (made.elsewhere, made.complaints) == ([], [])
    made.page.context.close()


def per_cent(share: float) -> str:
    """One decimal, rounded towards not met: written here anew."""
    return "100 %" if share >= 1 else f"{math.floor(share * 1000 + 1e-6) / 10:.1f} %"


def readings_of(made: Visit, rule: str) -> dict[str, Any]:
    return dict(made.page.request.get(f"{made.address}/coverage/{rule}/readings").json())


def compare(made: Visit, rule: str) -> None:
    """Opens the readings of a clause."""
    made.page.click(f"[data-key=compare-{rule}]")
    made.page.wait_for_selector("#readings tbody tr")


def close(made: Visit) -> None:
    made.page.click("#readings form button")
    assert not made.page.is_visible("#readings")


def test_the_readings_of_a_clause_stand_side_by_side(seen: tuple[Visit, str]) -> None:
    made, lang = seen
    page, told = made.page, readings_of(made, "charger-service")
    compare(made, "charger-service")
    rows = page.locator("#readings tbody tr")
    assert rows.count() == len(told["readings"]) == 16
    assert page.locator("#readings .declared").count() == 1
    first = rows.first.inner_text()
    for words in (
        "按需求点 公共 面积 投运口径 采用" if lang == "zh" else "demand public area nominal declared"
    ).split():
        assert words in first
    assert page.locator("#readings td.figure").all_inner_texts() == [per_cent(r["value"]) for r in told["readings"]]
    chips = {"zh": {True: "● 达标", False: "▲ 未达标"}, "en": {True: "● met", False: "▲ not met"}}[lang]
    assert page.locator("#readings td .chip").all_inner_texts() == [chips[r["met"]] for r in told["readings"]]
    shown = page.inner_text("#readings")
    low, high = (per_cent(x) for x in told["interval"])
    assert f"{per_cent(told['low'])} – {per_cent(told['high'])}" in shown
    assert re.search(rf"±10 m.*{re.escape(low)} – {re.escape(high)}", shown)
    assert ("各种口径结论一致" if lang == "zh" else "Robust: all readings agree") in shown
    assert ("模拟数据，不代表实际情况" if lang == "zh" else "Synthetic data, not real") in shown
    close(made)


def test_nothing_of_the_readings_is_cut_off(seen: tuple[Visit, str]) -> None:
    made, _ = seen
    compare(made, "charger-service")
    size = made.page.viewport_size
    box = made.page.locator("#readings").bounding_box()
    assert box is not None
    assert size is not None
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= size["width"]
    assert box["y"] >= 0
    assert box["y"] + box["height"] <= size["height"]
    for name in ("#readings", "#readings .sheet"):
        wide, room = made.page.evaluate(f"(e => [e.scrollWidth, e.clientWidth])(document.querySelector('{name}'))")
        assert wide <= room, name
    button = made.page.locator("#readings form button").bounding_box()
    assert button is not None
    assert button["y"] + button["height"] <= size["height"]
    close(made)


def test_every_clause_has_its_readings_in_words(seen: tuple[Visit, str]) -> None:
    made, lang = seen
    page = made.page
    rules = page.evaluate("twin.state.results.map(r => r.rule)")
    assert len(rules) == 11
    for rule in rules:
        page.evaluate("rule => twin.actions.choose(rule)", rule)
        page.wait_for_selector(f"[data-key=compare-{rule}]")
        told = readings_of(made, rule)
        compare(made, rule)
        shown = page.inner_text("#readings")
        assert page.locator("#readings tbody tr").count() == len(told["readings"]), rule
        assert page.locator("#readings tbody tr.declared").count() == 1, rule
        assert page.locator("#readings .choice").count() == len(told["alternatives"]) * len(told["readings"]), rule
        assert KEY.findall(shown) == [], rule
        assert "undefined" not in shown
        assert lang == "zh" or not CHINESE.search(shown), (rule, CHINESE.findall(shown))
        if not told["alternatives"]:
            assert len({r["account"] for r in told["readings"]}) == len(told["readings"]), rule
        close(made)
    page.evaluate("twin.actions.choose('charger-service')")
    made.ready()


@pytest.mark.parametrize(
    ("lang", "words"), [("zh", "结论取决于口径：计入的站"), ("en", "Depends on the reading: stations counted")]
)
def test_what_the_verdict_depends_on_is_named(browser: Browser, lang: str, words: str) -> None:
    """A private station serves the whole square of 1.2 km, the public one a part: who counts, decides."""
    stations = [charger("own", CENTRE, station_type="private"), charger("public", offset(CENTRE, 1400, 0))]
    with served(twin_with([*district(600), *stations])) as address:
        made = visit(browser, address, 1100, 640)
        made.page.goto(f"{address}/map?lang={lang}")
        compare(made, "charger-service")
        assert made.page.inner_text("#readings .robust") == words
        verdicts = made.page.locator("#readings td .chip").all_inner_texts()
        assert len(set(verdicts)) == 2
        assert made.page.locator("#readings td.figure").all_inner_texts().count("100 %") == verdicts.count(
            "● 达标" if lang == "zh" else "● met"
        )
        assert (made.elsewhere, made.complaints) == ([], [])
        made.page.context.close()


def test_a_failure_is_said_and_escape_goes_back_to_the_button(map_page: Visit) -> None:
    page = map_page.page
    page.route("**/coverage/charger-service/readings*", lambda route: route.abort())
    page.focus("[data-key=compare-charger-service]")
    page.keyboard.press("Enter")
    map_page.until("document.getElementById('readings').textContent.includes('未能载入口径对照')")
    page.keyboard.press("Escape")
    assert not page.is_visible("#readings")
    assert page.evaluate("document.activeElement.dataset.key") == "compare-charger-service"
    map_page.complaints.clear()


def test_the_point_card_says_why_this_limit_what_counts_and_how_many_reach(seen: tuple[Visit, str]) -> None:
    made, lang = seen
    page = made.page
    items = page.request.get(f"{made.address}/collections/chargers/items?limit=1000").json()["features"]
    planned = next(f for f in items if f["properties"]["lifecycle"] == "planned")
    lng, lat = planned["geometry"]["coordinates"]
    page.evaluate("place => twin.actions.ask(place)", [lng, lat])
    page.wait_for_selector("#why-sentence")
    asked = f"{made.address}/coverage/charger-service/at?lng={lng}&lat={lat}"
    told = page.request.get(asked, headers={"accept-language": lang}).json()
    asset = page.locator(f".near [data-asset={planned['id']!r}]")
    assert (
        "规划 · 规划中，尚未投运" if lang == "zh" else "planned · planned, not in operation yet"
    ) in asset.inner_text()
    for near in told["nearest"]:
        said = page.locator(f".near [data-asset={near['key']!r}]").inner_text()
        assert near["reason"] in said
        assert STATES[near["lifecycle"]][lang == "en"] in said
    reasons = page.inner_text("#drawer .reasons")
    assert told["zone_reason"] in reasons
    assert ("限距依据：" if lang == "zh" else "Why this limit: ") in reasons
    assert f"{told['n']}" in reasons.splitlines()[-1]
    assert lang == "zh" or not CHINESE.search(reasons)
    wide, room = page.evaluate("(e => [e.scrollWidth, e.clientWidth])(document.getElementById('drawer-body'))")
    assert wide <= room
    page.click("[data-key=close]")
