"""Documents as pages that a person can read: chosen by ``f`` or the Accept header, in Chinese or English, without a script.

A page is made from the very document that a machine would get. Templates lie in ``templates/``, words in ``page_words``.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from types import SimpleNamespace
from typing import TYPE_CHECKING, Annotated, Any, Literal
from urllib.parse import quote, urlencode

import orjson
from fastapi import Depends, Query, Request, Response

from twin import __version__
from twin.api.language import Lang, language_of
from twin.api.map_page import own_release
from twin.api.page_words import WORDS
from twin.api.replies import GEOJSON, JSON, document_reply, json_reply, url
from twin.layers import layer_named
from twin.times import SHANGHAI

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
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
UNKNOWN = "—"


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
    more = {"labels": labels, "columns": columns, "links": _by_rel(body["links"])}
    return render(request, "items", {"body": body, **_of_layer(request), **more})


def html_item(request: Request, body: Mapping[str, Any], labels: Sequence[Mapping[str, str]] = ()) -> Response:
    """One GeoJSON feature as a page."""
    columns = _columns(request, [body["properties"]])
    return render(request, "item", {"body": body, **_of_layer(request), "labels": labels, "columns": columns})


def _of_layer(request: Request) -> dict[str, Any]:
    name = request.path_params["layer"]
    title = layer_named(name).title.in_language(page_language(request))
    return {"layer": name, "title": title, "formats": {"GeoJSON": "geojson"}}


def html_coverage(request: Request, body: Mapping[str, Any]) -> Response:
    """The list of clauses with their results as a page."""
    labels = {label["id"]: label for result in body["results"] for label in result["labels"]}
    return render(request, "coverage", {"body": body, "labels": list(labels.values())})


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

    It knows ``lang``, ``t`` (words by name), ``address(path)``, ``here(**changed)`` and what ``context`` adds; ``labels``
    are shown under the title, ``formats`` are the other forms of the page: what to call them, and their ``f``; ``f`` is what
    the link to the other language says of the format.
    """
    lang = page_language(request)
    known = {
        "lang": lang,
        "t": SimpleNamespace(**{name: words.in_language(lang) for name, words in WORDS.items()}),
        "address": lambda path: url(request, path),
        "here": lambda **changed: here(request, **changed),
        "release": own_release(),
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
    made = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    made.filters |= {"shown": shown, "figure": figure, "place": place}
    return made


def shown(value: Any, lang: Lang) -> str:
    """A value as people read it: — for unknown, moments in Shanghai's time, separators in counts."""
    match value:
        case None | "":
            return UNKNOWN
        case bool():
            return WORDS["yes" if value else "no"].in_language(lang)
        case int():
            return f"{value:,}"
        case float():
            return f"{value:,.6g}" if abs(value) < 1e6 else f"{value:,.0f}"
        case str() if MOMENT.fullmatch(value):
            return _moment(datetime.fromisoformat(value).astimezone(SHANGHAI), lang)
        case str():
            return value
    return orjson.dumps(value).decode()


def figure(value: float | None, unit: str, operator: str, lang: Lang) -> str:
    """A rule's value or target: shares in per cent, one decimal, rounded towards not met."""
    if value is None or isinstance(value, int):
        return shown(value, lang)
    scale, sign = (100, " %") if unit == "share" else (1, "")
    rounded = math.ceil if operator == "at-most" else math.floor
    return f"{rounded(round(value * scale * 10, 6)) / 10:,.1f}{sign}"


def _moment(at: datetime, lang: Lang) -> str:
    clock = "" if (at.hour, at.minute) == (0, 0) else f" {at:%H:%M}"
    if lang == "zh":
        return f"{at.year}年{at.month}月{at.day}日{clock}"
    return f"{at.day} {MONTHS[at.month - 1]} {at.year}{clock}"


def place(geometry: Mapping[str, Any] | None) -> str:
    """A point's coordinates as they stand on the wire; of other geometries their type."""
    if geometry is None:
        return UNKNOWN
    if geometry["type"] == "Point":
        return ", ".join(str(x) for x in geometry["coordinates"])
    return str(geometry["type"])


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
