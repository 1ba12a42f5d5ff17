"""The map for each role: who is told sums of towns sees these, without a failure; whose key is for one town begins there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest
from playwright.sync_api import Browser, Route

from tests.browser.stage import THINNED, Visit, count_near, over, reference_twin, served, visit
from twin.access import Role
from twin.identity import Access, Key, minted
from twin.maps import HEX_ALPHA, PALETTE, TARGET_FAILING
from twin.store.access import SqliteAccess

pytestmark = pytest.mark.browser
PUJIANG, DISTRICT = "310112114", "310112"
KEYS: dict[str, tuple[Role, tuple[str, ...]]] = {
    "planner": ("planner", ()),
    "of-a-town": ("planner", (PUJIANG,)),
    "of-the-district": ("planner", (DISTRICT,)),
    "of-nowhere": ("planner", ("999999999",)),
}
RULES = "charger-service camera-density camera-count radio-site-count radio-coverage sensor-count charger-balance lifecycle".split()
DARKEST = over(TARGET_FAILING[0], PALETTE["ground"], HEX_ALPHA)


def now() -> datetime:
    return datetime.now(UTC)


@dataclass
class Keyed:
    """A server that asks who one is, and keys to it."""

    address: str
    keys: dict[str, str]


@pytest.fixture(scope="module")
def keyed() -> Iterator[Keyed]:
    store, keys = SqliteAccess(None), {}
    for name, (role, areas) in KEYS.items():
        key_id, keys[name], kept = minted()
        store.add_key(Key(key_id, "张三", role, areas, "", kept, now(), "test"))
    access = Access(store, now)
    with served(reference_twin(THINNED), access) as address:
        yield Keyed(address, keys)
    access.close()


@pytest.fixture
def page(browser: Browser, keyed: Keyed) -> Iterator[Visit]:
    """Of nobody yet. Afterwards: nothing was refused, for that the browser would have complained."""
    made = visit(browser, keyed.address, 1366, 768)
    yield made
    assert (made.elsewhere, made.complaints) == ([], [])
    made.page.context.close()


def shown_of(made: Visit, selector: str) -> int:
    return made.page.locator(selector).count()


def test_everybody_sees_towns_coloured_by_their_values(page: Visit) -> None:
    page.open().choose("camera-density").until("twin.state.rows?.length")
    assert page.page.locator("#notice").is_hidden()
    assert count_near(page.picture(), DARKEST) > 20_000, "thinned out, most towns are far below the target"
    legend = page.page.inner_text("#legend")
    assert "街镇平均" in legend
    assert "按权限显示为汇总值：只到区和街镇" in legend
    n_towns = page.page.evaluate(
        "[...document.querySelectorAll('#legend em')].reduce((n, e) => n + parseInt(e.textContent), 0)"
    )
    assert n_towns == page.page.evaluate("twin.state.rows.length") == 14


def test_what_a_role_may_not_ask_is_not_offered(page: Visit) -> None:
    page.open().choose("camera-density").until("twin.state.rows?.length")
    for selector in ("#unit", "[data-key=open-gaps]", "[data-key^=compare]", ".gap-buttons"):
        assert shown_of(page, selector) == 0, selector
    assert shown_of(page, "[data-key^=quote]") == 1
    page.page.click("[data-key=open-towns]")
    assert page.until("document.querySelectorAll('.by-town tbody tr').length") == 14
    assert shown_of(page, "#tab-gaps") == 0
    page.choose("charger-service")
    assert page.until(
        "document.querySelector('[data-key=open-gaps]') && document.querySelector('[data-key^=compare]') && 1"
    )


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_nobody_is_refused_anything_by_choosing_clause_after_clause(page: Visit, lang: str) -> None:
    page.open(f"/map?lang={lang}")
    for rule in RULES[1:]:
        page.choose(rule)
        assert shown_of(page, "#notice button") == 0, rule
    page.page.evaluate(f"twin.actions.chooseArea('{PUJIANG}')")
    page.until(f"twin.state.results[0].area === '{PUJIANG}'")
    for rule in RULES[:-1]:
        page.choose(rule)
        assert page.page.locator("#notice").is_hidden(), rule


def test_what_is_withheld_is_never_said_to_be_missing(page: Visit) -> None:
    page.open().choose("lifecycle")
    page.until("twin.state.results.find(r => r.rule === 'lifecycle').withheld")
    legend = page.page.inner_text("#legend")
    assert "按权限显示为汇总值" in legend
    assert "未接入数据" not in legend
    assert shown_of(page, "[data-key=open-gaps]") == 0


def test_the_list_of_gaps_gives_way_to_the_towns(page: Visit) -> None:
    page.open().page.click("[data-key=open-gaps]")
    page.choose("camera-density")
    page.until("twin.state.drawer === 'towns' && document.querySelector('.by-town')")


def test_a_town_says_its_value_and_no_place_says_why(page: Visit) -> None:
    page.open().choose("camera-density").until("twin.state.rows?.length")
    x, y = page.at(121.5, 31.04)
    page.page.mouse.move(x, y)
    page.until("document.querySelector('.tip')?.textContent.includes('浦江镇')")
    tip = page.page.inner_text(".tip")
    assert "个/km²" in tip
    assert "目标 ≥ 180" in tip
    page.page.mouse.click(x, y)
    page.until("document.getElementById('drawer').textContent.includes('按权限显示为汇总值')")


def test_whoever_may_see_hexes_does(page: Visit, keyed: Keyed) -> None:
    page.open().sign_in(keyed.keys["planner"], "张三").choose("camera-density")
    page.until("twin.state.cells?.cells.length > 1000")
    assert shown_of(page, "#unit") == 1
    assert page.page.evaluate("twin.state.area") is None


def test_a_key_for_a_town_begins_there_and_sees_sums_elsewhere(page: Visit, keyed: Keyed) -> None:
    page.open().sign_in(keyed.keys["of-a-town"], "张三")
    assert page.page.input_value("#area") == PUJIANG
    assert "浦江镇" in page.page.inner_text("#sentence")
    south, north = page.at(121.5, 30.98), page.at(121.5, 31.14)
    assert south[1] - north[1] > 400, "the town fills the map"
    page.choose("camera-density").until("twin.state.cells?.cells.length")
    page.page.select_option("#area", DISTRICT)
    page.until("twin.state.rows?.length === 14 && !twin.state.cells")
    page.ready()
    assert "按权限显示为汇总值" in page.page.inner_text("#legend")
    page.page.reload()
    page.ready()
    assert page.page.input_value("#area") == DISTRICT, "what was chosen stays"


@pytest.mark.parametrize("key", ["of-the-district", "of-nowhere"])
def test_other_keys_begin_where_all_do(page: Visit, keyed: Keyed, key: str) -> None:
    page.open().sign_in(keyed.keys[key], "张三")
    assert page.page.evaluate("twin.state.area") is None
    assert page.page.input_value("#area") == DISTRICT


def test_a_refusal_is_said_without_offering_to_try_again(browser: Browser, keyed: Keyed) -> None:
    made = visit(browser, keyed.address, 1366, 768)

    def refuse(route: Route) -> None:
        route.fulfill(status=403, json={"detail": "按权限显示为汇总值"})

    made.page.route("**/coverage/charger-service/gaps", refuse)
    made.page.goto(f"{keyed.address}/map")
    made.until(
        "!document.getElementById('notice').hidden && document.getElementById('notice').textContent === '按权限显示为汇总值'"
    )
    assert shown_of(made, "#notice button") == 0
    made.page.context.close()


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_no_opened_card_is_cut_off(page: Visit, keyed: Keyed, lang: str) -> None:
    page.open(f"/map?lang={lang}").sign_in(keyed.keys["planner"], "张三")
    cut = "(() => { const c = document.querySelector('.card'); return [c.scrollHeight - c.clientHeight, c.scrollWidth - c.clientWidth]; })()"
    for rule in RULES:
        if rule != "charger-service":
            page.choose(rule)
        down, across = page.page.evaluate(cut)
        assert max(down, across) <= 0, rule


def test_the_language_is_remembered_and_an_address_that_names_one_wins(page: Visit) -> None:
    lang = "document.documentElement.lang"
    page.open().page.click("#en")
    assert page.open().page.evaluate(lang) == "en"
    assert page.open("/map?lang=zh").page.evaluate(lang) == "zh-CN"
    page.choose("camera-count").page.reload()
    assert page.ready().page.evaluate(lang) == "zh-CN", "and stays in its address"
    page.page.click("#zh")
    assert page.open().page.evaluate(lang) == "zh-CN"
    assert "lang=" not in page.page.url
