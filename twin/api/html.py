"""Documents as pages that a person can read: chosen by ``f`` or the Accept header, in Chinese or English, without a script.

A page is made from the very document that a machine would get. Templates lie in ``templates/``, words in ``page_words``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from types import SimpleNamespace
from typing import TYPE_CHECKING, Annotated, Any, Literal
from urllib.parse import quote, urlencode

import orjson
from fastapi import Depends, Query, Request, Response

from twin import __version__
from twin.api.allowed import caller_of, least_role
from twin.api.crs import EPSG, crs_of
from twin.api.language import Lang, language_of
from twin.api.map_page import own_release
from twin.api.page_values import figure, place, said, shown, unit
from twin.api.page_words import WORDS
from twin.api.replies import GEOJSON, JSON, document_reply, dumps, json_reply, url
from twin.layers import layer_named

if TYPE_CHECKING:
    from jinja2 import Environment

HTML = "text/html"
PAGE = "text/html; charset=utf-8"
CSP = (
    "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
VARY = "Accept, Accept-Encoding, Accept-Language"
MACHINES = (JSON, GEOJSON, "application/schema+json")
"""What a caller may name who wants no page."""
ALWAYS = ("lifecycle", "valid_from", "valid_to")
"""Columns of every page of versions."""
VERSIONS = "/collections/{layer}/items/{key:path}/versions"


async def _document(
    f: Annotated[Literal["json", "html"] | None, Query(description="format; default: by the Accept header")] = None,
) -> None:
    """Read where the answer is made: ``wants_html``."""


AS_DOCUMENT = [Depends(_document)]
"""Of routes that answer a document or a page."""


def wants_html(request: Request) -> bool:
    """Whether the caller would rather have a page: ``f`` says so, else Accept ranks HTML above every JSON."""
    asked = request.query_params.get("f")
    if asked is not None:
        return asked == "html"
    accept = request.headers.get("accept", "").lower()
    if "text/" not in accept:
        return False
    return weight(accept, HTML) > max(weight(accept, media) for media in MACHINES)


def weight(accept: str, media: str) -> float:
    """What an Accept header (in lower case) gives a media type: the q of the most particular range that holds it, else 0."""
    ranges = {media: 2, f"{media.partition('/')[0]}/*": 1, "*/*": 0}
    best, found = -1, 0.0
    for item in accept.split(","):
        name, *options = (part.strip() for part in item.split(";"))
        if ranges.get(name, -1) > best:
            best, found = ranges[name], _quality(options)
    return found


def _quality(options: Sequence[str]) -> float:
    for option in options:
        name, _, value = option.partition("=")
        if name.strip() == "q":
            return float(value) if re.fullmatch(r"[01](\.\d{0,3})?", value.strip()) else 0.0
    return 1.0


async def _page_language(
    request: Request,
    lang: Annotated[Lang | None, Query(description="language of words; default: Accept-Language")] = None,
) -> Lang:
    return lang or (page_language(request) if wants_html(request) else language_of(request))


PageLanguage = Annotated[Lang, Depends(_page_language)]
"""Of routes that answer a document or a page: pages are Chinese unless English is asked for."""


def page_language(request: Request) -> Lang:
    """``en`` if the query or Accept-Language says so, else ``zh``."""
    if request.query_params.get("lang") in ("zh", "en"):
        return language_of(request)
    is_named = re.search(r"\b(en|zh)\b", request.headers.get("accept-language", "").lower())
    return language_of(request) if is_named else "zh"


def here(request: Request, **changed: str) -> str:
    """The address that was asked, with query parameters changed; ``f`` is dropped unless it is given."""
    kept = [(k, v) for k, v in request.query_params.multi_items() if k != "f" and k not in changed]
    path = request.scope["path"].removeprefix(request.scope.get("root_path", "").rstrip("/"))
    return url(request, quote(path, safe="/:@!$&'()*+,;=~"), urlencode([*kept, *changed.items()]))


def self_links(request: Request, media_type: str = JSON) -> list[dict[str, str]]:
    """The links of a JSON document to itself and to its page."""
    return [
        {"rel": "self", "type": media_type, "href": here(request)},
        {"rel": "alternate", "type": HTML, "href": here(request, f="html"), "title": "HTML"},
    ]


def document(
    request: Request,
    body: Mapping[str, Any],
    template: str,
    *,
    media_type: str = JSON,
    headers: Mapping[str, str] | None = None,
    **more: Any,
) -> Response:
    """A document as JSON, or as the page of a template, whichever the caller would rather have.

    Args:
        template: a name in ``templates/`` without its ending.
        more: what only the page shows.
    """
    if wants_html(request):
        return render(request, template, {"body": body, **more}, headers)
    return json_reply(request, body, media_type, {"vary": VARY, **(headers or {})})


def html_items(request: Request, body: Mapping[str, Any], labels: Sequence[Mapping[str, str]] = ()) -> Response:
    """A page of features: a GeoJSON FeatureCollection with ``links`` (``prev`` and ``next`` are followed) and
    ``numberMatched``, as a table. ``labels`` are those of the collection."""
    columns = _columns(request, [feature["properties"] for feature in body["features"]])
    more = {"labels": labels, "columns": columns, "links": _by_rel(body["links"]), "place_title": _place_title(request)}
    return render(request, "items", {"body": body, **_of_layer(request), **more})


def html_item(request: Request, body: Mapping[str, Any], labels: Sequence[Mapping[str, str]] = ()) -> Response:
    """One GeoJSON feature as a page."""
    is_single = body["properties"].get("lifecycle") is not None
    more = {
        "labels": labels,
        "columns": _columns(request, [body["properties"]]),
        "place_title": _place_title(request),
        "has_versions": is_single and caller_of(request).may(least_role("GET", VERSIONS)),
    }
    return render(request, "item", {"body": body, **_of_layer(request), **more})


def html_versions(request: Request, body: Mapping[str, Any], labels: Sequence[Mapping[str, str]]) -> Response:
    """Every recorded version of a feature as a table, with the properties in which they differ."""
    body = orjson.loads(dumps(body))
    listed = [entry["feature"]["properties"] for entry in body["versions"]]
    columns = {
        name: title
        for name, title in _columns(request, listed).items()
        if name in ALWAYS or any(values.get(name) != listed[0].get(name) for values in listed)
    }
    more = {"labels": labels, "columns": columns, "formats": {"JSON": "json"}}
    return render(request, "versions", {"body": body, **_of_layer(request), **more})


def _of_layer(request: Request) -> dict[str, Any]:
    name = request.path_params["layer"]
    title = layer_named(name).title.in_language(page_language(request))
    return {"layer": name, "title": title, "formats": {"GeoJSON": "geojson"}}


def html_coverage(request: Request, body: Mapping[str, Any]) -> Response:
    """The list of clauses with their results as a page."""
    labels = {label["id"]: label for result in body["results"] for label in result["labels"]}
    return render(request, "coverage", {"body": body, "labels": list(labels.values()), "asked": _asked(request)})


def html_result(request: Request, body: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> Response:
    """One clause's result with its quote, where that stands, and its towns, the worst first."""
    worst_first = sorted(rows, key=lambda row: (row["value"] is None, row["value"]))
    return render(request, "result", {"body": body, "rows": worst_first, "asked": _asked(request)})


def _asked(request: Request) -> dict[str, str]:
    """Of which area and times the page is, as the query says it."""
    return {k: v for k, v in request.query_params.items() if k in ("area", "as_of", "known_at")}


def _place_title(request: Request) -> str:
    """The head of the coordinates: in which CRS they are, the axes in their order."""
    crs, lang = crs_of(request.query_params.get("crs")), page_language(request)
    name = f"EPSG:{crs.uri.removeprefix(EPSG)}" if crs.uri.startswith(EPSG) else crs.uri.rpartition("/")[2]
    axes = WORDS[f"axes_{crs.kind}_{'north' if crs.north_first else 'east'}"].in_language(lang)
    title = WORDS["geometry"].in_language(lang)
    return f"{title}（{name}：{axes}）" if lang == "zh" else f"{title} ({name}: {axes})"


def html_problem(
    request: Request, body: Mapping[str, Any], headers: Mapping[str, str], *, offers_sign_in: bool
) -> Response:
    """A problem document as a page, with its status."""
    f = {"f": "html"} if "f" in request.query_params else {}
    more = {"formats": {}, "f": f, "offers_sign_in": offers_sign_in}
    return render(request, "problem", {"body": body, **more}, headers, body["status"])


def render(
    request: Request,
    template: str,
    context: Mapping[str, Any],
    headers: Mapping[str, str] | None = None,
    status: int = 200,
) -> Response:
    """A template as a page.

    It knows ``lang``, ``t`` (words by name), ``address(path, **query)``, ``kept(address)`` and ``here(**changed)``, which
    keep a language that was asked for, ``file(name)`` of the map's own files, ``value(layer, name, value)`` as people read
    it, and what ``context`` adds; ``labels`` are shown under the title, ``formats`` are the other forms of the page: what to
    call them, and their ``f``; ``f`` is what the link to the other language says of the format.
    """
    lang = page_language(request)
    asked = {"lang": lang} if request.query_params.get("lang") in ("zh", "en") else {}
    known = {
        "lang": lang,
        "t": SimpleNamespace(**{name: words.in_language(lang) for name, words in WORDS.items()}),
        "address": lambda path, **query: url(request, path, urlencode({**query, **asked})),
        "kept": lambda href: f"{href}{'&' if '?' in href else '?'}{urlencode(asked)}" if asked else href,
        "file": lambda name: url(request, f"/map/files/{own_release()}/{name}"),
        "value": lambda layer, name, value: said(layer, name, value, lang),
        "here": lambda **changed: here(request, **changed),
        "version": __version__,
        "labels": context.get("body", {}).get("labels", ()),
        "formats": {"JSON": "json"},
        "f": {"f": "html"},
    }
    text = _environment().get_template(f"{template}.html").render({**known, **context})
    sent = {"vary": VARY, "content-language": lang, "content-security-policy": CSP, **(headers or {})}
    if status != 200:
        return Response(text.encode(), status, sent, PAGE)
    return document_reply(request, text.encode(), PAGE, sent)


@lru_cache(maxsize=1)
def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    loader = PackageLoader("twin.api", "templates")
    made = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, auto_reload=False
    )  # fmt: skip
    made.filters |= {"shown": shown, "figure": figure, "place": place, "unit": unit}
    return made


def _columns(request: Request, properties: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Titles of the properties that the features have, in the layer's order."""
    lang = page_language(request)
    names = dict.fromkeys(name for values in properties for name in values)
    kind = layer_named(request.path_params["layer"])
    titles = {f.name: f"{f.title.in_language(lang)}{f' ({f.unit})' if f.unit else ''}" for f in kind.all_fields()}
    titles |= {name: WORDS[name].in_language(lang) for name in ("source", "version", "cell", "point_count")}
    order = sorted(names, key=lambda name: list(titles).index(name) if name in titles else len(titles))
    return {name: titles.get(name, name) for name in order}


def _by_rel(links: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    return {link["rel"]: link["href"] for link in reversed(links)}
