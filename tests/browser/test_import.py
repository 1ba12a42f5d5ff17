"""「导入预检」 on the map: a file is examined, shown, and written only when that is confirmed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser

from tests.browser.stage import Visit, served, visit
from tests.world import CENTRE, charger, district, offset, twin_with
from twin.layers import LAYERS

pytestmark = pytest.mark.browser

STEP = "document.getElementById('import').dataset.step === '{}'"


def row(key: str, east_m: float, name: str = "") -> str:
    lng, lat = offset(CENTRE, east_m, 0)
    return f"{key},{name or key},{lng},{lat}"


def file_of(*rows: str, header: str = "id,name,lon,lat") -> bytes:
    return "\n".join([header, *rows]).encode()


@pytest.fixture
def made(browser: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: Any) -> Iterator[Visit]:
    """The map of a small district with one station, over a data folder of its own."""
    monkeypatch.setenv("TWIN_DATA", str(tmp_path))
    with served(twin_with([*district(1200), charger("old", CENTRE)])) as address:
        opened = visit(browser, address, *getattr(request, "param", (1100, 700)))
        opened.open("/map")
        yield opened
        assert opened.elsewhere == []
        assert opened.complaints == []
        opened.page.context.close()


def drop(made: Visit, content: bytes, name: str = "stations.csv") -> None:
    """A file let go over the map."""
    made.page.evaluate(
        """([text, name]) => {
            const transfer = new DataTransfer();
            transfer.items.add(new File([text], name));
            const send = kind => document.getElementById('map').dispatchEvent(
                new DragEvent(kind, {bubbles: true, cancelable: true, dataTransfer: transfer}));
            send('dragover');
            send('drop');
        }""",
        [content.decode(), name],
    )


def ask(made: Visit, content: bytes) -> None:
    """Drop a file of chargers and answer what is asked."""
    drop(made, content)
    made.until(STEP.format("ask"))
    made.page.select_option("#import-layer", "chargers")
    made.page.select_option("#import-frame", "wgs84")
    made.page.click("[data-key=import-check]")
    made.until(STEP.format("report"))


def held(made: Visit) -> set[str]:
    items = made.page.request.get(f"{made.address}/collections/chargers/items?limit=100").json()["features"]
    return {f["id"] for f in items}


def pending(made: Visit) -> list[Any]:
    found: list[Any] = made.page.request.get(f"{made.address}/imports").json()["imports"]
    return found


def figures(made: Visit) -> dict[str, str]:
    return {
        e.get_attribute("class") or "": e.locator("strong").inner_text()
        for e in made.page.locator("#import .counts li").all()
    }


def test_a_dropped_file_is_examined_confirmed_and_then_on_the_map(made: Visit) -> None:
    before = made.page.inner_text("#cards [data-rule=charger-service] .headline")
    drop(made, file_of(row("old", 40), row("new", 900)))
    made.until(STEP.format("ask"))
    assert made.page.input_value("#import-frame") == made.page.input_value("#import-layer") == ""
    made.page.select_option("#import-layer", "chargers")
    made.page.click("[data-key=import-check]")
    made.until(STEP.format("ask") + " && document.querySelector('.question.wanted #import-frame')")
    made.page.select_option("#import-frame", "wgs84")
    made.page.click("[data-key=import-check]")
    made.until(STEP.format("report"))
    assert figures(made) == {"added": "1", "moved": "1", "changed": "0", "removed": "0", "unchanged": "0"}
    assert "最远 40 m" in made.page.inner_text("#import .counts")
    assert held(made) == {"old"}
    made.page.fill("[data-key=import-by]", "王工")
    tiles: list[str] = []
    made.page.on("request", lambda r: tiles.append(r.url) if "/tiles/chargers/" in r.url else None)
    made.page.click("[data-key=import-confirm]")
    made.until(STEP.format("done"))
    assert "新增 1，移动 1" in made.page.inner_text("#import .done")
    assert held(made) == {"old", "new"}
    made.page.click("[data-key=import-close]")
    made.until(f"document.querySelector('#cards [data-rule=charger-service] .headline').innerText !== {before!r}")
    made.ready()
    versions = made.page.request.get(f"{made.address}/collections/chargers/items/new/versions").json()["versions"]
    assert versions[0]["recorded"]["author"] == "王工"


@pytest.mark.parametrize("how", ["button", "escape"])
def test_a_cancelled_import_is_forgotten_and_nothing_is_written(made: Visit, how: str) -> None:
    ask(made, file_of(row("new", 900)))
    assert len(pending(made)) == 1
    if how == "button":
        made.page.locator("#import .signing [data-key=import-cancel]").click()
    else:
        made.page.keyboard.press("Escape")
    made.until("!document.getElementById('import').open")
    for _ in range(50):
        if not pending(made):
            break
        made.page.wait_for_timeout(20)
    assert pending(made) == []
    assert held(made) == {"old"}


def test_faults_are_listed_with_their_rows_and_cannot_be_confirmed(made: Visit) -> None:
    rows = [row(f"k{i}", i) + ",perhaps" for i in range(60)]
    ask(made, file_of(*rows, header="id,name,lon,lat,online"))
    page = made.page
    assert page.locator("#import .sheet tbody tr").count() == 50
    assert page.locator("#import .sheet tbody tr").first.locator("th, td").all_inner_texts()[:3] == [
        "第 2 行",
        "online",
        "perhaps",
    ]
    assert "错误 60 处" in page.inner_text("#import")
    assert page.is_disabled("[data-key=import-confirm]")
    with page.expect_download() as downloading:
        page.click("[data-key=import-workbook]")
    assert downloading.value.suggested_filename == "stations_预检.xlsx"


def test_a_choice_of_columns_is_asked_for_and_taken(made: Visit) -> None:
    drop(made, file_of("a,121.38,121.381,31.11", header="id,lon,longitude,lat"))
    made.until(STEP.format("ask"))
    made.page.select_option("#import-layer", "chargers")
    made.page.select_option("#import-frame", "wgs84")
    made.page.click("[data-key=import-check]")
    made.page.wait_for_selector("#import-lng")
    assert made.page.locator("#import-lng option").all_inner_texts() == ["请选择…", "lon", "longitude"]
    made.page.select_option("#import-lng", "longitude")
    made.page.click("[data-key=import-check]")
    made.until(STEP.format("report"))
    assert "经度=longitude" in made.page.inner_text("#import dl")


def test_a_file_that_cannot_be_read_says_so(made: Visit) -> None:
    drop(made, b"rubbish", "notes.docx")
    made.until(STEP.format("ask"))
    assert "notes.docx" in made.page.inner_text("#import .alert")
    made.page.keyboard.press("Escape")
    made.until("!document.getElementById('import').open")


def test_what_changed_meanwhile_is_shown_before_it_is_confirmed_again(made: Visit) -> None:
    ask(made, file_of(row("old", 0, "改名"), row("new", 900)))
    assert figures(made)["changed"] == "1"
    made.page.request.patch(
        f"{made.address}/collections/chargers/items/old", data={"properties": {"name": "改名"}},
        headers={"content-type": "application/json"},
    )  # fmt: skip
    made.page.click("[data-key=import-confirm]")
    made.page.wait_for_selector("#import .alert")
    assert "重新核对" in made.page.inner_text("#import .alert")
    assert held(made) == {"old"}
    made.complaints.clear()  # Chromium says 409 on its console
    made.page.click("[data-key=import-confirm]")
    made.until(STEP.format("done"))
    assert held(made) == {"old", "new"}


def test_the_button_opens_a_choice_of_files_and_the_dialog_works_by_keyboard(made: Visit) -> None:
    page = made.page
    with page.expect_file_chooser() as choosing:
        page.click("[data-key=import]")
    choosing.value.set_files([{"name": "stations.csv", "mimeType": "text/csv", "buffer": file_of(row("new", 900))}])
    made.until(STEP.format("ask"))
    assert page.evaluate("document.activeElement.id") == "import-title"
    page.keyboard.press("Tab")
    for _ in range(list(LAYERS).index("chargers") + 1):
        page.keyboard.press("ArrowDown")
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowDown")
    for _ in range(4):  # three boxes, then the button
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    made.until(STEP.format("report"))
    page.focus("[data-key=import-confirm]")
    page.keyboard.press("Enter")
    made.until(STEP.format("done"))


def test_where_data_are_missing_the_card_offers_to_import(made: Visit) -> None:
    made.page.evaluate("twin.actions.choose('camera-count')")
    made.page.wait_for_selector("#cards [data-key=import-camera-count]")


@pytest.mark.parametrize("made", [(390, 844)], indirect=True)
def test_on_a_phone_nothing_is_cut_off(made: Visit) -> None:
    made.page.goto(f"{made.address}/map?lang=en")
    made.ready()
    ask(made, file_of(row("old", 40), row("new", 900)))
    box = made.page.locator("#import").bounding_box()
    assert box is not None
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 390
    wide, room = made.page.evaluate("(e => [e.scrollWidth, e.clientWidth])(document.getElementById('import'))")
    assert wide <= room
    said = made.page.inner_text("#import").replace("闵行区", "")  # this district has no English name
    assert re.findall(r"[\u4e00-\u9fff]+", said) == []
