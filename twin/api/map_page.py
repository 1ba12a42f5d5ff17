"""The planners' map at ``/map``: its page, its deck, pydeck's bundle and the page's own files. Nothing comes from elsewhere.

Files that never change under their address (the address holds a version) may be kept for ever; the page itself is asked
for each time. The page takes its data from the public routes: there is none here.
"""

from __future__ import annotations

import gzip
import hashlib
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import version
from importlib.resources import files
from string import Template
from typing import Literal

import orjson
from fastapi import APIRouter, Request, Response

from twin.errors import NotFound
from twin.maps import PALETTE, deck_json, page_settings, planners_map

router = APIRouter(include_in_schema=False)

FOR_EVER = "public, max-age=31536000, immutable"
ASK_FIRST = "no-cache"
CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)
"""Nothing inline, nothing from elsewhere. deck.gl needs no worker here: all tiles are GeoJSON; its ``data:`` image probes WebP."""
TYPES = {
    "js": "text/javascript",
    "css": "text/css",
    "html": "text/html",
    "svg": "image/svg+xml",
    "json": "application/json",
}
BUNDLE = f"pydeck-{version('pydeck')}.js"


@dataclass(frozen=True, slots=True)
class Body:
    """What is sent again and again, compressed once."""

    raw: bytes
    zipped: bytes
    kind: str
    etag: str

    def answer(self, request: Request, cache: str, **headers: str) -> Response:
        sent = {
            "etag": self.etag,
            "cache-control": cache,
            "vary": "Accept-Encoding",
            "x-content-type-options": "nosniff",
        }
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        if request.headers.get("if-none-match") == self.etag:
            return Response(status_code=304, headers=sent)
        if "gzip" in request.headers.get("accept-encoding", ""):
            return Response(self.zipped, headers={**sent, "content-encoding": "gzip"}, media_type=self.kind)
        return Response(self.raw, headers=sent, media_type=self.kind)


def body(raw: bytes, ending: str) -> Body:
    digest = hashlib.blake2b(raw, digest_size=8).hexdigest()
    return Body(raw, gzip.compress(raw, 6), f"{TYPES[ending]}; charset=utf-8", f'"{digest}"')


@router.get("/map")
def page(request: Request, lang: Literal["zh", "en"] = "zh") -> Response:
    """The page in Chinese, or in English by ``?lang=en``; what else the address says, the page itself reads."""
    return page_body(lang).answer(request, ASK_FIRST, content_security_policy=CSP, referrer_policy="same-origin")


page.also_known = lambda _: ("rule", "area", "as_of", "unit")  # type: ignore[attr-defined]


@router.get("/map/deck.json")
def deck(request: Request) -> Response:
    """The deck, and the colours and classes the page draws legends with."""
    return deck_body().answer(request, ASK_FIRST)


@router.get("/map/" + BUNDLE)
def bundle(request: Request) -> Response:
    """deck.gl as the installed pydeck brings it."""
    return bundle_body().answer(request, FOR_EVER)


@router.get("/map/files/{release}/{name}")
def own_file(release: str, name: str, request: Request) -> Response:
    """One of the page's own modules or sheets. The release in the address is there to be kept for ever, whatever it says."""
    found = own_files().get(name)
    if found is None:
        known = ", ".join(own_files())
        raise NotFound(f"地图页没有文件 {name}。现有：{known}", f"the map page has no file {name}; there are: {known}")
    return found.answer(request, FOR_EVER if release == own_release() else ASK_FIRST)


@lru_cache(maxsize=2)
def page_body(lang: str) -> Body:
    template = Template(files("twin.api").joinpath("templates/map.html").read_text("utf-8"))
    html_lang = "en" if lang == "en" else "zh-CN"
    return body(template.substitute(lang=html_lang, bundle=BUNDLE, release=own_release()).encode(), "html")


@lru_cache(maxsize=1)
def deck_body() -> Body:
    settings = orjson.dumps(page_settings())
    return body(b'{"deck":' + deck_json(planners_map()) + b',"settings":' + settings + b"}", "json")


@lru_cache(maxsize=1)
def bundle_body() -> Body:
    script = files("pydeck").joinpath("nbextension/static/index.js").read_text("utf-8")
    return body(script.replace("//# sourceMappingURL=index.js.map", "").encode(), "js")


@lru_cache(maxsize=1)
def own_files() -> dict[str, Body]:
    found = {f.name: f.read_bytes() for f in files("twin.api").joinpath("static").iterdir() if f.is_file()}
    found["colours.css"] = colours_css().encode()
    return {name: body(found[name], name.rpartition(".")[2]) for name in sorted(found)}


@lru_cache(maxsize=1)
def own_release() -> str:
    """A name for exactly these files."""
    return hashlib.blake2b("".join(b.etag for b in own_files().values()).encode(), digest_size=6).hexdigest()


def colours_css() -> str:
    """The palette as CSS variables."""
    return ":root{" + "".join(f"--{name}:{colour};" for name, colour in PALETTE.items()) + "}\n"
