"""What-if on the map: hexes and gaps follow the stations tried, a pin can be dragged, undo restores."""

from __future__ import annotations

import math
import re
from typing import Any

import pytest
from playwright.sync_api import Browser, Route

from tests.browser.stage import Visit, count_near, over, visit
from twin.maps import HEX_ALPHA, PALETTE, SERVICE_FAILING, SERVICE_PASSING

pytestmark = pytest.mark.browser

OPEN = over(SERVICE_FAILING[0], PALETTE["ground"], HEX_ALPHA)
SERVED = over(SERVICE_PASSING[0], PALETTE["ground"], HEX_ALPHA)
PLACE = (121.52, 31.03)
"""In the largest gap, two kilometres from its edge."""
NEAR_IT = f"#12.30/{PLACE[1]:.5f}/{PLACE[0]:.5f}/0/0"
SETTLED = "document.getElementById('tried').getAttribute('aria-busy') === 'false'"


def try_at(made: Visit, lng: float, lat: float) -> None:
    made.page.evaluate("place => twin.actions.tryHere(place)", [lng, lat])
    made.until(f"document.getElementById('trial-chip')?.textContent.includes('→') && {SETTLED}")
    made.ready()


def served_class(made: Visit) -> tuple[str, str]:
    """Hexes and km² that the legend calls fully served."""
    said = made.page.locator("#legend li em").first.inner_text()
    hexes, km2 = re.fullmatch(r"([\d,]+) · ([\d.,]+ km²)", said).groups()  # type: ignore[union-attr]
    return hexes, km2


def outlines(made: Visit) -> Any:
    return made.page.evaluate("twin.deck.layerManager.getLayers().find(l => l.id === 'gap-outlines').props.data")


def colour_at(made: Visit, lng: float, lat: float) -> str:
    x, y = made.page.evaluate("place => twin.deck.getViewports()[0].project(place)", [lng, lat])
    return "#{:02X}{:02X}{:02X}".format(*made.picture().getpixel((round(x), round(y))))


def alike(a: str, b: str) -> bool:
    return sum(abs(int(a[i : i + 2], 16) - int(b[i : i + 2], 16)) for i in (1, 3, 5)) <= 24


def floor_per_cent(share: float) -> str:
    return f"{math.floor(share * 1000 + 1e-6) / 10:.1f} %"


def trial_of(made: Visit) -> Any:
    """The server's own answer about the stations now tried."""
    tried = made.page.evaluate("twin.state.tried")
    changes = [
        {"op": "add", "layer": "chargers", "key": t["key"], "after": {"lng": t["lng"], "lat": t["lat"]}} for t in tried
    ]
    body = {"changes": changes, "resolution": 9}
    return made.page.request.post(f"{made.address}/coverage/charger-service", data=body).json()


def test_hexes_and_gaps_follow_a_station_tried_and_undo_restores_them(blank: Visit) -> None:
    page = blank.open(f"/map{NEAR_IT}").page
    beside = (PLACE[0] + 0.008, PLACE[1])  # 760 m east: open before, within 1.5 km of the pin, off the pin itself
    legend, rings, marks = served_class(blank), outlines(blank), page.inner_text("#cards .gap-buttons")
    assert alike(colour_at(blank, *beside), OPEN)
    try_at(blank, *PLACE)
    told = trial_of(blank)
    assert len(told["changed_cells"]["cells"]) > 50
    assert alike(colour_at(blank, *beside), SERVED)
    drawn = outlines(blank)
    assert drawn == [
        ring
        for feature in told["gap_features"]["features"]
        for ring in (
            feature["geometry"]["coordinates"]
            if feature["geometry"]["type"] == "Polygon"
            else [r for polygon in feature["geometry"]["coordinates"] for r in polygon]
        )
    ]
    assert drawn != rings
    assert served_class(blank) != legend
    assert "按方案显示（试设 1 座）" in page.inner_text("#legend")
    largest = told["gap_features"]["features"][0]["properties"]["area_km2"]
    assert f"{largest:,.2f} km²" in page.inner_text("#cards .gap-buttons")
    page.click("[data-key=undo]")
    blank.until("document.getElementById('tried').hidden")
    blank.ready()
    assert alike(colour_at(blank, *beside), OPEN)
    assert outlines(blank) == rings
    assert (served_class(blank), page.inner_text("#cards .gap-buttons")) == (legend, marks)
    assert "按方案" not in page.inner_text("#legend")


def test_another_clause_shows_its_own_hexes_while_stations_are_tried(blank: Visit) -> None:
    page = blank.open(f"/map{NEAR_IT}").page
    try_at(blank, *PLACE)
    under_trial = served_class(blank)
    blank.choose("radio-coverage")
    assert "按方案" not in page.inner_text("#legend")
    assert page.evaluate(
        "twin.deck.layerManager.getLayers().find(l => l.id === 'gap-areas').props.data === twin.state.gaps"
    )
    blank.choose("charger-service")
    assert served_class(blank) == under_trial


def hold_questions(made: Visit) -> list[Route]:
    """Questions about trials wait here until they are let go."""
    held: list[Route] = []

    def keep(route: Route) -> None:
        if route.request.method == "POST":
            held.append(route)
        else:
            route.continue_()

    made.page.route("**/coverage/charger-service", keep)
    return held


@pytest.mark.parametrize(("lang", "words"), [("zh", "方案 {} → {}（+"), ("en", "Scenario {} → {} (+")])
def test_a_dragged_pin_asks_one_question_at_a_time_and_the_last_place_wins(blank: Visit, lang: str, words: str) -> None:
    page = blank.open(f"/map?lang={lang}{NEAR_IT}").page
    try_at(blank, *PLACE)
    first, view = page.inner_text("#trial-chip"), page.evaluate("location.hash")
    held = hold_questions(blank)
    x, y = blank.at(*PLACE)
    page.mouse.move(x, y - 12)
    page.mouse.down()
    page.mouse.move(x + 90, y - 12 + 60, steps=15)
    page.wait_for_timeout(100)  # whatever else was asked would be here by now
    assert len(held) == 1
    assert page.inner_text("#trial-chip") == first
    assert page.get_attribute("#tried", "aria-busy") == "true"
    halfway = served_class(blank)
    held[0].continue_()
    blank.until(f"document.getElementById('trial-chip').textContent !== {first!r}")
    assert served_class(blank) != halfway
    while len(held) < 2:
        page.wait_for_timeout(20)
    page.mouse.up()
    held[1].continue_()
    blank.until(SETTLED)
    blank.ready()
    assert len(held) == 2
    (tried,) = page.evaluate("twin.state.tried")
    asked = held[1].request.post_data_json["changes"][0]["after"]
    assert asked == {"lng": tried["lng"], "lat": tried["lat"]}
    at = page.evaluate("place => twin.deck.getViewports()[0].project(place)", [tried["lng"], tried["lat"]])
    box = page.locator("#map").bounding_box()
    assert box is not None
    assert at == pytest.approx([x + 90 - box["x"], y + 60 - box["y"]], abs=1.5)
    assert page.evaluate("location.hash") == view
    page.unroute("**/coverage/charger-service")
    told = trial_of(blank)
    before, after = floor_per_cent(told["baseline"]["share"]), floor_per_cent(told["share"])
    assert page.inner_text("#trial-chip").startswith(words.format(before, after))
    assert len(outlines(blank)) == sum(len(f["geometry"]["coordinates"]) for f in told["gap_features"]["features"])


def test_a_click_on_a_pin_asks_about_its_place_and_moves_nothing(blank: Visit) -> None:
    page = blank.open(f"/map{NEAR_IT}").page
    try_at(blank, *PLACE)
    x, y = blank.at(*PLACE)
    page.mouse.move(x, y - 12)
    blank.until("document.getElementById('map').classList.contains('over-pin')")
    page.mouse.click(x, y - 12)
    blank.until("document.getElementById('why-sentence')?.textContent.startsWith('此处未被服务')")
    assert "按方案，此处由试设站 1 服务。" in page.inner_text("#drawer")
    assert page.evaluate("[twin.state.tried[0].lng, twin.state.tried[0].lat]") == list(PLACE)


def test_a_finger_drags_a_pin_on_a_phone(browser: Browser, address: str) -> None:
    made = visit(browser, address, 390, 844).open(f"/map{NEAR_IT}")
    try_at(made, *PLACE)
    x, y = made.at(*PLACE)
    made.page.evaluate(
        """([x, y]) => {
        const canvas = document.querySelector('#map canvas');
        const touch = (kind, dx, dy) => canvas.dispatchEvent(new PointerEvent(kind, {
            pointerId: 1, pointerType: 'touch', isPrimary: true, bubbles: true, button: kind === 'pointermove' ? -1 : 0,
            clientX: x + dx, clientY: y - 10 + dy}));
        document.getElementById('map').setPointerCapture = () => {};  // no such pointer is down
        touch('pointerdown', 0, 0);
        for (let k = 1; k <= 5; k++) touch('pointermove', -6 * k, 8 * k);
        touch('pointerup', -30, 40);
    }""",
        [x, y],
    )
    made.until(SETTLED)
    made.ready()
    lng, lat = made.page.evaluate("[twin.state.tried[0].lng, twin.state.tried[0].lat]")
    assert made.at(lng, lat) == pytest.approx((x - 30, y + 40), abs=1.5)
    assert count_near(made.picture(), PALETTE["scenario"], 12) > 50
    chip = made.page.locator("#tried").bounding_box()
    assert chip is not None
    assert chip["x"] >= 0
    assert chip["x"] + chip["width"] <= 390
    assert (made.elsewhere, made.complaints) == ([], [])
    made.page.context.close()
