"""The planners' map in a real browser: what it shows, what a click answers, what it never does."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urljoin

import pytest
import shapely.geometry
from PIL import Image, ImageChops
from playwright.sync_api import Browser, Route

from tests.browser.stage import NOW, Visit, count_near, over, served, visit
from twin.engine import Twin
from twin.maps import HEX_ALPHA, PALETTE, SERVICE_FAILING, SERVICE_PASSING
from twin.readers.plan_file import read_plan
from twin.readers.raster import read_grid
from twin.settings import Settings
from twin.store import MemoryStore

pytestmark = pytest.mark.browser

TOWNS = "江川路街道 古美路街道 新虹街道 浦锦街道 莘庄镇 七宝镇 颛桥镇 华漕镇 虹桥镇 梅陇镇 吴泾镇 马桥镇 浦江镇 莘庄工业区".split()
OPEN, PART = (over(c, PALETTE["ground"], HEX_ALPHA) for c in SERVICE_FAILING)
SERVED = over(SERVICE_PASSING[0], PALETTE["ground"], HEX_ALPHA)
CHINESE = re.compile(r"[\u4e00-\u9fff]")


def labels_shown(map_page: Visit) -> list[str]:
    script = "twin.deck.layerManager.getLayers().find(l => l.id === 'labels').props.data.map(d => d.text)"
    return list(map_page.page.evaluate(script))


def differ(a: Image.Image, b: Image.Image) -> int:
    """How many pixels changed."""
    changed = ImageChops.difference(a, b).convert("L").point(lambda v: 255 if v > 12 else 0)
    return changed.histogram()[255]


def test_it_opens_on_charging_with_the_verdict_and_the_three_largest_gaps(map_page: Visit) -> None:
    page = map_page.page
    map_page.until("document.getElementById('sentence').textContent.includes('差距最大')")
    sentence = page.inner_text("#sentence")
    assert re.fullmatch(
        r"闵行区 · 2026年3月31日：11 条指标，可判定 \d+ 条，达标 \d+，未达标 \d+；差距最大：\S+，\S+，差 [\d.,]+ \S+。",
        sentence,
    )
    assert page.inner_text("#cards article .title") == "充电服务覆盖"
    assert page.locator("#cards [data-rule]").count() == 11
    marks = page.evaluate(
        "twin.deck.layerManager.getLayers().find(l => l.id === 'gap-marks').props.data.map(d => d.number)"
    )
    assert marks == ["1", "2", "3"]
    assert [b.split()[0] for b in page.locator(".gap-buttons button").all_inner_texts()] == ["①", "②", "③"]


def test_every_town_is_named(map_page: Visit) -> None:
    assert set(TOWNS) <= set(labels_shown(map_page))


def test_chinese_is_written_in_glyphs_not_in_boxes(map_page: Visit) -> None:
    same = map_page.page.evaluate("""(() => {
        const drawn = text => {
            const canvas = document.createElement('canvas'), ink = canvas.getContext('2d');
            ink.font = '30px ' + getComputedStyle(document.body).fontFamily;
            ink.fillText(text, 4, 32);
            return canvas.toDataURL();
        };
        return drawn('虹') === drawn('桥') || drawn('虹') === drawn(String.fromCharCode(0xFFFE));
    })()""")
    assert not same
    with_names = map_page.picture()
    map_page.page.click("[data-key=layers]")
    map_page.page.uncheck("#show-labels")
    without = map_page.picture()
    assert count_near(with_names, PALETTE["ink"]) > count_near(without, PALETTE["ink"]) + 1000


def test_hexes_are_coloured_by_verdict(map_page: Visit) -> None:
    image = map_page.picture()
    assert count_near(image, OPEN) > 2000
    assert count_near(image, PART) > 500
    assert count_near(image, SERVED) > 10_000


def test_the_legend_has_classes_with_counts_and_areas_and_the_labels(map_page: Visit) -> None:
    legend = map_page.page.inner_text("#legend")
    assert legend.replace("\u00a0", " ").startswith("充电服务（外环内 0.9 km，外环外 1.5 km）")
    for words in ("全部服务", "部分服务", "未服务（盲区）", "模拟数据，不代表实际情况", "示意边界，不作为行政区划依据"):
        assert words in legend
    assert len(re.findall(r"[\d,]+ · [\d,.]+ km²", legend)) == 3
    assert "模拟数据，不代表实际情况" in map_page.page.inner_text("#foot")


def test_another_clause_changes_map_legend_and_table_together(map_page: Visit) -> None:
    before = map_page.picture()
    map_page.page.click("[data-key=open-towns]")
    map_page.choose("camera-density")
    legend = map_page.page.inner_text("#legend")
    for words in ("视频监控密度 · 1 km² 窗口（个/km²）", "x < 60", "120 ≤ x < 180", "180 ≤ x < 360", "x ≥ 360"):
        assert words in legend
    assert differ(before, map_page.picture()) > 20_000
    assert "个/km²" in map_page.page.inner_text("#drawer table")
    assert map_page.page.locator("#drawer tbody tr").count() == 14


def test_camera_density_is_offered_by_town_and_by_hex(blank: Visit) -> None:
    blank.open("/map?rule=camera-density")
    blank.page.select_option("#unit", "town")
    blank.ready()
    assert "视频监控密度 · 街镇平均（个/km²）" in blank.page.inner_text("#legend")
    blank.page.select_option("#unit", "cell")
    blank.ready()
    assert "样本小，仅供浏览" in blank.page.inner_text("#legend")


def test_counts_have_a_neutral_scale(map_page: Visit) -> None:
    map_page.choose("sensor-count")
    assert "感知节点 · 每个六边形单元（个）" in map_page.page.inner_text("#legend")
    image = map_page.picture()
    assert count_near(image, OPEN) < 50
    assert image.getcolors(image.width * image.height)


def test_a_gap_says_why_and_a_station_tried_there_says_what_it_changes(map_page: Visit) -> None:
    page = map_page.page
    page.click(".gap-buttons button:nth-child(2)")
    page.wait_for_selector("#why-sentence")
    said = page.inner_text("#why-sentence")
    found = re.fullmatch(
        r"此处未被服务：外环外，限距 1,500 m；最近的计入站“(.+)”在(东|南|西|北|东北|东南|西南|西北)方向 ([\d,]+) m，超出 ([\d,]+) m。",
        said,
    )
    assert found
    assert int(found[3].replace(",", "")) - 1500 == int(found[4].replace(",", ""))
    assert "充电设施实现外环内0.9公里服务半径" in page.inner_text("#drawer")
    assert page.locator("#drawer ul.near li").count() >= 3
    map_page.ready()
    page.click(".try")
    map_page.until("document.getElementById('trial-chip')?.textContent.includes('→')")
    chip = page.inner_text("#trial-chip")
    gain = re.fullmatch(r"方案 ([\d.]+) % → ([\d.]+) %（\+([\d.]+) 个百分点）", chip)
    assert gain
    assert float(gain[3]) > 0
    assert abs(float(gain[2]) - float(gain[1]) - float(gain[3])) <= 0.11
    map_page.ready()
    assert count_near(map_page.picture(), PALETTE["scenario"], 12) > 100
    page.click(".gap-buttons button:nth-child(1)")
    map_page.until("document.querySelector('.gap-title')?.textContent.startsWith('盲区 1')")
    page.click(".try")
    map_page.until("document.querySelector('#scenario').textContent.includes('2')")
    map_page.until(
        f"!document.getElementById('trial-chip').textContent.includes({gain[3]!r}) && document.getElementById('trial-chip').textContent.includes('→')"
    )
    both = re.search(r"\+([\d.]+) 个百分点", page.inner_text("#trial-chip"))
    assert both
    assert float(both[1]) > float(gain[3])
    page.click("[data-key=undo]")
    map_page.until(f"document.getElementById('trial-chip').textContent.includes({gain[3]!r})")
    page.click("[data-key=undo]")
    assert not page.is_visible("#tried")
    assert page.inner_text("#scenario") == "现状"


def test_a_click_on_a_number_and_on_any_place_is_answered(map_page: Visit) -> None:
    page = map_page.page
    lng, lat = page.evaluate("twin.state.gaps.features[2].properties.deepest_lnglat")
    page.mouse.click(*map_page.at(lng, lat))
    page.wait_for_selector("#why-sentence")
    assert page.inner_text(".gap-title").startswith("盲区 3")
    page.click("[data-key=close]")
    page.evaluate("twin.actions.showTown('310112')")
    map_page.ready()
    page.mouse.click(*map_page.at(121.38, 31.11))
    map_page.until("document.getElementById('why-sentence')?.textContent.startsWith('此处已被服务')")


def test_the_whole_page_speaks_english(map_page: Visit) -> None:
    page = map_page.page
    page.click("#en")
    map_page.until("document.documentElement.lang === 'en'")
    map_page.ready()
    shown = {"closed": page.inner_text("body")}
    page.click(".gap-buttons button:nth-child(1)")
    page.wait_for_selector("#why-sentence")
    for rule in page.evaluate("twin.state.results.map(r => r.rule)"):
        map_page.page.evaluate("rule => twin.actions.choose(rule)", rule)
        map_page.ready()
        shown[rule] = (
            page.inner_text("#top") + page.inner_text("#cards") + page.inner_text("#legend") + page.inner_text("#foot")
        )
    page.click("[data-key=open-towns]")
    shown["towns"] = page.inner_text("#drawer")
    operators = page.evaluate(
        "Object.keys(twin.state.results.find(r => r.rule === 'radio-coverage').facts.share_by_operator)"
    )
    for where, text in shown.items():
        left = text
        for name in ("中", *operators):
            left = left.replace(name, "")
        assert not CHINESE.search(left), (where, CHINESE.findall(left))
    assert "Hongqiao Town" in labels_shown(map_page)
    assert not any(CHINESE.search(label) for label in labels_shown(map_page))


def test_english_by_the_address(blank: Visit) -> None:
    blank.open("/map?lang=en")
    blank.until("document.getElementById('sentence').textContent.includes('largest gap')")
    assert re.match(
        r"Minhang District · 31 Mar 2026: 11 clauses, \d+ can be judged", blank.page.inner_text("#sentence")
    )


def test_the_view_is_in_the_address_both_ways(blank: Visit) -> None:
    blank.open("/map#13.50/31.11000/121.38000/30/15")
    view = blank.page.evaluate(
        "(v => [v.zoom, v.latitude, v.longitude, v.pitch, v.bearing])(twin.deck.getViewports()[0])"
    )
    assert view == pytest.approx([13.5, 31.11, 121.38, 30, 15], abs=1e-3)
    x, y = blank.at(121.38, 31.11)
    blank.page.mouse.move(x, y)
    blank.page.mouse.down()
    blank.page.mouse.move(x + 80, y + 40, steps=4)
    blank.page.mouse.up()
    blank.until("location.hash.startsWith('#13.50/') && !location.hash.includes('/121.38000/')")
    blank.page.evaluate("location.hash = '#12.00/31.05000/121.45000/0/0'")
    blank.until("Math.abs(twin.deck.getViewports()[0].zoom - 12) < 0.01")


def test_things_on_the_ground_appear_when_near_and_can_be_switched(blank: Visit) -> None:
    blank.open("/map#14.00/31.11000/121.38000/0/0")
    assert "运营" in blank.page.inner_text("#legend .marks")
    with_stations = blank.picture()
    blank.page.click("[data-key=layers]")
    blank.page.uncheck("#show-chargers")
    without = blank.picture()
    assert differ(with_stations, without) > 100
    blank.page.check("#show-cameras")
    assert differ(without, blank.picture()) > 100


def test_switching_the_hexes_off_bares_the_ground(map_page: Visit) -> None:
    assert count_near(map_page.picture(), OPEN) > 2000
    map_page.page.click("[data-key=layers]")
    map_page.page.uncheck("#show-cells")
    assert count_near(map_page.picture(), OPEN) < 50


def test_a_clause_without_data_says_what_is_missing(map_page: Visit) -> None:
    map_page.choose("net-home")
    assert "未接入数据：缺少家庭宽带" in map_page.page.inner_text("#notice")
    assert "○ 未接入数据" in map_page.page.inner_text("#cards article")


def test_an_area_is_judged_and_shown(map_page: Visit) -> None:
    map_page.page.select_option("#area", "310112107")
    map_page.until("document.getElementById('sentence').textContent.startsWith('虹桥镇')")
    map_page.ready()
    assert map_page.page.evaluate("twin.deck.getViewports()[0].zoom") > 12
    assert "area=310112107" in map_page.page.evaluate("location.search")


def test_what_lies_beyond_the_data_is_hatched_and_never_numbered_a_gap(blank: Visit) -> None:
    blank.open("/map?area=hongqiao-cbd")
    assert re.search(r"数据范围外；仅含 [\d.]+ km² / [\d.]+ km²", blank.page.inner_text("#legend"))
    extent, strokes, marks, numbers = blank.page.evaluate("""(() => {
        const layer = name => twin.deck.layerManager.getLayers().find(l => l.id === name).props.data;
        const extent = twin.state.areas.find(a => a.properties.code === 'data-extent').geometry;
        return [extent, layer('beyond-data-hatch').length, layer('gap-marks').map(m => m.at),
            layer('gap-marks').map(m => m.number)];
    })()""")
    known = shapely.geometry.shape(extent).buffer(1e-6)  # a gap may end where the data do
    assert numbers == ["1", "2", "3"]
    assert strokes > 20
    assert all(known.contains(shapely.Point(place)) for place in marks)
    blank.page.mouse.click(*blank.at(121.265, 31.165))
    blank.until("document.querySelector('#drawer .why')?.textContent === '数据范围外'")


def test_the_quote_is_one_click_away(map_page: Visit) -> None:
    map_page.page.click("[data-key=quote-charger-service]")
    assert "充电设施实现外环内0.9公里服务半径" in map_page.page.inner_text("#quote")
    map_page.page.keyboard.press("Escape")
    assert not map_page.page.is_visible("#quote")


def test_the_keyboard_reaches_the_map_and_asks_about_its_centre(map_page: Visit) -> None:
    page = map_page.page
    page.focus("#map canvas")
    zoom = page.evaluate("twin.deck.getViewports()[0].zoom")
    page.keyboard.press("Equal")
    map_page.until(f"twin.deck.getViewports()[0].zoom > {zoom} + 0.5")
    page.keyboard.press("Enter")
    page.wait_for_selector("#drawer .why")
    canvas = page.locator("#map canvas")
    assert canvas.get_attribute("role") == "application"
    assert "方向键" in (canvas.get_attribute("aria-label") or "")


def test_a_lost_connection_is_said_and_can_be_tried_again(map_page: Visit) -> None:
    page = map_page.page
    page.route("**/coverage/camera-density/**", lambda route: route.abort())
    page.click("#cards [data-rule=camera-density]")
    map_page.until("document.getElementById('notice').textContent.includes('连接中断')")
    page.unroute("**/coverage/camera-density/**")
    page.click("#notice button")
    map_page.until("document.getElementById('notice').hidden")
    map_page.ready()
    map_page.complaints.clear()


def test_a_name_from_a_file_is_text_whatever_it_says(map_page: Visit) -> None:
    page = map_page.page
    evil = "<img src=x onerror=document.title='run'><script>document.title='run'</script>"

    def answer(route: Route) -> None:
        told = route.fetch().json()
        for near in told["nearest"]:
            near["name"] = evil
        route.fulfill(json=told)

    page.route("**/coverage/charger-service/at?**", answer)
    page.click(".gap-buttons button:nth-child(1)")
    page.wait_for_selector("#why-sentence")
    assert evil in page.inner_text("#why-sentence")
    assert page.locator("#drawer img, #drawer script").count() == 0
    assert page.title() == "虹桥数字孪生"


def test_without_webgl_the_figures_and_tables_still_work(blank: Visit) -> None:
    blank.page.add_init_script("""
        const real = HTMLCanvasElement.prototype.getContext;
        HTMLCanvasElement.prototype.getContext = function (kind, ...more) {
            return kind.startsWith('webgl') ? null : real.call(this, kind, ...more);
        };
    """)
    blank.page.goto(blank.address + "/map")
    blank.until("document.getElementById('notice').textContent.includes('此电脑不支持三维绘图')")
    assert blank.page.inner_text("#cards article .title") == "充电服务覆盖"
    blank.page.click("[data-key=open-towns]")
    assert blank.page.locator("#drawer tbody tr").count() == 14
    blank.page.click("#cards [data-rule=camera-density]")
    blank.until("document.querySelector('#drawer table')?.textContent.includes('个/km²')")
    blank.page.click(".gap-buttons button:nth-child(1)")
    blank.page.wait_for_selector("#why-sentence")
    assert "此电脑不支持三维绘图" in blank.page.inner_text("#notice")


def test_an_empty_twin_says_what_to_import(browser: Browser) -> None:
    settings = Settings()
    with served(Twin(MemoryStore(), read_plan(settings.plan), read_grid, lambda: NOW)) as address:
        made = visit(browser, address, 1100, 640)
        made.page.goto(address + "/map")
        made.until("document.querySelectorAll('#cards .chip.nodata').length === 11")
        assert "twin demo" in made.page.inner_text("#notice")
        assert (made.elsewhere, made.complaints) == ([], [])
        made.page.context.close()


def test_a_past_day_is_judged_by_what_held_then(blank: Visit) -> None:
    blank.open("/map?as_of=2024-06-30")
    assert "2024年6月30日" in blank.page.inner_text("#sentence")
    assert blank.page.inner_text("#date-shown") == "2024年6月30日"


def test_the_page_is_served_with_a_strict_policy_and_files_to_keep(blank: Visit) -> None:
    answer = blank.page.request.get(blank.address + "/map")
    policy = answer.headers["content-security-policy"]
    assert "script-src 'self'" in policy
    assert "style-src 'self'" in policy
    assert "unsafe" not in policy
    assert "default-src 'none'" in policy
    html = answer.text()
    assert "<style" not in html
    for path in re.findall(r'(?:src|href)="([^"#]+)"', html):
        got = blank.page.request.get(urljoin(f"{blank.address}/map", path))
        assert got.status == 200
        assert "immutable" in got.headers["cache-control"], path


@pytest.mark.parametrize(("width", "height"), [(390, 844), (1366, 768), (1920, 1080)])
def test_nothing_is_cut_off_on_any_screen(browser: Browser, address: str, width: int, height: int) -> None:
    made = visit(browser, address, width, height).open()
    wide: Any = made.page.evaluate("document.documentElement.scrollWidth")
    assert wide <= width
    box = made.page.locator("#map").bounding_box()
    assert box is not None
    assert box["height"] >= 0.38 * height
    for panel in ("#legend", "#switches", "#cards", "#foot"):
        found = made.page.locator(panel).bounding_box()
        assert found is not None
        assert found["x"] >= 0
        assert found["x"] + found["width"] <= width + 1
    assert (made.elsewhere, made.complaints) == ([], [])
    made.page.context.close()
