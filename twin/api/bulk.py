"""Whole layers as files: FlatGeobuf with ranges, GeoParquet, GeoJSON as a stream; of what the caller sees.

A file is made once for all who see the same, beside the others in a temporary folder, and is removed when nobody has it open
that is no longer kept. No half a file is ever served: it has its name only when it is whole.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from hashlib import blake2b
from pathlib import Path as File
from threading import Lock
from typing import Annotated, Any
from urllib.parse import quote
from weakref import finalize

import numpy as np
import shapely
from fastapi import APIRouter, Path, Request, Response
from starlette.responses import FileResponse, StreamingResponse

from twin.api.encoded import Encoded
from twin.api.features import LayerName
from twin.api.gzipped import compressed
from twin.api.params import Times
from twin.api.problems import problem
from twin.api.replies import GEOJSON, accepts_gzip, dumps, has_already
from twin.api.world import Served, When
from twin.errors import NotFound, Unavailable, Words
from twin.export import Export, about_layer, export_of, parse_crs, sources_in
from twin.kept import Kept
from twin.layers import LayerType, layer_named
from twin.model import Snapshot

router = APIRouter(tags=["collections"])
N_FILES = 24
CHUNK = 1 << 19
SYNTHETIC_MARK = "_模拟"
"""In the name of a file of synthetic data."""
FLATGEOBUF, PARQUET = "application/flatgeobuf", "application/vnd.apache.parquet"
MEDIA = {"fgb": FLATGEOBUF, "parquet": PARQUET, "geojson": GEOJSON}
RANGE = re.compile(r"bytes=((?:\d+-\d*|-\d+)(?:\s*,\s*(?:\d+-\d*|-\d+))*)", re.ASCII)
UNSATISFIABLE = Words("所请求的字节范围超出文件", "the range asked for lies beyond the file")
Ending = Annotated[str, Path(description="FlatGeobuf, GeoParquet or GeoJSON", json_schema_extra={"enum": list(MEDIA)})]


@dataclass(frozen=True, eq=False)
class BulkFile:
    """A whole file; it goes when this does. ``etag`` is the hash of its bytes."""

    path: File
    etag: str
    size: int

    def __post_init__(self) -> None:
        finalize(self, self.path.unlink, missing_ok=True)


class BulkFiles:
    """The files that are kept, in a folder that goes with the app. Nothing is on the disk before the first."""

    def __init__(self) -> None:
        self._files: Kept[BulkFile] = Kept(N_FILES)
        self._lock = Lock()
        self._folder: str | None = None

    def _place(self) -> str:
        with self._lock:
            if self._folder is None:
                self._folder = tempfile.mkdtemp(prefix="twin-bulk-")
                finalize(self, shutil.rmtree, self._folder, ignore_errors=True)
            return self._folder

    def get(self, key: tuple[Any, ...], make: Callable[[], bytes]) -> BulkFile:
        """The file under a key, made if there is none."""
        return self._files.get(key, lambda: self._written(make()))

    def _written(self, content: bytes) -> BulkFile:
        try:
            with tempfile.NamedTemporaryFile(dir=self._place(), delete=False) as file:
                made = BulkFile(File(file.name), blake2b(content, digest_size=12).hexdigest(), len(content))
                file.write(content)
        except OSError as problem:
            reason = problem.strerror or str(problem)
            raise Unavailable(f"无法写临时文件：{reason}", f"cannot write a temporary file: {reason}") from None
        return made


class _Sent(FileResponse):
    """A file's response, which keeps the file there until it has been sent."""

    def __init__(self, file: BulkFile, headers: Mapping[str, str], media_type: str) -> None:
        super().__init__(file.path, headers=headers, media_type=media_type)
        self.file = file


@router.get("/collections/{layer}/bulk.{ending}", response_class=Response)
def bulk(request: Request, world: Served, layer: LayerName, ending: Ending, when: Times) -> Response:
    """A whole layer as one file. FlatGeobuf has a spatial index and answers ranges, so that a map reads what it shows; it
    leaves out features without a place, and says how many."""
    kind = layer_named(layer)
    if ending not in MEDIA:
        known = ", ".join(MEDIA)
        raise NotFound(f"没有 .{ending} 文件，可用：{known}", f"there is no .{ending} file; there are: {known}")
    snapshot = world.snapshot(when)
    if ending == "geojson":
        return _stream(request, snapshot, kind, world.encoded(snapshot, kind))
    world.read(kind.name, "", len(snapshot.layers[kind.name]))
    files: BulkFiles = request.app.state.bulk
    file = files.get(_key(snapshot, kind, when, ending), lambda: _encode(snapshot, kind, ending))
    headers = {**_headers(snapshot, kind, ending), "etag": f'"{file.etag}"'}
    if has_already(request, file.etag):
        return Response(status_code=304, headers=headers)
    return _ranged(request, file, headers, MEDIA[ending])


def _key(snapshot: Snapshot, kind: LayerType, when: When, ending: str) -> tuple[Any, ...]:
    """What the file depends on. Of the present, an edit elsewhere does not change it. It names the snapshot, and so it is not for
    callers who know that by another name."""
    return (kind.name, ending, snapshot.layers[kind.name].digest or snapshot.id, snapshot.way, when)


def _headers(snapshot: Snapshot, kind: LayerType, ending: str) -> dict[str, str]:
    is_synthetic = any(source.synthetic for source in sources_in(snapshot, snapshot.layers[kind.name]))
    name = f"{kind.name}{SYNTHETIC_MARK if is_synthetic else ''}.{ending}"
    plain = f'filename="{kind.name}.{ending}"'
    return {
        "content-disposition": f"attachment; {plain}; filename*=utf-8''{quote(name)}",
        "cache-control": "no-cache",
        "vary": "Accept-Encoding",
    }


# Files -----------------------------------------------------------------------------------------------------------------


def _encode(snapshot: Snapshot, kind: LayerType, ending: str) -> bytes:
    from twin.writers.parquet import to_parquet
    from twin.writers.vector import to_flatgeobuf

    export = export_of(snapshot, kind, parse_crs("wgs84"))
    if ending == "parquet":
        return to_parquet(export, kind.name)[f"{kind.name}.parquet"]
    return to_flatgeobuf(located(export), kind.name)[f"{kind.name}.fgb"]


def located(export: Export) -> Export:
    """Only what has a place: a spatial index can hold nothing else. ``about`` still says how many have none."""
    there = ~shapely.is_missing(export.geometry)
    if there.all():
        return export
    kept = there.nonzero()[0].tolist()
    columns = tuple(replace(c, values=[c.values[i] for i in kept]) for c in export.columns)
    return replace(
        export, columns=columns, geometry=export.geometry[there], about={**export.about, "n_features": len(kept)}
    )


def _ranged(request: Request, file: BulkFile, headers: dict[str, str], media_type: str) -> Response:
    """The file, or the ranges of it that are asked for. A Range that is none is passed over, as RFC 9110 has it."""
    asked = request.headers.get("range", "")
    since = request.headers.get("if-range")
    matches = since is None or since == headers["etag"]
    if asked and not (matches and is_range(asked)):
        request.scope["headers"] = [pair for pair in request.scope["headers"] if pair[0] != b"range"]
    elif asked and not satisfiable(asked, file.size):
        return problem(request, 416, "range", UNSATISFIABLE, headers={"content-range": f"bytes */{file.size}"})
    return _Sent(file, headers, media_type)


def is_range(text: str) -> bool:
    """Whether it asks for bytes, each part from low to high."""
    found = RANGE.fullmatch(text.strip())
    if found is None:
        return False
    parts = [part.strip().partition("-") for part in found[1].split(",")]
    return all(not (first and last) or int(first) <= int(last) for first, _, last in parts)


def satisfiable(text: str, size: int) -> bool:
    """Whether every part of a range begins within the file."""
    parts = [part.strip().partition("-") for part in text.partition("=")[2].split(",")]
    return all(int(first) < size if first else int(last) > 0 for first, _, last in parts) and size > 0


# GeoJSON ---------------------------------------------------------------------------------------------------------------


def _stream(request: Request, snapshot: Snapshot, kind: LayerType, encoded: Encoded) -> Response:
    """A FeatureCollection whose first bytes go at once."""
    n_nowhere = int(np.isnan(encoded.bounds[:, 0]).sum())
    about = about_layer(snapshot, kind, parse_crs("wgs84"), None, snapshot.layers[kind.name], n_nowhere)
    head = dumps({"type": "FeatureCollection", "name": kind.name, "metadata": about})
    parts = (head[:-1] + b',"features":[', b"]}")
    gzipped = accepts_gzip(request)
    headers = _headers(snapshot, kind, "geojson")
    digest = snapshot.layers[kind.name].digest
    if digest:
        etag = blake2b(head + digest.encode(), digest_size=12).hexdigest()
        headers["etag"] = f'"{etag}-gz"' if gzipped else f'"{etag}"'
        if has_already(request, etag):
            return Response(status_code=304, headers=headers)
    if gzipped:
        headers["content-encoding"] = "gzip"
        return StreamingResponse(compressed(chunks(encoded, *parts)), headers=headers, media_type=GEOJSON)
    headers["content-length"] = str(sum(map(len, parts)) + max(len(encoded.blob) - 1, 0))
    return StreamingResponse(_at_once(chunks(encoded, *parts)), headers=headers, media_type=GEOJSON)


def chunks(encoded: Encoded, head: bytes, tail: bytes) -> Iterator[bytes]:
    """The head, the features' bytes as they lie there, the tail."""
    yield head
    end = max(len(encoded.blob) - 1, 0)
    for at in range(0, end, CHUNK):
        yield encoded.blob[at : min(at + CHUNK, end)]
    yield tail


async def _at_once(parts: Iterator[bytes]) -> AsyncIterator[bytes]:
    """Without a thread for each: nothing has to be waited for."""
    for part in parts:
        yield part
