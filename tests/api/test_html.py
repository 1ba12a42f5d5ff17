"""Pages that a person can read: who gets one, in which language, and that nothing of the data can run in it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser

import pytest
import shapely

from tests.api.conftest import Client, Make, record, store_of
from twin.api.html import figure, place, shown, weight
from twin.api.page_words import WORDS

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"
PAGES = (
    "/", "/conformance", "/collections", "/collections/cameras", "/collections/areas", "/collections/chargers/schema",
    "/collections/chargers/queryables", "/collections/cameras/items", "/collections/cameras/items/cam-00",
    "/collections/areas/items", "/collections/areas/items/310112", "/collections/cameras/tiles",
    "/collections/cameras/tiles/WebMercatorQuad", "/tileMatrixSets", "/tileMatrixSets/WebMercatorQuad", "/styles", "/coverage",
)  # fmt: skip
VOID = {"meta", "link", "br", "input", "img", "hr"}


class Page(HTMLParser):
    """Elements that are closed as they were opened; their attributes; the text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data.strip())

    def of(self, tag: str) -> Iterator[dict[str, str | None]]:
        return (attributes for name, attributes in self.elements if name == tag)


def page_of(client: Client, path: str, **headers: str) -> Page:
    answer = client.get(path, headers={"accept": BROWSER, **headers})
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    return Page(answer.text)


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize("lang", ["zh", "en"])
def test_every_page_is_whole_without_script_and_without_foreign_addresses(client: Client, path: str, lang: str) -> None:
    page = page_of(client, f"{path}?lang={lang}")
    assert list(page.of("script")) == []
    for tag, attributes in page.elements:
        assert not any(name.startswith("on") or name == "style" for name in attributes), tag
        for name in ("href", "src"):
            if attributes.get(name):
                assert str(attributes[name]).startswith(("http://twin.test/", "#")), attributes
    assert "built-in method" not in " ".join(page.text)


@pytest.mark.parametrize("path", PAGES)
def test_every_link_of_a_page_leads_somewhere(client: Client, path: str) -> None:
    page = page_of(client, path)
    for attributes in (*page.of("a"), *page.of("link")):
        href = str(attributes["href"])
        if not href.startswith("#"):
            assert client.get(href).status_code == 200, href


@pytest.mark.parametrize("path", PAGES)
def test_pages_are_chinese_unless_english_is_asked_for(client: Client, path: str) -> None:
    for headers, lang in (
        ({}, "zh-CN"),
        ({"accept-language": "fr"}, "zh-CN"),
        ({"accept-language": "zh-CN,zh;q=0.9,en;q=0.8"}, "zh-CN"),
        ({"accept-language": "en-GB,en;q=0.9"}, "en"),
    ):
        page = page_of(client, path, **headers)
        assert next(page.of("html"))["lang"] == lang, headers
        assert (WORDS["name"].zh in page.text) == (lang == "zh-CN")


@pytest.mark.parametrize(
    ("accept", "is_page"),
    [
        ("", False),
        ("*/*", False),
        ("application/json", False),
        ("text/html", True),
        ("TEXT/HTML", True),
        (BROWSER, True),
        ("text/*", True),
        ("text/html;q=0.5, application/json;q=0.9", False),
        ("text/html;q=0.9, application/json;q=0.5", True),
        ("text/html, application/json", False),
        ("text/html, */*", False),
        ("text/html;q=0", False),
        ("text/html;q=0, */*", False),
        ("text/html;level=1;q=0.4, application/json;q=0.3", True),
        ("application/geo+json, text/html;q=0.9", False),
        ("text/html;q=x, */*;q=0.1", False),
        ("image/png", False),
    ],
)
@pytest.mark.parametrize("path", ["/collections", "/collections/cameras/items"])
def test_the_accept_header_decides_by_its_ranking(client: Client, path: str, accept: str, is_page: bool) -> None:
    answer = client.get(path, headers={"accept": accept})
    assert answer.headers["content-type"].startswith("text/html") is is_page


@pytest.mark.parametrize("path", PAGES)
def test_caches_are_told_that_the_accept_header_counts(client: Client, path: str) -> None:
    for accept in (BROWSER, "*/*"):
        assert "Accept" in client.get(path, headers={"accept": accept}).headers["vary"].split(", ")


@pytest.mark.parametrize(("f", "kind"), [("html", "text/html; charset=utf-8"), ("json", "application/json")])
def test_f_wins_over_the_accept_header(client: Client, f: str, kind: str) -> None:
    for accept in (BROWSER, "application/json"):
        answer = client.get("/collections", params={"f": f}, headers={"accept": accept})
        assert answer.headers["content-type"] == kind


def test_the_most_particular_range_decides() -> None:
    accept = "text/*;q=0.3, text/html;q=0.7, */*;q=0.5"
    assert [weight(accept, media) for media in ("text/html", "text/csv", "image/png")] == [0.7, 0.3, 0.5]
    assert weight("application/json", "text/html") == 0


def test_a_page_has_a_strict_policy_and_says_its_language(client: Client) -> None:
    answer = client.get("/collections?f=html&lang=en")
    assert answer.headers["content-language"] == "en"
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src" not in policy
    assert "unsafe-inline" not in policy


def test_a_page_names_its_other_forms(client: Client) -> None:
    page = page_of(client, "/collections/cameras/items?limit=3")
    (other,) = (a for a in page.of("link") if a.get("rel") == "alternate")
    assert other["type"] == "application/geo+json"
    answer = client.get(str(other["href"]))
    assert answer.headers["content-type"] == "application/geo+json"
    assert answer.json()["numberReturned"] == 3


def test_the_other_language_is_the_same_page(client: Client) -> None:
    page = page_of(client, "/collections/cameras/items?limit=3&lang=zh")
    (other,) = (a for a in page.of("a") if a.get("class") == "language")
    there = page_of(client, str(other["href"]))
    assert next(there.of("html"))["lang"] == "en"
    assert len(list(there.of("tr"))) == 4


def test_what_data_are_not_stands_on_every_page_that_shows_them(client: Client) -> None:
    for path in (
        "/collections",
        "/collections/cameras",
        "/collections/cameras/items",
        "/collections/cameras/items/cam-00",
        "/coverage",
    ):
        for lang, words in (("zh", "模拟数据，不代表实际情况"), ("en", "Synthetic data, not real")):
            assert words in page_of(client, f"{path}?lang={lang}").text, path


def test_the_pages_of_items_show_every_feature_once(client: Client) -> None:
    url: str | None = "/collections/cameras/items?limit=20"
    seen: list[str] = []
    while url:
        page = page_of(client, url)
        seen += [str(a["href"]).rpartition("/items/")[2] for a in page.of("a") if "/items/" in str(a["href"])]
        url = next((str(a["href"]) for a in page.of("a") if a.get("rel") == "next"), None)
    assert len(seen) == len(set(seen)) == 49
    assert "nowhere%2F1" in seen


def test_a_page_of_items_has_titles_units_and_counts(client: Client) -> None:
    page = page_of(client, "/collections/chargers/items?lang=en")
    assert "Key" in page.text
    assert any(text.endswith("(kW)") for text in page.text)
    assert "on this page 4 · matched 4" in page.text


def test_a_page_without_features_says_so(empty: Client) -> None:
    assert WORDS["nothing"].zh in page_of(empty, "/collections/cameras/items").text
    assert WORDS["empty_layer"].zh in page_of(empty, "/collections/cameras").text


def test_names_cannot_become_markup(make: Make) -> None:
    evil = "<script>alert(1)</script>\"'&amp;"
    client = make(store_of([record("chargers", "<b>key</b>", (121.3, 31.0), name=evil)]))
    for path in ("/collections/chargers/items", "/collections/chargers/items/%3Cb%3Ekey%3C%2Fb%3E"):
        page = page_of(client, path)
        assert list(page.of("script")) == []
        assert list(page.of("b")) == []
        assert evil in page.text


def test_the_query_cannot_become_markup(client: Client) -> None:
    answer = client.get(
        '/collections/cameras/items?limit=1&as_of=2025-01-01&f=html&bbox=121,30,122,32&filter=name%3D%27"><b>%27'
    )
    assert answer.status_code == 200
    assert "<b>" not in answer.text


def test_keys_with_signs_lead_to_their_feature(make: Make) -> None:
    keys = ["a/b", "ü 5%", "百分", "a?b#c"]
    client = make(store_of([record("chargers", key, (121.3, 31.0)) for key in keys]))
    page = page_of(client, "/collections/chargers/items")
    links = [str(a["href"]) for a in page.of("a") if "/items/" in str(a["href"])]
    assert sorted(client.get(link, params={"f": "json"}).json()["id"] for link in links) == sorted(keys)


def test_an_area_is_shown_with_its_shape(make: Make) -> None:
    shape = shapely.box(121.3, 31.0, 121.4, 31.1)
    client = make(store_of([record("areas", "1", shape, code="1", name_en="one", level="town")]))
    page = page_of(client, "/collections/areas/items/1")
    assert "Polygon" in page.text
    assert any('"coordinates"' in text for text in page.text)


def test_a_schema_as_a_page_has_every_field(client: Client) -> None:
    names = client.get("/collections/cameras/schema").json()["properties"]
    page = page_of(client, "/collections/cameras/schema")
    assert set(names) <= set(page.text)
    assert "0 ≤ 360" not in page.text
    assert any(re.fullmatch(r"≥ 0 ≤ 360", text) for text in page.text)


@pytest.mark.parametrize(
    ("value", "zh", "en"),
    [
        (None, "—", "—"),
        ("", "—", "—"),
        (True, "是", "yes"),
        (False, "否", "no"),
        (0, "0", "0"),
        (71500, "71,500", "71,500"),
        (250.0, "250", "250"),
        (0.125, "0.125", "0.125"),
        ("310112", "310112", "310112"),
        ("2025-12-30T16:00:00Z", "2025年12月31日", "31 Dec 2025"),
        ("2025-12-31T04:05:00Z", "2025年12月31日 12:05", "31 Dec 2025 12:05"),
        ({"a": [1]}, '{"a":[1]}', '{"a":[1]}'),
    ],
)
def test_values_are_written_as_people_read_them(value: object, zh: str, en: str) -> None:
    assert (shown(value, "zh"), shown(value, "en")) == (zh, en)


@pytest.mark.parametrize(
    ("value", "unit", "operator", "text"),
    [
        (0.9996, "share", "equal", "99.9 %"),
        (1.0, "share", "equal", "100.0 %"),
        (0.29, "share", "at-least", "29.0 %"),
        (179.96, "个/km²", "at-least", "179.9"),
        (0.9001, "km", "at-most", "1.0"),
        (69563, "个", "at-least", "69,563"),
        (None, "share", "indicator", "—"),
    ],
)
def test_figures_are_rounded_towards_not_met(value: float | None, unit: str, operator: str, text: str) -> None:
    assert figure(value, unit, operator, "zh") == text


def test_a_place_is_a_point_or_the_kind_of_a_shape() -> None:
    assert place(None) == "—"
    assert place({"type": "Point", "coordinates": [121.3, 31.0]}) == "121.3, 31.0"
    assert place({"type": "MultiPolygon", "coordinates": []}) == "MultiPolygon"


def test_every_word_is_there_in_both_languages() -> None:
    for name, words in WORDS.items():
        assert words.zh, name
        assert words.en, name
        assert name == "other_language" or not re.search(r"[\u4e00-\u9fff]", words.en), name
