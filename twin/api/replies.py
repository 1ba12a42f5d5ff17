"""Raw bytes as responses: media types, gzip where it is accepted, strong ETags. Data never pass through a JSON encoder twice."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Any, Protocol

import orjson
from fastapi import Request, Response

from twin.api.gzipped import compress, decompress

JSON, GEOJSON, MVT = "application/json", "application/geo+json", "application/vnd.mapbox-vector-tile"
SCHEMA_JSON = "application/schema+json"
MERGE_PATCH = "application/merge-patch+json"
PATCHES = (MERGE_PATCH, GEOJSON, JSON)
"""What PATCH takes, all of them as RFC 7396 has it (Accept-Patch)."""
MIN_GZIP = 1024
ENTITY_TAG = re.compile(r'((?:W/)?"[\x21\x23-\x7e\x80-\xff]*")')
"""RFC 9110, section 8.8.3."""


def dumps(value: Any) -> bytes:
    """JSON; NaN becomes null, NumPy numbers are numbers, times end in Z."""
    return orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_UTC_Z | orjson.OPT_OMIT_MICROSECONDS)


def accepts_gzip(request: Request) -> bool:
    """Whether gzip is among the encodings the caller takes."""
    for item in request.headers.get("accept-encoding", "").lower().split(","):
        name, _, options = item.strip().partition(";")
        if name.strip() in ("gzip", "*"):
            return options.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return False


def reply(
    request: Request, content: bytes, media_type: str = JSON, headers: Mapping[str, str] | None = None
) -> Response:
    """Bytes, compressed if they are worth it and the caller takes it; with an ETag, 304 if the caller has it already.

    A 304 has all headers: a browser takes them over, among them what the page may do.
    """
    sent = {"vary": "Accept, Accept-Encoding, Accept-Language", **(headers or {})}
    gzipped = len(content) >= MIN_GZIP and accepts_gzip(request)
    if "etag" in sent:
        etag = sent["etag"].strip('"')
        sent = {"cache-control": "no-cache", **sent, "etag": f'"{etag}-gz"' if gzipped else f'"{etag}"'}
        if has_already(request, etag):
            return Response(status_code=304, headers=sent)
    if gzipped:
        content = compress(content)
        sent["content-encoding"] = "gzip"
    return Response(content, headers=sent, media_type=media_type)


def document_reply(
    request: Request, content: bytes, media_type: str = JSON, headers: Mapping[str, str] | None = None
) -> Response:
    """As :func:`reply`; to a GET with the hash of the bytes as the ETag, unless ``headers`` say how it may be kept."""
    if request.method != "GET" or "cache-control" in (headers or {}):
        return reply(request, content, media_type, headers)
    digest = hashlib.blake2b(content, digest_size=12).hexdigest()
    return reply(request, content, media_type, {**(headers or {}), "etag": f'"{digest}"'})


def json_reply(
    request: Request, value: Any, media_type: str = JSON, headers: Mapping[str, str] | None = None
) -> Response:
    return document_reply(request, dumps(value), media_type, headers)


class Packed:
    """What is sent again and again: kept gzipped, with the hash of its bytes."""

    __slots__ = ("etag", "gzipped", "size")

    def __init__(self, content: bytes) -> None:
        self.gzipped = compress(content)
        self.etag = hashlib.blake2b(content, digest_size=12).hexdigest()
        self.size = len(content)

    def content(self, *, gzipped: bool) -> bytes:
        return self.gzipped if gzipped else decompress(self.gzipped)


class SentAgain(Protocol):
    """What is kept to be sent, with the hash of its bytes."""

    etag: str

    def content(self, *, gzipped: bool) -> bytes: ...


def packed_reply(request: Request, kept: SentAgain, media_type: str, *, empty: bool = False) -> Response:
    """304 if the caller has it already, 204 if ``empty``. The gzipped form has an ETag of its own."""
    gzipped = not empty and accepts_gzip(request)
    headers = {
        "etag": f'"{kept.etag}-gz"' if gzipped else f'"{kept.etag}"',
        "cache-control": "no-cache",
        "vary": "Accept-Encoding",
    }
    if has_already(request, kept.etag):
        return Response(status_code=304, headers=headers)
    if empty:
        return Response(status_code=204, headers=headers)
    if gzipped:
        headers["content-encoding"] = "gzip"
    return Response(kept.content(gzipped=gzipped), headers=headers, media_type=media_type)


def has_already(request: Request, etag: str) -> bool:
    """Whether If-None-Match names it in either form."""
    header = request.headers.get("if-none-match", "")
    known = {tag.removeprefix("W/") for tag in ENTITY_TAG.findall(header)}
    return header.strip() == "*" or not known.isdisjoint((f'"{etag}"', f'"{etag}-gz"'))


def entity_tags(header: str) -> list[str] | None:
    """The entity tags that If-Match or If-None-Match lists, as written; None where it is no list of any."""
    parts = ENTITY_TAG.split(header)
    between = parts[::2]
    is_list = len(parts) > 1 and not "".join(between).strip(" \t,") and all("," in part for part in between[1:-1])
    return parts[1::2] if is_list else None


def url(request: Request, path: str, query: str = "") -> str:
    """An absolute address on the host that the caller asked."""
    base = str(request.base_url).rstrip("/")
    return f"{base}{path}?{query}" if query else f"{base}{path}"


def link(
    request: Request, rel: str, path: str, title: str = "", media_type: str = JSON, query: str = ""
) -> dict[str, str]:
    """An OGC API link."""
    entry = {"rel": rel, "type": media_type, "href": url(request, path, query)}
    return {**entry, "title": title} if title else entry
