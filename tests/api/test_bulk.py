"""Whole layers as files: their ranges, what stands in them, and who sees what."""

from __future__ import annotations

import errno
import gc
import io
import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from typing import Any

import httpx
import numpy as np
import pyarrow.parquet as pq
import pyogrio
import pytest
import shapely
import uvicorn
from anyio.from_thread import start_blocking_portal
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tests.api.conftest import N_CAMERAS, N_LOCATED, NOW, Client, InProcess, Make, cameras, record, records, store_of
from twin.access import Caller
from twin.api.app import create_app
from twin.api.bulk import N_FILES, BulkFiles, chunks, is_range, satisfiable
from twin.api.gzipped import compressed
from twin.engine import Twin
from twin.errors import Unavailable
from twin.model import Edit
from twin.readers.plan_file import read_plan
from twin.readers.raster import read_grid
from twin.settings import Settings
from twin.store.memory import MemoryStore

FGB, PARQUET, GEOJSON = (f"/collections/cameras/bulk.{ending}" for ending in ("fgb", "parquet", "geojson"))
PLACES = {r.key: (r.lng, r.lat) for r in cameras() if r.lng is not None}


def app_over(store: MemoryStore) -> Any:
    settings = Settings(store="memory:")
    return create_app(Twin(store, read_plan(settings.plan), read_grid, lambda: NOW), settings)


def read_fgb(content: bytes, **more: Any) -> Any:
    return pyogrio.read_dataframe(io.BytesIO(content), **more)


# What is in them -------------------------------------------------------------------------------------------------------


def test_each_file_has_the_layer_with_its_values(client: Client) -> None:
    features = {f["id"]: f for f in client.get("/collections/cameras/items?limit=100").json()["features"]}
    streamed = client.get(GEOJSON).json()
    assert {f["id"]: f for f in streamed["features"]} == features
    table = pq.read_table(io.BytesIO(client.get(PARQUET).content)).to_pandas().set_index("key")
    flat = read_fgb(client.get(FGB).content).set_index("key")
    assert (len(features), len(table), len(flat)) == (N_CAMERAS, N_CAMERAS, N_LOCATED)
    for key, place in PLACES.items():
        assert (flat.geometry[key].x, flat.geometry[key].y) == place
        assert shapely.from_wkb(table.geometry[key]).coords[0] == place
        assert features[key]["properties"]["n_devices"] == flat.n_devices[key] == table.n_devices[key]
    assert table.geometry["nowhere/1"] is None


def test_polygons_and_chinese_names_come_whole(client: Client) -> None:
    flat = read_fgb(client.get("/collections/areas/bulk.fgb").content).set_index("code")
    assert flat.name["310112101"] == "南镇"
    assert flat.geometry["310112"].equals(shapely.box(121.27, 31.0, 121.31, 31.04))


def test_each_file_says_where_the_data_come_from(client: Client) -> None:
    snapshot = client.get("/collections/cameras").json()["snapshot"]
    told = [
        client.get(GEOJSON).json()["metadata"],
        pyogrio.read_info(io.BytesIO(client.get(FGB).content))["layer_metadata"]["twin"],
        pq.read_metadata(io.BytesIO(client.get(PARQUET).content)).metadata[b"twin"].decode(),
    ]
    for about in map(str, told):
        for said in (snapshot, "wgs84", "模拟数据，不代表实际情况", "n_without_location"):
            assert said in about
    geo = pq.read_metadata(io.BytesIO(client.get(PARQUET).content)).metadata[b"geo"]
    assert b'"version":"1.1.0"' in geo


def test_a_file_of_synthetic_data_is_named_so(make: Make, client: Client) -> None:
    said = client.get(FGB).headers["content-disposition"]
    assert "filename*=utf-8''cameras_%E6%A8%A1%E6%8B%9F.fgb" in said
    plain = make(MemoryStore()).get(GEOJSON).headers["content-disposition"]
    assert "filename*=utf-8''cameras.geojson" in plain


def test_an_empty_layer_is_an_empty_file(empty: Client) -> None:
    assert empty.get(GEOJSON).json()["features"] == []
    assert len(read_fgb(empty.get(FGB).content)) == 0
    assert pq.read_table(io.BytesIO(empty.get(PARQUET).content)).num_rows == 0


def test_an_earlier_time_has_its_own_file(client: Client) -> None:
    assert client.get(f"{GEOJSON}?as_of=2020-01-01").json()["features"] == []
    assert len(read_fgb(client.get(f"{FGB}?as_of=2020-01-01").content)) == 0
    assert len(read_fgb(client.get(f"{FGB}?as_of=2025-01-01").content)) == N_LOCATED


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/collections/cameras/bulk.zip", 404),
        ("/collections/nothing/bulk.fgb", 404),
        (f"{FGB}?limit=5", 400),
        (f"{FGB}?as_of=x", 400),
    ],
)
def test_what_there_is_not_is_refused_in_words(client: Client, path: str, status: int) -> None:
    answer = client.get(path)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")


# Ranges ----------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def whole(client: Client) -> httpx.Response:
    return client.get(FGB)


def test_the_whole_file_says_that_it_takes_ranges(whole: httpx.Response) -> None:
    assert (whole.status_code, whole.headers["accept-ranges"]) == (200, "bytes")
    assert whole.headers["content-length"] == str(len(whole.content))
    assert whole.headers["content-type"] == "application/flatgeobuf"
    assert not whole.headers["etag"].startswith("W/")


@pytest.mark.parametrize(
    ("text", "part"),
    [("0-7", slice(0, 8)), ("100-", slice(100, None)), ("-50", slice(-50, None)), ("5-99999999", slice(5, None))],
)
def test_a_range_is_that_part_of_the_file(client: Client, whole: httpx.Response, text: str, part: slice) -> None:
    answer = client.get(FGB, headers={"range": f"bytes={text}"})
    first, last, _ = part.indices(len(whole.content))
    assert (answer.status_code, answer.content) == (206, whole.content[part])
    assert answer.headers["content-range"] == f"bytes {first}-{last - 1}/{len(whole.content)}"
    assert answer.headers["etag"] == whole.headers["etag"]


def test_several_ranges_come_in_parts(client: Client, whole: httpx.Response) -> None:
    answer = client.get(FGB, headers={"range": "bytes=0-3,10-12"})
    assert answer.status_code == 206
    assert answer.headers["content-type"].startswith("multipart/byteranges; boundary=")
    assert whole.content[10:13] in answer.content


def test_a_range_of_another_version_is_the_whole_file(client: Client, whole: httpx.Response) -> None:
    for since, status in ((whole.headers["etag"], 206), ('"other"', 200), (f"W/{whole.headers['etag']}", 200)):
        assert client.get(FGB, headers={"range": "bytes=0-7", "if-range": since}).status_code == status


@pytest.mark.parametrize("text", ["bytes=5-2", "bytes=x", "bytes=", "lines=0-5", "bytes=0-5;", "bytes=--5", "0-5"])
def test_a_range_that_is_none_is_passed_over(client: Client, whole: httpx.Response, text: str) -> None:
    answer = client.get(FGB, headers={"range": text})
    assert (answer.status_code, answer.content) == (200, whole.content)


@pytest.mark.parametrize("text", ["bytes=99999999-", "bytes=-0", "bytes=0-1,99999999-"])
def test_a_range_beyond_the_file_is_416_with_its_size(client: Client, whole: httpx.Response, text: str) -> None:
    answer = client.get(FGB, headers={"range": text})
    assert (answer.status_code, answer.headers["content-type"]) == (416, "application/problem+json")
    assert answer.headers["content-range"] == f"bytes */{len(whole.content)}"


def test_the_first_byte_after_the_file_is_beyond_it() -> None:
    assert satisfiable("bytes=9-", 10)
    assert not satisfiable("bytes=10-", 10)
    assert is_range("bytes=3-3")
    assert not is_range("bytes=3-2")


def test_head_has_the_headers_alone(client: Client, whole: httpx.Response) -> None:
    for path in (FGB, PARQUET):
        answer = client.head(path)
        assert (answer.status_code, answer.content, answer.headers["accept-ranges"]) == (200, b"", "bytes")
    assert client.head(FGB).headers["content-length"] == str(len(whole.content))


@pytest.mark.parametrize("path", [FGB, PARQUET, GEOJSON])
def test_who_has_it_already_is_told_so(client: Client, path: str) -> None:
    etag = client.get(path).headers["etag"]
    answer = client.get(path, headers={"if-none-match": etag})
    assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", etag)
    assert client.get(path, headers={"if-none-match": '"other"'}).status_code == 200


def test_an_edit_of_the_layer_makes_a_new_file(make: Make) -> None:
    store = store_of(records())
    client = make(store)
    before = client.get(FGB).headers["etag"]
    store.commit([Edit("add", record("cameras", "new", (121.28, 31.01)))], author="t", reason="t", at=NOW)
    after = client.get(FGB)
    assert after.headers["etag"] != before
    assert "new" in set(read_fgb(after.content)["key"])


# Streams ---------------------------------------------------------------------------------------------------------------


def test_geojson_comes_gzipped_if_that_is_taken_and_is_the_same(client: Client) -> None:
    packed = client.get(GEOJSON, headers={"accept-encoding": "gzip"})
    plain = client.get(GEOJSON, headers={"accept-encoding": "identity"})
    assert packed.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in plain.headers
    assert packed.content == plain.content
    assert plain.headers["content-length"] == str(len(plain.content))
    assert packed.headers.get("etag") != plain.headers.get("etag") or "etag" not in plain.headers


def test_the_first_part_goes_before_the_features_are_packed(client: Client) -> None:
    import zlib

    def parts() -> Iterator[bytes]:
        yield b'{"type":"FeatureCollection"'
        raise RuntimeError("not reached before the first part has gone")

    packed = compressed(parts())
    assert zlib.decompressobj(wbits=31).decompress(next(packed)) == b'{"type":"FeatureCollection"'


def test_a_large_layer_comes_in_parts_that_are_together_whole(monkeypatch: pytest.MonkeyPatch, client: Client) -> None:
    monkeypatch.setattr("twin.api.bulk.CHUNK", 1000)
    from types import SimpleNamespace

    blob = b"x" * 4999 + b","
    found = list(chunks(SimpleNamespace(blob=blob), b"<", b">"))  # type: ignore[arg-type]
    assert [len(part) for part in found] == [1, 1000, 1000, 1000, 1000, 999, 1]
    assert b"".join(found) == b"<" + blob[:-1] + b">"
    assert len(client.get(GEOJSON).json()["features"]) == N_CAMERAS


# Files on the disk -----------------------------------------------------------------------------------------------------


def test_files_are_made_once_bounded_and_gone_with_their_keeper() -> None:
    files, made = BulkFiles(), []

    def make(i: int) -> bytes:
        made.append(i)
        return str(i).encode()

    held = files.get((0,), lambda: make(0))
    assert files.get((0,), lambda: make(0)) is held
    for i in range(1, N_FILES + 1):
        files.get((i,), lambda i=i: make(i))  # type: ignore[misc]
    gc.collect()
    folder = held.path.parent
    assert made == list(range(N_FILES + 1))
    assert held.path.read_bytes() == b"0", "what is still being sent stays"
    path = held.path
    del held
    gc.collect()
    assert not path.exists()
    assert len(list(folder.iterdir())) == N_FILES
    del files
    gc.collect()
    assert not folder.exists()


def test_a_full_disk_is_unavailable_and_leaves_no_half_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    files = BulkFiles()
    folder = files.get((1,), lambda: b"x").path.parent

    def full(*_: Any, **__: Any) -> Any:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("tempfile._TemporaryFileWrapper.__getattr__", full)
    with pytest.raises(Unavailable, match="No space left"):
        files.get((2,), lambda: b"y")
    gc.collect()
    assert len(list(folder.iterdir())) == 1


def test_what_cannot_be_made_leaves_no_file() -> None:
    files = BulkFiles()
    with pytest.raises(ZeroDivisionError):
        files.get((1,), lambda: bytes(1 // 0))
    assert files.get((1,), lambda: b"x").size == 1


# Who sees what ---------------------------------------------------------------------------------------------------------


def seven(places: Iterable[Any]) -> set[tuple[float, float]]:
    """As they read on the wire."""
    return {(round(lng, 7), round(lat, 7)) for lng, lat in places}


class As:
    """The app for a caller of a role."""

    def __init__(self, app: ASGIApp, caller: Caller) -> None:
        self.app, self.caller = app, caller

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app({**scope, "caller": self.caller}, receive, send)


@pytest.fixture(scope="module")
def app() -> Any:
    return app_over(store_of(records()))


@pytest.mark.parametrize("role", ["public", "planner", "cleared"])
def test_exact_places_are_in_no_file_below_cleared(app: Any, role: Any) -> None:
    with start_blocking_portal() as portal:
        client = httpx.Client(transport=InProcess(As(app, Caller("x", role)), portal), base_url="http://twin.test")
        table = pq.read_table(io.BytesIO(client.get(PARQUET).content)).to_pandas()
        flat = read_fgb(client.get(FGB).content)
        streamed = client.get(GEOJSON).json()["features"]
    exact = seven(PLACES.values())
    places = [
        {shapely.from_wkb(g).coords[0] for g in table.geometry if g is not None},
        {(g.x, g.y) for g in flat.geometry},
        {tuple(f["geometry"]["coordinates"]) for f in streamed if f["geometry"]},
    ]
    for found in map(seven, places):
        assert found
        assert (found <= exact) if role == "cleared" else not (found & exact)
    if role == "public":
        assert len(streamed) == 2, "one a town"


# GDAL over the wire ----------------------------------------------------------------------------------------------------


class Counted:
    """Counts the bytes of answers."""

    def __init__(self, app: ASGIApp) -> None:
        self.app, self.n_bytes, self.statuses = app, 0, list[int]()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def counting(message: Message) -> None:
            self.n_bytes += len(message.get("body", b""))
            if message["type"] == "http.response.start":
                self.statuses.append(message["status"])
            await send(message)

        await self.app(scope, receive, counting)


@pytest.fixture
def live() -> Iterator[tuple[str, Counted, dict[str, tuple[float, float]]]]:
    """A server of 20,000 cameras spread over a degree."""
    rng = np.random.default_rng(7)
    places = {
        f"c{i:05d}": (float(x), float(y))
        for i, (x, y) in enumerate(np.round(rng.random((20_000, 2)) + np.array([121, 31]), 6))
    }
    counted = Counted(app_over(store_of([record("cameras", key, place) for key, place in places.items()])))
    server = uvicorn.Server(uvicorn.Config(counted, "127.0.0.1", 0, log_level="error", lifespan="off"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    yield f"http://127.0.0.1:{port}", counted, places
    server.should_exit = True
    thread.join()


READ = """
import json, sys, pyogrio
box = json.loads(sys.argv[2])
print(json.dumps(pyogrio.read_dataframe(sys.argv[1], bbox=box and tuple(box))["key"].tolist()))
"""


def read_elsewhere(url: str, box: tuple[float, ...] | None) -> set[str]:
    """The keys that GDAL reads in a process of its own: here it would keep the server waiting."""
    command = [sys.executable, "-c", READ, f"/vsicurl/{url}", json.dumps(box)]
    return set(json.loads(subprocess.run(command, check=True, capture_output=True, timeout=60).stdout))


def test_gdal_reads_a_box_of_the_flatgeobuf_by_ranges_alone(
    live: tuple[str, Counted, dict[str, tuple[float, float]]],
) -> None:
    base, counted, places = live
    size = int(httpx.head(f"{base}{FGB}").headers["content-length"])
    counted.n_bytes = 0
    counted.statuses.clear()
    west, south, east, north = box = (121.4, 31.4, 121.45, 31.45)
    expected = {k for k, (x, y) in places.items() if west <= x <= east and south <= y <= north}
    assert read_elsewhere(f"{base}{FGB}", box) == expected
    assert len(expected) > 20
    assert 206 in counted.statuses
    assert counted.n_bytes < size / 5, (counted.n_bytes, size)
    assert read_elsewhere(f"{base}{FGB}", None) == set(places)
