"""The present snapshot as files beside the store, mapped into memory at the next start: quick to open, shared by all workers.

A bake is worth something only with the store it was made from: it names the transactions it holds, and what was recorded since is
added when it is opened. It can be deleted at any time.
"""

from __future__ import annotations

import mmap
import shutil
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from hashlib import blake2b
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import numpy as np
import orjson
import pandas as pd
import shapely
from numpy.typing import NDArray
from pyarrow import feather

from twin import __version__
from twin.api.encoded import Encoded, TextColumn, encode_layer
from twin.api.mvt import PointTiles
from twin.api.tile_columns import kept_as, layer_tiles
from twin.layers import LAYERS
from twin.layers.tabulate import areas_of, table_of
from twin.model import DemandGrid, LayerTable, Snapshot, Source
from twin.ports import Store
from twin.snapshots import Read
from twin.store.private import make_folder

FOLDER = "baked"
ARRAYS = ("offsets", "cuts", "bounds", "codes", "valid", "places")
TILE_ARRAYS = ("codes", "begins", "offsets")
Baked = tuple[Read, dict[str, Encoded]]
JSON_COLUMN = "json:"
"""Begins the names of columns of mixed values, kept as JSON text."""


def ledger_id(store: Store, head: int) -> str:
    """A hash of all transactions up to one: what tells a store, and a time of it, from others."""
    digest = blake2b(__version__.encode(), digest_size=12)
    for t in store.transactions()[:head]:
        digest.update(repr((t.tx, t.at, t.author, t.reason, t.n_edits)).encode())
    return digest.hexdigest()


def bake(read: Read, store: Store, folder: Path) -> Path:
    """Write a snapshot, in place of what was baked before; whole or not at all.

    Args:
        folder: the data folder.

    Raises:
        OSError: it cannot be written.
    """
    home = folder / FOLDER
    make_folder(home)
    part = Path(mkdtemp(prefix=".part-", dir=home))
    try:
        for name, table in read.snapshot.layers.items():
            _write_layer(part, name, table)
        for i, grid in enumerate(read.snapshot.grids.values()):
            np.savez(part / f"grid-{i}.npz", lnglat=grid.lnglat, values=grid.values)
        (part / "bake.json").write_bytes(orjson.dumps(_facts(read, store), option=orjson.OPT_INDENT_2))
        old = [path for path in home.iterdir() if path != part]
        target = home / f"{read.snapshot.id}-{read.head}-{part.name.removeprefix('.part-')}"
        part.replace(target)
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise
    for path in old:
        shutil.rmtree(path, ignore_errors=True)
    return target


def _facts(read: Read, store: Store) -> dict[str, Any]:
    snapshot = read.snapshot
    return {
        "ledger": ledger_id(store, read.head), "head": read.head, "grids_id": read.grids_id, "id": snapshot.id,
        "as_of": snapshot.as_of.isoformat(), "known_at": snapshot.known_at.isoformat(),
        "next_change": None if read.next_change is None else read.next_change.isoformat(),
        "sources": [asdict(source) for source in snapshot.sources.values()],
        "grids": [{"name": g.name, "unit": g.unit, "source": g.source} for g in snapshot.grids.values()],
        "digests": {name: table.digest for name, table in snapshot.layers.items()},
    }  # fmt: skip


def _write_layer(folder: Path, name: str, table: LayerTable) -> None:
    frame = pd.DataFrame({_kept_name(table.frame[c]): _plain(table.frame[c]) for c in table.frame.columns})
    frame.to_feather(folder / f"{name}.arrow", compression="uncompressed")
    assert table.marks is not None
    np.save(folder / f"{name}.marks.npy", table.marks)
    if table.geometry is not None:
        pd.DataFrame({"wkb": shapely.to_wkb(table.geometry)}).to_feather(folder / f"{name}.shapes.arrow")
    encoded = encode_layer(LAYERS[name], table)
    for each in ARRAYS:
        np.save(folder / f"{name}.{each}.npy", getattr(encoded, each))
    (folder / f"{name}.features").write_bytes(encoded.blob)
    if LAYERS[name].geometry == "point":
        tiles = layer_tiles(LAYERS[name], table, encoded)
        for each in TILE_ARRAYS:
            np.save(folder / f"{name}.tile-{each}.npy", getattr(tiles, each))
        (folder / f"{name}.tile-keys.json").write_bytes(orjson.dumps([key.hex() for key in tiles.keys]))
        (folder / f"{name}.tile-values").write_bytes(tiles.blob)


def _kept_name(column: pd.Series[Any]) -> str:
    return f"{JSON_COLUMN}{column.name}" if column.dtype == object else str(column.name)


def _plain(column: pd.Series[Any]) -> pd.Series[Any]:
    """Mixed values as JSON, which comes back as it was."""
    if column.dtype != object:
        return column
    return pd.Series([orjson.dumps(None if v is pd.NA else v).decode() for v in column], dtype="str")


def open_baked(store: Store, folder: Path) -> Baked | None:
    """What is baked of a store: the snapshot and its layers' features; None if nothing is, or of another store or version.

    The snapshot is that of its time: bring it up to date.
    """
    for home in sorted((folder / FOLDER).glob("[!.]*")):
        try:
            facts = orjson.loads((home / "bake.json").read_bytes())
            if facts["head"] <= store.head() and facts["ledger"] == ledger_id(store, facts["head"]):
                return _opened(home, facts)
        except (OSError, ValueError, KeyError):
            continue
    return None


def _opened(home: Path, facts: Mapping[str, Any]) -> Baked:
    layers = {name: _read_layer(home, name, facts["digests"][name]) for name in LAYERS}
    grids: dict[str, DemandGrid] = {}
    for i, said in enumerate(facts["grids"]):
        with np.load(home / f"grid-{i}.npz") as arrays:
            grids[said["name"]] = DemandGrid(
                said["name"], said["unit"], arrays["lnglat"], arrays["values"], said["source"]
            )
    sources = {said["id"]: Source(**said) for said in facts["sources"]}
    as_of, known_at = (datetime.fromisoformat(facts[name]) for name in ("as_of", "known_at"))
    snapshot = Snapshot(facts["id"], layers, areas_of(layers["areas"]), grids, sources, as_of, known_at)
    change = facts["next_change"]
    read = Read(snapshot, facts["head"], None if change is None else datetime.fromisoformat(change), facts["grids_id"])
    encoded = {name: _read_encoded(home, name, table) for name, table in layers.items()}
    for name, table in layers.items():
        if LAYERS[name].geometry == "point":
            tiles = _read_tiles(home, name, encoded[name])
            table.keep(kept_as(), lambda tiles=tiles: tiles)  # type: ignore[misc]
    return read, encoded


def _read_layer(home: Path, name: str, digest: str) -> LayerTable:
    frame = feather.read_feather(home / f"{name}.arrow", memory_map=True)
    if frame.empty:
        return table_of(LAYERS[name], ())
    columns = {str(c).removeprefix(JSON_COLUMN): _as_it_was(frame[c]) for c in frame.columns}
    shapes = home / f"{name}.shapes.arrow"
    geometry = (
        np.asarray(shapely.from_wkb(pd.read_feather(shapes)["wkb"].to_numpy()), object) if shapes.exists() else None
    )
    return LayerTable(name, pd.DataFrame(columns), geometry, marks=np.load(home / f"{name}.marks.npy"), digest=digest)


def _as_it_was(column: pd.Series[Any]) -> pd.Series[Any] | NDArray[np.object_]:
    if not str(column.name).startswith(JSON_COLUMN):
        return column
    values = np.empty(len(column), object)
    values[:] = [orjson.loads(text) for text in column]
    return values


def _read_encoded(home: Path, name: str, table: LayerTable) -> Encoded:
    arrays = {each: np.load(home / f"{name}.{each}.npy", mmap_mode="r") for each in ARRAYS}
    return Encoded(blob=_mapped(home / f"{name}.features"), shapes=None if table.geometry is None else table.geometry[_order(arrays["places"])],
                   ids=TextColumn(table.frame["key"]), **arrays)  # fmt: skip


def _read_tiles(home: Path, name: str, encoded: Encoded) -> PointTiles:
    arrays = {each: np.load(home / f"{name}.tile-{each}.npy", mmap_mode="r") for each in TILE_ARRAYS}
    keys = [bytes.fromhex(key) for key in orjson.loads((home / f"{name}.tile-keys.json").read_bytes())]
    return PointTiles(name, encoded.unit, encoded.codes, keys, blob=_mapped(home / f"{name}.tile-values"), **arrays)


def _mapped(path: Path) -> bytes | mmap.mmap:
    """A file's bytes, read as they are asked for."""
    if not path.stat().st_size:
        return b""
    with path.open("rb") as file:
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)


def _order(places: NDArray[np.int64]) -> NDArray[np.int64]:
    """Which row stands at each place."""
    order = np.empty(len(places), np.int64)
    order[places] = np.arange(len(places))
    return order
