"""Vector tiles of points: what other libraries read of them is what was written, whatever the values."""

from __future__ import annotations

import math
from typing import Any

import mapbox_vector_tile
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from twin.api.encoded import encode, encode_layer
from twin.api.mercator import lnglat_to_unit, unit_to_lnglat
from twin.api.mvt import EXTENT, Coded, PointTiles, value_message
from twin.api.tile_columns import coded, coded_values, decoded_tiles, layer_tiles
from twin.layers import LAYERS
from twin.layers.tabulate import row_of, table_of

TILE = (14, 13716, 6699)
ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**64 - 1),
    st.floats(),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=200),
    st.sampled_from(["", "虹桥", "0", 0, 0.0, -0.0, 1, 1.0, True, "true", -1, 2**63, math.inf]),
)


def decoded(content: bytes, name: str = "things") -> list[dict[str, Any]]:
    if not content:
        return []
    features: list[dict[str, Any]] = mapbox_vector_tile.decode(content, default_options={"y_coord_down": True})[name][
        "features"
    ]
    return features


def places(n: int, tile: tuple[int, int, int] = TILE) -> np.ndarray[Any, Any]:
    """(n, 2) of the unit square, spread over a tile."""
    z, x, y = tile
    rng = np.random.default_rng(1)
    return (rng.random((n, 2)) * 0.999 + (x, y)) / 2.0**z


def tile_of(columns: dict[str, list[Any]], n: int) -> list[dict[str, Any]]:
    """All rows in one tile, as another library reads it."""
    tiles = PointTiles.of("things", places(n), {name: coded_values(values) for name, values in columns.items()})
    return decoded(tiles.tile(TILE, slice(0, n)))


def said(rows: dict[str, list[Any]], i: int) -> dict[str, Any]:
    """What row ``i`` says: what JSON writes as null is left out."""
    values = {name: column[i] for name, column in rows.items()}
    return {k: v for k, v in values.items() if not (v is None or (isinstance(v, float) and not math.isfinite(v)))}


def typed(properties: dict[str, Any]) -> dict[str, tuple[type, Any]]:
    return {name: (type(value), value) for name, value in properties.items()}


@given(st.integers(1, 12).flatmap(lambda n: st.lists(st.lists(ODD, min_size=n, max_size=n), max_size=6)))
def test_values_of_any_kind_are_read_as_they_were_written(columns: list[list[Any]]) -> None:
    rows = {f"名 {i}": column for i, column in enumerate(columns)}
    n = len(columns[0]) if columns else 3
    found = tile_of(rows, n)
    assert [typed(f["properties"]) for f in found] == [typed(said(rows, i)) for i in range(n)]


def test_thousands_of_distinct_values_and_hundreds_of_columns_keep_their_places() -> None:
    n = 20_000
    columns: dict[str, list[Any]] = {f"c{j}": [j] * 3 + [None] * (n - 3) for j in range(140)}
    columns |= {
        "own": [f"第{i}号" for i in range(n)],
        "some": [i % 5000 for i in range(n)],
        "rare": [float(i) if i % 700 == 0 else None for i in range(n)],
        "late": [None] * (n - 1) + ["last"],
    }
    found = tile_of(columns, n)
    assert len(found) == n
    assert all(found[i]["properties"] == said(columns, i) for i in range(n))


@pytest.mark.parametrize("rows", [slice(0, 1), slice(3, 3), slice(40, 47), slice(0, 60), slice(59, 60)])
def test_any_run_of_rows_is_a_tile_of_its_own(rows: slice) -> None:
    columns: dict[str, list[Any]] = {
        "own": [None if i % 7 == 0 else f"n{i}" for i in range(60)],
        "many": [[i, i // 2, 300 + i // 3][i % 3] for i in range(60)],
        "few": [i % 2 == 0 for i in range(60)],
    }
    columns |= {f"m{j}": [f"{j}-{i % 40}" for i in range(60)] for j in range(5)}
    tiles = PointTiles.of("things", places(60), {name: coded_values(values) for name, values in columns.items()})
    found = decoded(tiles.tile(TILE, rows))
    assert [f["properties"] for f in found] == [said(columns, i) for i in range(rows.start, rows.stop)]


def test_no_rows_are_no_bytes() -> None:
    assert PointTiles.of("things", places(0), {}).tile(TILE, slice(0, 0)) == b""


@given(
    st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.floats(0, 1, exclude_max=True)), min_size=1, max_size=20)
)
def test_coordinates_are_rounded_to_the_nearest_unit(inside: list[tuple[float, float]]) -> None:
    z, x, y = TILE
    unit = (np.array(inside) + np.array([x, y])) / 2.0**z
    found = decoded(PointTiles.of("things", unit, {}).tile(TILE, slice(0, len(unit))))
    units = (unit * 2.0**z - (x, y)) * EXTENT
    assert [f["geometry"]["type"] for f in found] == ["Point"] * len(unit)
    assert [f["geometry"]["coordinates"] for f in found] == np.rint(units).clip(0, EXTENT - 1).astype(int).tolist()


def test_what_a_tile_says_of_itself() -> None:
    layer = mapbox_vector_tile.decode(PointTiles.of("摄像机", places(1), {}).tile(TILE, slice(0, 1)))["摄像机"]
    assert (layer["version"], layer["extent"]) == (2, 4096)


@pytest.mark.parametrize(("value", "text"), [([1, "二"], '[1,"二"]'), ({"a": None}, '{"a":null}'), (2**64, str(2**64))])
def test_what_is_no_value_of_a_vector_tile_is_sent_as_text(value: Any, text: str) -> None:
    assert value_message(value) == value_message(text)


def test_a_value_that_is_missing_everywhere_takes_no_room() -> None:
    column = Coded.of(np.array([0, -1, 1, 0]), [None, float("nan")])
    assert (column.codes.tolist(), list(column.messages)) == ([-1, -1, -1, -1], [])


@pytest.mark.parametrize(
    ("column", "kind", "values"),
    [
        (pd.Series(pd.Categorical(["b", None, "a"], categories=["unused", "a", "b"])), "enum", ["b", None, "a"]),
        (pd.Series([True, None, False], dtype="boolean"), "bool", [True, None, False]),
        (pd.Series([1.0, np.nan, 3.0]), "int", [1, None, 3]),
        (pd.Series([1.0, np.nan, 3.5]), "float", [1.0, None, 3.5]),
        (pd.Series(["x", None, ""], dtype=object), "text", ["x", None, ""]),
        (pd.Series(["2024-05-01T00:00:00.000000Z", None, None], dtype=object), "time", ["2024-05-01T00:00:00Z", None, None]),
        (pd.Series([1, True, 1.0], dtype=object), "", [1, True, 1.0]),
        (pd.Series([[1], {"a": 1}, None], dtype=object), "", ["[1]", '{"a":1}', None]),
        (pd.Series([0x8A309958B497FFF, 0, 0x8A309958B497FFF], dtype=np.uint64, name="cell"), "", ["8a309958b497fff", None, "8a309958b497fff"]),
    ],
    ids=["categories", "bool", "int", "float", "text", "time", "mixed", "nested", "cell"],
)  # fmt: skip
def test_a_column_of_a_table_has_the_values_of_its_geojson(column: Any, kind: str, values: list[Any]) -> None:
    order = np.array([2, 0, 1])
    found = coded(column, kind, order)
    messages = [b"" if code < 0 else found.messages[code] for code in found.codes]
    assert messages == [value_message(values[i]) for i in order]


def test_features_keep_their_own_values_in_the_order_of_their_places() -> None:
    from tests.api.conftest import record

    rng = np.random.default_rng(3)
    records = [
        record("cameras", f"k{i:04d}", tuple(([121.3, 31.1] + rng.random(2) / 50).tolist()), online=(None, True, False)[i % 3],
               azimuth_deg=None if i % 4 else float(i), camera_type="dome", own={"b": i} if i % 9 == 0 else i)
        for i in range(500)
    ]  # fmt: skip
    kind, table = LAYERS["cameras"], table_of(LAYERS["cameras"], [row_of(r, 1) for r in records])
    encoded = encode_layer(kind, table)
    tile = (4, 13, 6)
    features = decoded(layer_tiles(kind, table, encoded).tile(tile, encoded.in_tile(*tile)), "cameras")
    by_key = {f["properties"]["key"]: f["properties"] for f in features}
    assert len(by_key) == 500
    for i, r in enumerate(records):
        own = by_key[r.key]
        assert (own["name"], own.get("online"), own.get("azimuth_deg")) == (
            r.name,
            r.online,
            r.attributes["azimuth_deg"],
        )
        assert own["own"] == (f'{{"b":{i}}}' if i % 9 == 0 else i)


def test_tiles_from_geojson_say_the_same() -> None:
    unit = places(50)
    columns = {"count": list(range(50)), "name": [f"{i % 3}" for i in range(50)], "some": [None, 1.5] * 25}
    encoded = encode([str(i) for i in range(50)], columns, unit_to_lnglat(unit))
    found = decoded(decoded_tiles("things", encoded).tile(TILE, encoded.in_tile(*TILE)))
    by_count = {f["properties"]["count"]: typed(f["properties"]) for f in found}
    assert by_count == {i: typed(said(columns, i)) for i in range(50)}


@pytest.mark.postgis
def test_postgis_makes_the_same_tile(postgis: str) -> None:
    import psycopg

    n = 400
    lnglat = unit_to_lnglat(places(n))
    columns: dict[str, list[Any]] = {
        "key": [f"k{i}" for i in range(n)],
        "name": ["", "虹桥", None, "O'Hare"] * (n // 4),
        "count": [None if i % 5 == 0 else i - 100 for i in range(n)],
        "share": [None if i % 3 == 0 else i / 7 for i in range(n)],
        "online": [(True, False, None)[i % 3] for i in range(n)],
    }
    with psycopg.connect(postgis) as connection, connection.cursor() as cursor:
        cursor.execute(
            "create temp table things (key text, name text, count bigint, share float8, online bool, at geometry)"
        )
        rows = zip(*columns.values(), lnglat.tolist(), strict=True)
        point = "st_transform(st_setsrid(st_point(%s, %s), 4326), 3857)"
        cursor.executemany(
            f"insert into things values (%s, %s, %s, %s, %s, {point})", [(*row[:-1], *row[-1]) for row in rows]
        )
        cursor.execute(
            "select st_asmvt(t, 'things', 4096, 'geom') from (select key, name, count, share, online, "
            "st_asmvtgeom(at, st_tileenvelope(%s, %s, %s), 4096, 0, true) as geom from things) t",
            TILE,
        )
        theirs = decoded(cursor.fetchone()[0])  # type: ignore[index]
    ours = decoded(
        PointTiles.of("things", lnglat_to_unit(lnglat), {k: coded_values(v) for k, v in columns.items()}).tile(
            TILE, slice(0, n)
        )
    )
    for one, other in zip(ours, sorted(theirs, key=lambda f: int(f["properties"]["key"][1:])), strict=True):
        assert typed(one["properties"]) == typed(other["properties"])
        assert one["geometry"]["coordinates"] == pytest.approx(other["geometry"]["coordinates"], abs=1)
