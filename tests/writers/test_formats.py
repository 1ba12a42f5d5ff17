"""What other programs find in our files: GDAL, GeoPandas, openpyxl, the standard library."""

from __future__ import annotations

import csv
import json
import zipfile
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import openpyxl
import pyarrow.parquet as pq
import pyogrio
import pytest
import shapely

from tests.world import CENTRE, charger, twin_with
from tests.writers.nasty import EXTRA, HERE, camera, cameras, chargers, made, read_back, shape, written
from twin.errors import InvalidInput
from twin.layers import LAYERS
from twin.layers.own_columns import LONGEST_SHORT_NAME, SHORT_NAMES, own_columns, short_name
from twin.writers import FORMATS, PROFILES
from twin.writers.shapefile import LONGEST_TEXT

DOCS = Path(__file__).parent.parent.parent / "docs" / "exports.md"
VECTOR = [".geojson", ".gpkg", ".fgb", ".parquet", ".shp"]
SHAPEFILE = {".shp", ".shx", ".dbf", ".cpg", ".prj"}


def frame_of(path: Path) -> geopandas.GeoDataFrame:
    return geopandas.read_parquet(path) if path.suffix == ".parquet" else geopandas.read_file(path)


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def sheet_of(path: Path, name: str) -> list[tuple[Any, ...]]:
    return list(openpyxl.load_workbook(path)[name].iter_rows(values_only=True))


# Places ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", VECTOR)
def test_another_library_reads_the_same_keys_and_places(tmp_path: Path, ending: str) -> None:
    found = frame_of(written(tmp_path, f"c{ending}", made("cameras")))
    places = dict(zip(found["key"], found.geometry, strict=True))
    assert places.keys() == {r.key for r in cameras()}
    for record in cameras():
        point = places[record.key]
        if record.lng is None:
            assert point is None
        else:
            assert (point.x, point.y) == (record.lng, record.lat)


@pytest.mark.parametrize("ending", VECTOR)
@pytest.mark.parametrize("code", [4326, 4490, 4549, 32651])
def test_the_file_says_its_crs(tmp_path: Path, ending: str, code: int) -> None:
    found = frame_of(written(tmp_path, f"c{ending}", made("chargers", f"EPSG:{code}")))
    assert found.crs.to_epsg() == code


@pytest.mark.parametrize("ending", [".gpkg", ".fgb", ".parquet", ".shp"])
def test_a_file_in_gcj02_claims_no_crs(tmp_path: Path, ending: str) -> None:
    assert frame_of(written(tmp_path, f"c{ending}", made("chargers", "gcj02"))).crs is None


def test_a_geojson_in_gcj02_has_no_crs_member_and_says_its_frame(tmp_path: Path) -> None:
    document = json.loads(written(tmp_path, "c.geojson", made("chargers", "gcj02")).read_bytes())
    assert "crs" not in document
    assert document["metadata"]["frame"] == "gcj02"


def test_geojson_in_wgs84_is_rfc_7946(tmp_path: Path) -> None:
    document = json.loads(written(tmp_path, "b.geojson", made("buildings")).read_bytes())
    assert document["type"] == "FeatureCollection"
    assert "crs" not in document
    for feature in document["features"]:
        assert feature.keys() == {"type", "id", "properties", "geometry"}
        assert feature["id"] == feature["properties"]["key"]
        for polygon in shapely.get_parts(shapely.from_geojson(json.dumps(feature["geometry"]))):
            assert polygon.exterior.is_ccw
            assert all(not ring.is_ccw for ring in polygon.interiors)


def test_geojson_keeps_further_columns_as_an_object(tmp_path: Path) -> None:
    document = json.loads(written(tmp_path, "c.geojson", made("cameras")).read_bytes())
    extras = {f["id"]: f["properties"]["extra"] for f in document["features"]}
    assert extras["rest"] == EXTRA
    assert extras["007"] is None


@pytest.mark.parametrize("ending", [".gpkg", ".fgb", ".shp", ".geojson", ".parquet"])
def test_holes_and_parts_stay(tmp_path: Path, ending: str) -> None:
    found = frame_of(written(tmp_path, f"b{ending}", made("buildings"))).set_index("key").geometry
    held = dict(zip((e := made("buildings")).keys, e.geometry, strict=True))
    for key, geometry in held.items():
        assert shapely.equals(found[key], geometry)
        assert len(shapely.get_parts(found[key])) == len(shapely.get_parts(geometry))


@pytest.mark.parametrize(
    ("crs", "names"),
    [("wgs84", ("lng", "lat")), ("EPSG:4549", ("easting", "northing")), ("bd09", ("lng_bd09", "lat_bd09"))],
)
def test_columns_of_a_place_are_named_for_the_frame(tmp_path: Path, crs: str, names: tuple[str, str]) -> None:
    export = made("chargers", crs)
    (first, *_) = rows_of(written(tmp_path, "c.csv", export))
    assert (float(first[names[0]]), float(first[names[1]])) == (export.geometry[0].x, export.geometry[0].y)


def test_lines_and_polygons_are_wkt_in_a_csv(tmp_path: Path) -> None:
    rows = rows_of(written(tmp_path, "r.csv", made("roads")))
    assert shapely.equals_exact(shapely.from_wkt(rows[0]["geometry_wkt"]), made("roads").geometry[0], 0)


@pytest.mark.parametrize("ending", [".geojson", ".gpkg", ".fgb", ".csv", ".xlsx", ".parquet", ".shp", ".zip"])
def test_an_empty_layer_is_a_readable_file(tmp_path: Path, ending: str) -> None:
    path = written(tmp_path, f"s{ending}", made("sensors"))
    if ending == ".csv":
        assert path.read_text("utf-8-sig").startswith("key,name,lng,lat,domain,sensor_type")
    elif ending == ".xlsx":
        assert sheet_of(path, "sensors")[0][0] == "key"
    else:
        assert len(frame_of(path)) == 0


# Cells -----------------------------------------------------------------------------------------------------------------


def test_csv_is_utf8_with_bom_and_crlf(tmp_path: Path) -> None:
    raw = written(tmp_path, "c.csv", made("chargers")).read_bytes()
    assert raw.startswith(b"\xef\xbb\xbfkey,name,")
    assert raw.count(b"\r\n") == 1 + len(chargers())


@pytest.mark.parametrize("ending", [".csv", ".xlsx"])
def test_no_cell_of_a_sheet_is_a_formula(tmp_path: Path, ending: str) -> None:
    path = written(tmp_path, f"c{ending}", made("cameras"))
    texts = (
        [cell for row in rows_of(path) for cell in row.values()]
        if ending == ".csv"
        else [c for name in ("cameras", "说明") for row in sheet_of(path, name) for c in row if isinstance(c, str)]
    )
    assert '\'=HYPERLINK("http://x")' in texts
    assert "''=not a formula" in texts
    assert "-5" in texts
    risky = [t for t in texts if t[:1] in "=+-@\t\r" and t and t != "-5"]
    assert risky == []


def test_excel_cells_have_their_types(tmp_path: Path) -> None:
    path = written(tmp_path, "c.xlsx", made("cameras"))
    header, *rows = sheet_of(path, "cameras")
    cells = {row[0]: dict(zip(header, row, strict=True)) for row in rows}
    assert "31011200001310000001" in cells
    assert cells["007"]["owner"] == "-5"
    assert cells["number"]["name"] == "12"
    assert cells["words"]["name"] == "true"
    assert cells["on"]["online"] is True
    assert cells["off"]["online"] is False
    assert cells["unknown"]["online"] is None
    assert cells["many"]["n_devices"] == 70_000
    assert cells["round"]["azimuth_deg"] == 90
    assert cells["lines"]["name"] == "第一行\n第二行"
    assert cells["time"]["valid_from"] == "2024-03-01T07:59:59.123456+08:00"


def test_a_number_that_excel_would_round_is_text(tmp_path: Path) -> None:
    header, *rows = sheet_of(written(tmp_path, "c.xlsx", made("cameras")), "cameras")
    at = header.index("azimuth_deg")
    assert {row[at] for row in rows} == {"0.30000000000000004", 90, None}


def test_the_header_of_a_sheet_stays_in_view(tmp_path: Path) -> None:
    book = openpyxl.load_workbook(written(tmp_path, "c.xlsx", made("chargers")))
    assert book.sheetnames == ["chargers", "说明"]
    assert book["chargers"].freeze_panes == "B2"


def test_text_too_long_for_an_excel_cell_is_refused_by_name(tmp_path: Path) -> None:
    twin = twin_with(
        [charger("a", CENTRE), charger("b", CENTRE, name="长" * 32_768), charger("c", CENTRE, name="长" * 32_767)]
    )
    with pytest.raises(InvalidInput, match="32767") as caught:
        written(tmp_path, "c.xlsx", made("chargers", twin=twin))
    assert [(f.where, f.column) for f in caught.value.faults] == [("b", "name")]
    assert list(tmp_path.iterdir()) == []


def test_geopackage_columns_have_their_types(tmp_path: Path) -> None:
    info = pyogrio.read_info(written(tmp_path, "c.gpkg", made("cameras")))
    types = dict(zip(info["fields"], info["ogr_types"], strict=True))
    subtypes = dict(zip(info["fields"], info["ogr_subtypes"], strict=True))
    assert (types["key"], types["n_devices"], types["range_m"]) == ("OFTString", "OFTInteger64", "OFTReal")
    assert subtypes["online"] == "OFSTBoolean"
    assert info["layer_name"] == "cameras"


def test_unknown_is_not_false_in_a_parquet_file(tmp_path: Path) -> None:
    table = pq.read_table(written(tmp_path, "c.parquet", made("cameras"))).to_pydict()
    online = dict(zip(table["key"], table["online"], strict=True))
    assert (online["on"], online["off"], online["unknown"]) == (True, False, None)


def test_flatgeobuf_has_a_spatial_index_where_every_feature_has_a_place(tmp_path: Path) -> None:
    roads = written(tmp_path, "r.fgb", made("roads")).read_bytes()
    without = written(tmp_path, "c.fgb", made("chargers")).read_bytes()
    info = {name: pyogrio.read_info(content) for name, content in (("r", roads), ("c", without))}
    assert info["r"]["capabilities"]["fast_spatial_filter"]
    assert not info["c"]["capabilities"]["fast_spatial_filter"]


# Shapefile -------------------------------------------------------------------------------------------------------------


def test_a_shapefile_comes_with_its_parts_and_says_its_encoding(tmp_path: Path) -> None:
    written(tmp_path, "c.shp", made("chargers"))
    assert {p.suffix for p in tmp_path.iterdir()} - {".json"} == SHAPEFILE
    assert (tmp_path / "c.cpg").read_text() == "UTF-8"


def test_a_zip_holds_one_shapefile(tmp_path: Path) -> None:
    path = written(tmp_path, "c.shp.zip", made("chargers"))
    assert sorted(zipfile.ZipFile(path).namelist()) == sorted([f"c{e}" for e in SHAPEFILE] + ["c.shp.meta.json"])
    assert list(tmp_path.iterdir()) == [path]


def test_columns_of_a_shapefile_have_their_published_names(tmp_path: Path) -> None:
    info = pyogrio.read_info(written(tmp_path, "c.shp", made("cameras")))
    assert set(info["fields"]) == {short_name(c.name) for c in made("cameras").columns}
    assert "cam_type" in info["fields"]


def test_every_field_of_every_layer_has_a_ten_letter_name_of_its_own() -> None:
    for layer in LAYERS.values():
        names = [f.name for f in layer.all_fields()] + ["lifecycle_assumed", "extra", "source", "version", "cell"]
        short = [short_name(name).upper() for name in names]
        assert len(set(short)) == len(names), layer.name
        assert max(map(len, short)) <= LONGEST_SHORT_NAME, layer.name


def test_text_of_254_bytes_fits_a_shapefile_and_one_more_is_refused(tmp_path: Path) -> None:
    fits, too_long = "中" * 84 + "ab", "中" * 84 + "abc"
    assert len(fits.encode()) == LONGEST_TEXT
    twin = twin_with([charger("a", CENTRE, name=fits)])
    assert frame_of(written(tmp_path, "a.shp", made("chargers", twin=twin)))["name"].tolist() == [fits]
    twin = twin_with(
        [charger("a", CENTRE, name=fits), charger("b", CENTRE, name=too_long), camera("c", extra={"x": "y" * 300})]
    )
    before = sorted(tmp_path.iterdir())
    for layer, key, column in (("chargers", "b", "name"), ("cameras", "c", "extra")):
        with pytest.raises(InvalidInput, match="254") as caught:
            written(tmp_path, "b.shp", made(layer, twin=twin))
        assert [(f.where, f.column) for f in caught.value.faults] == [(key, column)]
    assert sorted(tmp_path.iterdir()) == before


def test_a_number_that_a_dbf_would_round_is_text(tmp_path: Path) -> None:
    found = frame_of(written(tmp_path, "c.shp", made("cameras"))).set_index("key")
    assert found.loc["exact", "azim_deg"] == "0.30000000000000004"
    roads = frame_of(written(tmp_path, "r.shp", made("roads"))).set_index("key")
    assert roads.loc["bent", "width_m"] == 35.5


def test_a_line_layer_may_mix_simple_and_multiple_lines(tmp_path: Path) -> None:
    info = pyogrio.read_info(written(tmp_path, "r.gpkg", made("roads")))
    assert info["geometry_type"] == "MultiLineString"
    only = twin_with([shape("roads", "a", shapely.LineString([HERE, CENTRE]))])
    assert pyogrio.read_info(written(tmp_path, "s.gpkg", made("roads", twin=only)))["geometry_type"] == "LineString"


# Where it comes from ---------------------------------------------------------------------------------------------------


def about_in(path: Path) -> dict[str, Any]:
    """What a file says of itself, wherever its format has a place for that."""
    match path.suffix:
        case ".geojson":
            found = json.loads(path.read_bytes())["metadata"]
        case ".gpkg" | ".fgb":
            found = json.loads(pyogrio.read_info(path)["layer_metadata"]["twin"])
        case ".parquet":
            found = json.loads(pq.read_schema(path).metadata[b"twin"])
        case ".zip":
            with zipfile.ZipFile(path) as archive:
                found = json.loads(archive.read(next(n for n in archive.namelist() if n.endswith(".meta.json"))))
        case _:
            found = json.loads(path.with_name(path.name + ".meta.json").read_bytes())
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize("ending", [e for e in FORMATS if e != ".xlsx"])
def test_every_file_says_where_it_comes_from(tmp_path: Path, ending: str) -> None:
    export = made("cameras", "EPSG:4549")
    found = about_in(written(tmp_path, f"c{ending}", export))
    assert {k: v for k, v in found.items() if k != "columns"} == json.loads(json.dumps(export.about))
    assert found["labels"] == ["synthetic"]


def test_the_second_sheet_says_where_the_data_come_from_and_what_the_columns_mean(tmp_path: Path) -> None:
    export = made("cameras")
    rows = sheet_of(written(tmp_path, "c.xlsx", export), "说明")
    cells = {cell for row in rows for cell in row if cell}
    assert {
        "模拟数据，不代表实际情况",
        "wgs84",
        export.about["snapshot"],
        export.about["as_of"],
        "仅限内部",
        "'=模拟",
    } <= cells
    assert any(row[:4] == ("azimuth_deg", "方位角", "Azimuth", "°") for row in rows)


@pytest.mark.parametrize("ending", [".gpkg", ".fgb"])
def test_the_description_that_gis_programs_show_says_synthetic(tmp_path: Path, ending: str) -> None:
    said = pyogrio.read_info(written(tmp_path, f"c{ending}", made("cameras")))["layer_metadata"]
    assert "模拟数据" in said["DESCRIPTION"]
    assert "Synthetic" in said["DESCRIPTION"]
    assert "仅限内部" in said["DESCRIPTION"]


def test_a_sidecar_names_the_columns_as_the_file_does(tmp_path: Path) -> None:
    for name in ("c.csv", "c.shp"):
        path = written(tmp_path, name, made("cameras"))
        columns = [c["name"] for c in about_in(path)["columns"]]
        there = list(rows_of(path)[0]) if name == "c.csv" else list(pyogrio.read_info(path)["fields"])
        assert columns == there


# Documents -------------------------------------------------------------------------------------------------------------


def test_the_published_table_of_short_names_is_the_one_in_use() -> None:
    lines = [line.split("|")[1:3] for line in DOCS.read_text("utf-8").splitlines() if line.startswith("| `")]
    table = {long.strip(" `"): short.strip(" `") for long, short in lines}
    assert {long: table.get(long) for long in SHORT_NAMES} == SHORT_NAMES


def test_every_format_is_in_the_document() -> None:
    text = DOCS.read_text("utf-8")
    assert [e for e in (*FORMATS, *PROFILES) if e not in text] == []


# Names of our own columns ----------------------------------------------------------------------------------------------


def test_a_foreign_file_with_only_some_of_our_columns_is_not_ours() -> None:
    assert own_columns(["id", "source", "version"], "geojson") == ()
    assert own_columns(["id", "source", "version", "cell"], "geojson") == ("id", "source", "version", "cell")
    assert own_columns(["id", "source", "version", "cell"], "csv") == ("source", "version", "cell")


@pytest.mark.parametrize("ending", [".xlsx", ".shp", ".csv"])
def test_no_number_changes_on_its_way_through_a_file(tmp_path: Path, ending: str) -> None:
    rng = np.random.default_rng(8)
    bits = rng.integers(0, 2**63, 300, dtype=np.uint64).view(np.float64)
    values = [*bits[np.isfinite(bits)].tolist(), *rng.uniform(0, 100, 200).tolist(), 5e-324, 1.7976931348623157e308]
    line = shapely.LineString([HERE, CENTRE])
    twin = twin_with([shape("roads", str(i), line, width_m=v) for i, v in enumerate(values)])
    path = written(tmp_path, f"r{ending}", made("roads", twin=twin))
    found = {r.key: r.attributes["width_m"] for r in read_back(twin, path, "roads").checked.records}
    assert [found[str(i)] for i in range(len(values))] == values
