"""What pages say to whom: in which words and coordinates, which links they offer, one clause, a thing's versions."""

from __future__ import annotations

import re
from urllib.parse import parse_qs, urlsplit

import pytest
from anyio.from_thread import BlockingPortal

from tests.api.conftest import Client, Make, record, store_of
from tests.api.test_html import BROWSER, PAGES, Page, page_of
from tests.api.withheld import As, Asked
from twin.api.html import _environment
from twin.api.page_words import WORDS, code_words
from twin.layers import LAYERS

ONE_CLAUSE = ("/coverage/charger-service", "/coverage/camera-density", "/coverage/camera-count")
VERSIONS = "/collections/chargers/items/west/versions"
ALL_PAGES = (*PAGES, *ONE_CLAUSE, VERSIONS)


def links(page: Page) -> list[dict[str, str]]:
    """Those that a person follows, but the one to the other language."""
    found = [{name: str(value) for name, value in a.items()} for a in page.of("a")]
    return [a for a in found if a.get("class") != "language" and not a["href"].startswith("#")]


@pytest.mark.parametrize("path", ALL_PAGES)
@pytest.mark.parametrize("lang", ["zh", "en"])
def test_a_language_that_was_asked_for_stays_from_page_to_page(client: Client, path: str, lang: str) -> None:
    for a in links(page_of(client, f"{path}?lang={lang}")):
        if "/bulk." in a["href"]:
            continue  # a file has no language
        assert parse_qs(urlsplit(a["href"]).query).get("lang") == [lang], a
        assert client.get(a["href"], headers={"accept": BROWSER}).status_code == 200, a


@pytest.mark.parametrize("path", ALL_PAGES)
def test_no_language_is_put_into_links_where_none_was_asked_for(client: Client, path: str) -> None:
    assert not any("lang=" in a["href"] for a in links(page_of(client, path)))


@pytest.mark.parametrize(
    "path", ["/coverage", "/styles", "/collections/chargers/items", "/collections/chargers/items/west"]
)
def test_what_a_page_leads_to_can_be_read_as_well(client: Client, path: str) -> None:
    for a in links(page_of(client, path)):
        if "f=" not in urlsplit(a["href"]).query:  # another form of this page, named as such
            answer = client.get(a["href"], headers={"accept": BROWSER})
            assert answer.headers["content-type"].startswith("text/html"), a


@pytest.mark.parametrize("layer", LAYERS)
def test_every_code_has_a_word_in_chinese_and_reads_as_english(layer: str) -> None:
    kind = LAYERS[layer]
    for field in kind.all_fields():
        for code in field.domain:
            words = code_words(kind, field.name, code)
            assert re.fullmatch(r"[\u4e00-\u9fff]+", words.zh), (field.name, code)
            assert re.fullmatch(r"[a-z ]+", words.en), (field.name, code)


def test_text_that_is_no_code_stays_as_it_is() -> None:
    kind = LAYERS["chargers"]
    assert code_words(kind, "name", "operating").zh == "operating"
    assert code_words(kind, "lifecycle", "never heard of").zh == "never heard of"


def test_codes_are_said_in_words_and_named_where_fields_are_explained(client: Client) -> None:
    for path in ("/collections/chargers/items", "/collections/chargers/items/west"):
        zh, en = (page_of(client, f"{path}?lang={lang}").text for lang in ("zh", "en"))
        assert {"运营", "公共"} <= set(zh), path
        assert "operating" not in zh, path
        assert {"operating", "public"} <= set(en), path
    fields = page_of(client, "/collections/chargers/schema").text
    assert fields[fields.index("operating") + 1].startswith("（运营）")
    assert not re.search(
        r"[\u4e00-\u9fff]", "".join(page_of(client, "/collections/chargers/schema?lang=en").text).replace("中文", "")
    )


@pytest.mark.parametrize(
    ("crs", "zh", "en"),
    [
        (None, "位置（CRS84：经度、纬度，度）", "Place (CRS84: longitude, latitude, degrees)"),
        ("http://www.opengis.net/def/crs/EPSG/0/4490", "位置（EPSG:4490：纬度、经度，度）", "Place (EPSG:4490: latitude, longitude, degrees)"),
        ("[EPSG:4549]", "位置（EPSG:4549：北坐标、东坐标，m）", "Place (EPSG:4549: northing, easting, m)"),
        ("EPSG:32651", "位置（EPSG:32651：东坐标、北坐标，m）", "Place (EPSG:32651: easting, northing, m)"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("path", ["/collections/chargers/items", "/collections/chargers/items/west"])
def test_coordinates_name_their_crs_and_axes(client: Client, path: str, crs: str | None, zh: str, en: str) -> None:
    asked = "" if crs is None else f"&crs={crs}"
    assert zh in page_of(client, f"{path}?lang=zh{asked}").text
    assert en in page_of(client, f"{path}?lang=en{asked}").text


def test_a_clause_is_a_page_with_its_quote_its_source_and_its_towns(client: Client) -> None:
    for lang in ("zh", "en"):
        answer = client.get("/coverage/camera-density").json()
        page = page_of(client, f"/coverage/camera-density?lang={lang}")
        clause = answer["clause"]
        assert clause["quote" if lang == "zh" else "quote_en"] in page.text
        assert any(clause["document"]["citation"] in text for text in page.text)
        rows = client.get("/coverage/camera-density/areas").json()["rows"]
        names = [row["name" if lang == "zh" else "name_en"] for row in sorted(rows, key=lambda r: r["value"])]
        assert [text for text in page.text if text in names] == names
        assert len(names) == 2


def test_a_clause_as_a_page_keeps_area_and_time(client: Client) -> None:
    page = page_of(client, "/coverage?area=310112101&as_of=2026-01-01")
    one = next(a["href"] for a in links(page) if "/coverage/camera-density" in a["href"])
    assert parse_qs(urlsplit(one).query) == {"area": ["310112101"], "as_of": ["2026-01-01"]}
    there = page_of(client, one)
    assert "南镇" in there.text
    on_map = next(a["href"] for a in links(there) if "/map?" in a["href"])
    assert parse_qs(urlsplit(on_map).query) == {
        "rule": ["camera-density"],
        "area": ["310112101"],
        "as_of": ["2026-01-01"],
    }


def test_a_clause_stays_a_document_for_machines(client: Client) -> None:
    for accept in ("*/*", "application/json"):
        answer = client.get("/coverage/camera-density", headers={"accept": accept})
        assert answer.headers["content-type"] == "application/json"
        assert "Accept" in answer.headers["vary"].split(", ")
    answer = client.get("/coverage/camera-density?f=json", headers={"accept": BROWSER})
    assert answer.json()["rule"] == "camera-density"


def test_everybody_reads_a_clause_in_sum_and_is_told_so(portal: BlockingPortal, gate: As) -> None:
    for lang in ("zh", "en"):
        told, whole = (
            Asked(portal, gate, who)(f"/coverage/camera-density?f=html&lang={lang}") for who in ("public", "cleared")
        )
        words = WORDS["rounded"].in_language(lang)  # type: ignore[arg-type]
        assert words in Page(told.text).text
        assert words not in Page(whole.text).text


def test_a_thing_leads_to_its_versions_whom_they_are_for(portal: BlockingPortal, gate: As) -> None:
    path = "/collections/chargers/items/west?f=html"
    assert not any("versions" in a["href"] for a in links(Page(Asked(portal, gate, "public")(path).text)))
    assert any(a["href"].endswith("/west/versions") for a in links(Page(Asked(portal, gate, "planner")(path).text)))


def test_versions_are_a_table_of_what_changed_when_by_whom(make: Make) -> None:
    client = make(store_of([record("chargers", "a/b 百", (121.3, 31.0), station_type="public", n_connectors=2)]))
    path = "/collections/chargers/items/a%2Fb%20%E7%99%BE"
    etag = client.get(path).headers["etag"]
    changed = {"properties": {"n_connectors": 5}}
    answer = client.patch(
        path, json=changed, headers={"if-match": etag, "content-type": "application/merge-patch+json"}
    )
    assert answer.status_code == 200, answer.text
    item = page_of(client, path)
    (to_versions,) = (a["href"] for a in links(item) if a["href"].endswith("/versions"))
    page = page_of(client, to_versions)
    rows = len(list(page.of("tr"))) - 1
    assert rows == len(client.get(to_versions).json()["versions"]) > 1
    assert {"2", "5", "运营", "test"} <= set(page.text)
    assert "公共" not in page.text, "what did not change is not repeated"


def test_units_are_in_the_page_s_language(client: Client) -> None:
    zh, en = (" ".join(page_of(client, f"/coverage/camera-density?lang={lang}").text) for lang in ("zh", "en"))
    assert "≥ 180 个/km²" in zh
    assert "≥ 180 per km²" in en
    assert "个" not in en


def test_versions_say_what_the_data_are_not(client: Client) -> None:
    assert "模拟数据，不代表实际情况" in page_of(client, VERSIONS).text


def test_a_template_replaced_under_a_running_server_is_not_read(client: Client) -> None:
    page_of(client, "/collections")
    made = _environment()
    assert made.get_template("base.html") is made.get_template("base.html")
    assert not made.auto_reload
