"""GeoPackage, FlatGeobuf, Shapefile, KML, GeoParquet against the geometries they were written from."""

from __future__ import annotations

import io
import sqlite3
import struct
import warnings
import zipfile
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pandas as pd
import pytest
import shapely

from twin.errors import InvalidInput, MappingAmbiguous, NotFound
from twin.frames import FRAMES
from twin.readers import RawTable, read_table
from twin.store import open_store

BIG = 2**60 + 1
RING = shapely.Polygon([(121, 31), (121.1, 31), (121.1, 31.1)], [[(121.05, 31.01), (121.09, 31.01), (121.09, 31.05)]])


def frame(crs: Any = 4326, geometry: Any = None) -> geopandas.GeoDataFrame:
    return geopandas.GeoDataFrame(
        {"名称": ["虹桥", "闵行", None], "n": pd.array([BIG, None, 3], dtype="Int64"), "ok": [True, False, True]},
        geometry=shapely.points([[121.32, 31.19], [121.4, 31.1], [121, 31]]) if geometry is None else geometry,
        crs=crs,
    )


def write(folder: Path, name: str, data: geopandas.GeoDataFrame, **options: Any) -> Path:
    path = folder / name
    if name.endswith("parquet"):
        data.to_parquet(path, **options)
    else:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of columns' names too long for a Shapefile, and the like
            data.to_file(path, **options)
    return path


def rows_of(table: RawTable) -> list[list[Any]]:
    return table.columns.to_numpy().tolist()


TYPED = ["a.gpkg", "a.geoparquet", "a.parquet"]


@pytest.mark.parametrize("name", [*TYPED, "a.fgb"])
def test_features_come_with_exact_values_and_geometries(tmp_path: Path, name: str) -> None:
    options = {"SPATIAL_INDEX": "NO"} if name == "a.fgb" else {}
    source = frame()
    table = read_table(write(tmp_path, name, source, **options))
    assert rows_of(table) == [["虹桥", BIG, True], ["闵行", "", False], ["", 3, True]]
    assert list(table.text("n")) == [str(BIG), "", "3"]
    assert table.geometry is not None
    assert shapely.equals_exact(table.geometry, source.geometry.to_numpy()).all()
    assert list(table.columns.index) == [1, 2, 3]
    assert table.declared_frame is None
    assert table.warnings == ()


@pytest.mark.parametrize("name", ["a.gpkg", "a.fgb", "a.parquet", "a.shp"])
@pytest.mark.parametrize("named", [f for f in FRAMES.values() if f.epsg is not None], ids=lambda f: f.name)
def test_the_named_coordinate_system_is_told_and_not_declared(tmp_path: Path, name: str, named: Any) -> None:
    table = read_table(write(tmp_path, name, frame(named.epsg)))
    assert table.metadata["crs"] == f"EPSG:{named.epsg}"
    assert table.metadata["crs_frame"] == named.name
    assert table.declared_frame is None


@pytest.mark.parametrize("name", ["a.gpkg", "a.parquet", "a.shp"])
def test_a_coordinate_system_that_is_none_of_our_frames_is_only_named(tmp_path: Path, name: str) -> None:
    metadata = read_table(write(tmp_path, name, frame(3857))).metadata
    assert (metadata["crs"], "crs_frame" in metadata) == ("EPSG:3857", False)


@pytest.mark.filterwarnings("ignore:'crs' was not provided")
@pytest.mark.parametrize("name", ["a.fgb", "a.parquet", "a.shp"])
def test_no_coordinate_system_is_none(tmp_path: Path, name: str) -> None:
    assert "crs" not in read_table(write(tmp_path, name, frame(None))).metadata


SHAPES = [
    shapely.MultiPolygon([RING]),
    shapely.MultiPolygon([RING, shapely.box(122, 31, 123, 32)]),
    shapely.Polygon([(121, 31, 5), (121.1, 31, 5), (121.1, 31.1, 5)]),
]


@pytest.mark.parametrize("name", TYPED)
def test_heights_are_dropped_and_multi_of_one_part_is_simple(tmp_path: Path, name: str) -> None:
    table = read_table(write(tmp_path, name, frame(geometry=SHAPES)))
    assert table.geometry is not None
    assert [g.geom_type for g in table.geometry] == ["Polygon", "MultiPolygon", "Polygon"]
    assert not shapely.has_z(table.geometry).any()
    assert table.geometry[0].equals(RING)
    assert len(table.geometry[0].interiors) == 1


@pytest.mark.parametrize("name", TYPED)
def test_features_without_geometry_stay(tmp_path: Path, name: str) -> None:
    table = read_table(write(tmp_path, name, frame(geometry=[None, shapely.Point(), shapely.Point(1, 2)])))
    assert table.geometry is not None
    assert [g is None for g in table.geometry] == [True, True, False]


@pytest.mark.parametrize("name", ["a.gpkg", "a.parquet"])
def test_features_may_have_nothing_but_geometry(tmp_path: Path, name: str) -> None:
    table = read_table(write(tmp_path, name, frame()[["geometry"]]))
    assert (table.n_rows, len(table.columns.columns)) == (3, 0)


def test_curves_become_lines(tmp_path: Path) -> None:
    path = write(tmp_path, "a.gpkg", frame(geometry=[RING, RING, RING]))
    circle = struct.pack("<BII", 1, 10, 1) + struct.pack("<BII", 1, 8, 5) + struct.pack(
        "<10d", 122, 31, 121, 32, 120, 31, 121, 30, 122, 31
    )  # fmt: skip
    header = b"GP\0\x01" + struct.pack("<i", 4326)
    with sqlite3.connect(path) as database:
        triggers = [name for (name,) in database.execute("select name from sqlite_master where type = 'trigger'")]
        for trigger in triggers:
            database.execute(f'drop trigger "{trigger}"')
        database.execute("drop table if exists rtree_a_geom")
        database.execute("update gpkg_geometry_columns set geometry_type_name = 'CURVEPOLYGON'")
        database.execute("update a set geom = ? where fid = 1", (header + circle,))
    database.close()
    table = read_table(path)
    assert table.geometry is not None
    assert table.geometry[0].geom_type == "Polygon"
    assert table.geometry[0].area == pytest.approx(np.pi, rel=1e-2)


def layers(folder: Path) -> Path:
    for layer in ("一", "二"):
        path = write(folder, "a.gpkg", frame(), layer=layer, mode="a")
    return path


def test_of_several_layers_one_must_be_named(tmp_path: Path) -> None:
    path = layers(tmp_path)
    with pytest.raises(MappingAmbiguous, match="一, 二"):
        read_table(path)
    assert read_table(path, table="二").metadata["table"] == "二"
    with pytest.raises(InvalidInput, match="has no layer '三'"):
        read_table(path, table="三")


def test_the_live_store_is_refused_by_name_and_bytes(tmp_path: Path) -> None:
    live = tmp_path / "twin.gpkg"
    store = open_store(f"sqlite:///{live}")
    assert store.head() == 0
    with sqlite3.connect(live) as database:
        database.execute("pragma wal_checkpoint(truncate)")
    database.close()
    content = live.read_bytes()
    with pytest.raises(InvalidInput, match="use twin export"):
        read_table(content, "copy.gpkg")
    (tmp_path / "twin.gpkg-wal").touch()
    with pytest.raises(InvalidInput, match="open in some program"):
        read_table(live)


def test_a_geopackage_left_in_wal_mode_is_read(tmp_path: Path) -> None:
    path = write(tmp_path, "a.gpkg", frame())
    database = sqlite3.connect(path)
    database.execute("pragma journal_mode = wal")
    database.close()
    assert path.read_bytes()[18:20] == b"\x02\x02"
    assert read_table(path).n_rows == 3


VRT = b"""<OGRVRTDataSource><OGRVRTLayer name="a"><SrcDataSource>/etc/passwd</SrcDataSource>
</OGRVRTLayer></OGRVRTDataSource>"""


@pytest.mark.parametrize("ending", ["gpkg", "fgb", "kml", "shp", "zip", "kmz", "parquet"])
def test_a_file_that_points_to_others_is_never_followed(ending: str) -> None:
    with pytest.raises(InvalidInput):
        read_table(VRT, f"a.{ending}")


def test_an_sqlite_file_that_is_no_geopackage_is_refused(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "a.gpkg") as database:
        database.execute("create table a (b)")
    database.close()
    with pytest.raises(InvalidInput, match="no GeoPackage"):
        read_table(tmp_path / "a.gpkg")


# --- Shapefile


def shapefile(folder: Path, encoding: str = "UTF-8", *, cpg: bool = False, names: Any = None) -> Path:
    data = geopandas.GeoDataFrame(
        {"名称": names or ["虹桥", "闵行㐀" if encoding != "gbk" else "闵行", ""], "n": [1, 2, 3]},
        geometry=shapely.points([[121, 31], [122, 31], [123, 31]]), crs=4490,
    )  # fmt: skip
    path = write(folder, "A.shp", data, encoding=encoding)
    if not cpg:
        path.with_suffix(".cpg").unlink()
    return path


@pytest.mark.parametrize("cpg", [True, False], ids=["cpg", "no cpg"])
@pytest.mark.parametrize("encoding", ["UTF-8", "gbk", "gb18030"])
def test_a_shapefile_is_read_in_the_encoding_it_is_in(tmp_path: Path, encoding: str, cpg: bool) -> None:
    table = read_table(shapefile(tmp_path, encoding, cpg=cpg))
    assert rows_of(table) == [["虹桥", 1], ["闵行" if encoding == "gbk" else "闵行㐀", 2], ["", 3]]
    assert list(table.columns.columns) == ["名称", "n"]
    assert table.encoding == ("utf-8" if encoding == "UTF-8" else "gb18030")


@pytest.mark.parametrize(
    ("said", "encoding"),
    [(b"936", "gb18030"), (b"GB2312\r\n", "gb18030"), (b"ANSI 936", "gb18030"), (b"ISO 88591", "iso8859-1")],
)
def test_a_cpg_is_understood_however_it_is_written(tmp_path: Path, said: bytes, encoding: str) -> None:
    path = shapefile(tmp_path, "gbk")
    path.with_suffix(".cpg").write_bytes(said)
    assert read_table(path).encoding == encoding


@pytest.mark.parametrize("said", [b"UTF-8", b"Klingon"])
def test_a_cpg_that_does_not_fit_is_refused(tmp_path: Path, said: bytes) -> None:
    path = shapefile(tmp_path, "gbk")
    path.with_suffix(".cpg").write_bytes(said)
    with pytest.raises(InvalidInput, match=r"correct the \.cpg"):
        read_table(path)


def test_text_of_no_known_encoding_is_refused(tmp_path: Path) -> None:
    path = shapefile(tmp_path)
    dbf = path.with_suffix(".dbf")
    dbf.write_bytes(dbf.read_bytes().replace("虹桥".encode(), b"\xff\xfe\xff\xfe\xff\xfe"))
    with pytest.raises(InvalidInput, match="neither UTF-8 nor GB18030"):
        read_table(path)


@pytest.mark.parametrize("encoding", ["utf-8", "gb18030"])
def test_a_letter_cut_off_at_a_fields_end_is_left_out_and_told(tmp_path: Path, encoding: str) -> None:
    long = "x" + "虹" * 126
    path = shapefile(tmp_path, encoding, names=[long, "b", "c"])
    dbf = path.with_suffix(".dbf")
    content = bytearray(dbf.read_bytes())
    width = content[32 + 16]
    start = struct.unpack_from("<H", content, 8)[0] + 1
    before = "x" if width % len("虹".encode(encoding)) == 0 else ""
    content[start : start + width] = (before + "虹" * 200).encode(encoding)[:width]
    dbf.write_bytes(content)
    table = read_table(path)
    assert table.columns["名称"].tolist() == [
        before + "虹" * (width // len("虹".encode(encoding)) - len(before)),
        "b",
        "c",
    ]
    assert [w.en[:16] for w in table.warnings] == ["1 texts were cut"]


def zipped(path: Path, **more: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for part in path.parent.glob(f"{path.stem}.*"):
            archive.writestr(f"data/{part.name.upper()}", part.read_bytes())
        for name, content in more.items():
            archive.writestr(name, content)
    return out.getvalue()


def test_a_zip_with_one_shapefile_is_read(tmp_path: Path) -> None:
    path = shapefile(tmp_path, "gbk")
    table = read_table(zipped(path, **{"__MACOSX/data/._A.shp": b"x", "readme.txt": b"x"}), "a.zip")
    assert rows_of(table) == rows_of(read_table(path))
    assert table.metadata["crs_frame"] == "cgcs2000"


def test_a_zip_with_none_or_several_is_refused(tmp_path: Path) -> None:
    path = shapefile(tmp_path)
    with pytest.raises(InvalidInput, match="it holds 2"):
        read_table(zipped(path, **{"other.shp": b"x"}), "a.zip")
    path.unlink()
    with pytest.raises(InvalidInput, match="it holds 0"):
        read_table(zipped(path), "a.zip")


def test_parts_in_other_cases_beside_the_file_are_found(tmp_path: Path) -> None:
    path = shapefile(tmp_path)
    for end in (".dbf", ".shx", ".prj"):
        path.with_suffix(end).rename(tmp_path / f"a{end.upper()}")
    assert read_table(path).n_rows == 3


def test_missing_parts_are_named(tmp_path: Path) -> None:
    path = shapefile(tmp_path)
    path.with_suffix(".dbf").unlink()
    with pytest.raises(InvalidInput, match=r"lacks \.dbf"):
        read_table(path)
    with pytest.raises(InvalidInput, match=r"into one \.zip"):
        read_table(path.read_bytes(), "a.shp")
    with pytest.raises(NotFound):
        read_table(tmp_path / "none" / "a.shp")


def test_a_zip_bomb_is_refused() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.shp", bytes(120 << 20))
    with pytest.raises(InvalidInput, match="would unpack to"):
        read_table(out.getvalue(), "a.zip")


# --- KML


def kml(*folders: tuple[str, str]) -> bytes:
    inside = "".join(
        f"<Folder><name>{name}</name><Placemark><name>虹桥</name><ExtendedData><Data name='no'><value>7</value></Data>"
        f"</ExtendedData>{shape}</Placemark></Folder>"
        for name, shape in folders
    )
    return (
        f'<?xml version="1.0"?><kml xmlns="http://www.opengis.net/kml/2.2"><Document>{inside}</Document></kml>'.encode()
    )


POINT = "<Point><coordinates>121.32,31.19,9</coordinates></Point>"


def test_kml_defines_its_frame() -> None:
    table = read_table(kml(("站", POINT)), "a.kml")
    assert table.declared_frame == "wgs84"
    assert table.columns.to_dict("list") == {"Name": ["虹桥"], "no": ["7"]}
    assert table.geometry is not None
    assert table.geometry[0] == shapely.Point(121.32, 31.19)


def test_folders_of_a_kml_are_as_sheets() -> None:
    with pytest.raises(MappingAmbiguous, match="甲, 乙"):
        read_table(kml(("甲", POINT), ("乙", POINT)), "a.kml")
    assert read_table(kml(("甲", POINT), ("乙", POINT)), "a.kml", table="乙").n_rows == 1


def test_a_kmz_is_its_kml() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("doc.kml", kml(("站", POINT)))
        archive.writestr("files/icon.png", b"x")
    assert read_table(out.getvalue(), "a.kmz").columns["Name"].tolist() == ["虹桥"]


@pytest.mark.parametrize("content", [b"<gpx></gpx>", b"<kml>", b"<kml/>", b"x"])
def test_what_is_no_kml_is_refused(content: bytes) -> None:
    with pytest.raises(InvalidInput):
        read_table(content, "a.kml")


# --- Parquet


def test_parquet_without_geometry_is_a_table(tmp_path: Path) -> None:
    moments = pd.to_datetime(["2024-05-01 08:00", "2024-05-01 08:30"]).as_unit("us")
    data = pd.DataFrame({"id": ["a", "b"], "lng": [121.5, np.nan], "at": moments, "tags": [["x"], None]})
    data.to_parquet(tmp_path / "a.parquet")
    table = read_table(tmp_path / "a.parquet")
    assert rows_of(table) == [["a", 121.5, "2024-05-01T08:00:00", '["x"]'], ["b", "", "2024-05-01T08:30:00", ""]]
    assert (table.geometry, table.metadata) == (None, {})


def test_columns_that_repeat_the_bounds_are_left_out(tmp_path: Path) -> None:
    table = read_table(write(tmp_path, "a.parquet", frame(), write_covering_bbox=True))
    assert list(table.columns.columns) == ["名称", "n", "ok"]


def test_native_point_encoding_is_read(tmp_path: Path) -> None:
    table = read_table(write(tmp_path, "a.parquet", frame(), geometry_encoding="geoarrow", schema_version="1.1.0"))
    assert table.geometry is not None
    assert table.geometry[0] == shapely.Point(121.32, 31.19)


def test_more_rows_than_can_be_held_are_refused_before_they_are_read(tmp_path: Path) -> None:
    data = pd.DataFrame({"a": np.zeros(34_000_000, np.int8)})
    data.to_parquet(tmp_path / "a.parquet")
    assert (tmp_path / "a.parquet").stat().st_size < 1_000_000
    with pytest.raises(InvalidInput, match="more than 33554432 cells"):
        read_table(tmp_path / "a.parquet")
