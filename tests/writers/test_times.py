"""Times in files: as such where the format has a type for them, as ISO text elsewhere; and what comes back of them."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pyogrio
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.world import NOW, asset, twin_with
from tests.writers.nasty import HERE, THERE, cameras, chargers, made, read_back, written
from twin.engine import Twin
from twin.errors import Words
from twin.export import Export, ExportColumn
from twin.layers.diff import diff
from twin.model import Edit, Record
from twin.readers import read_table
from twin.times import SHANGHAI
from twin.writers.moments import utc_moments
from twin.writers.parquet import to_parquet
from twin.writers.vector import to_flatgeobuf

TIMES = ("valid_from", "valid_to")
BY_GDAL = [".fgb", ".gpkg"]
UTC_MOMENTS = st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=st.just(UTC))  # noqa: DTZ001
STATION = {"station_type": "public", "n_connectors": 1, "max_power_kw": 7.0}
SINCE = datetime(2026, 3, 4, 5, 6, 7, 891_234, UTC)


def held() -> dict[str, Record]:
    return {r.key: r for r in cameras()}


def cut(moment: datetime) -> datetime:
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def station(key: str, **values: Any) -> Record:
    return asset("chargers", key, HERE, **{**STATION, **values})


def with_times(texts: list[str | None]) -> Export:
    """A column of times that no layer has yet, beside keys and one place."""
    plain = made("chargers")
    columns = (
        ExportColumn("key", "text", Words("", ""), "", [str(i) for i in range(len(texts))]),
        ExportColumn("inspected", "time", Words("巡检", "Inspected"), "", texts),
    )
    return replace(plain, columns=columns, geometry=np.array([shapely.Point(HERE)] * len(texts), object))


# As other programs read them --------------------------------------------------------------------------------------------


def test_parquet_has_times_of_microseconds_in_utc(tmp_path: Path) -> None:
    table = pq.read_table(written(tmp_path, "c.parquet", made("cameras")))
    assert [table.schema.field(name).type for name in TIMES] == [pa.timestamp("us", "UTC")] * 2
    rows = zip(*(table[name].to_pylist() for name in ("key", *TIMES)), strict=True)
    assert {key: (since, until) for key, since, until in rows} == {
        key: (r.valid_from, r.valid_to) for key, r in held().items()
    }


@pytest.mark.parametrize("ending", BY_GDAL)
def test_gdal_finds_times_and_not_texts(tmp_path: Path, ending: str) -> None:
    path = written(tmp_path, f"c{ending}", made("cameras"))
    info = pyogrio.read_info(path)
    types = dict(zip(info["fields"], info["ogr_types"], strict=True))
    assert {types[name] for name in TIMES} == {"OFTDateTime"}
    _, table = pyogrio.raw.read_arrow(path, datetime_as_string=True)
    rows = zip(*(table[name].to_pylist() for name in ("key", *TIMES)), strict=True)
    for key, *texts in rows:
        record = held()[key]
        expected = [None if t is None else cut(t) for t in (record.valid_from, record.valid_to)]
        assert all(text is None or text.endswith("Z") for text in texts)
        assert [None if text is None else datetime.fromisoformat(text) for text in texts] == expected, key


@pytest.mark.parametrize("ending", [*BY_GDAL, ".parquet"])
def test_a_column_without_any_time_is_one_of_times(tmp_path: Path, ending: str) -> None:
    path = written(tmp_path, f"c{ending}", made("chargers"))
    assert all(r.valid_to is None for r in chargers())
    if ending == ".parquet":
        assert pq.read_schema(path).field("valid_to").type == pa.timestamp("us", "UTC")
    else:
        info = pyogrio.read_info(path)
        assert info["ogr_types"][list(info["fields"]).index("valid_to")] == "OFTDateTime"
    frame = geopandas.read_parquet(path) if ending == ".parquet" else geopandas.read_file(path)
    assert frame["valid_to"].dtype.kind == "M"
    assert frame["valid_to"].isna().all()


@pytest.mark.parametrize("ending", [*BY_GDAL, ".parquet"])
def test_geopandas_compares_them_with_a_time(tmp_path: Path, ending: str) -> None:
    path = written(tmp_path, f"c{ending}", made("cameras"))
    frame = geopandas.read_parquet(path) if ending == ".parquet" else geopandas.read_file(path)
    since = datetime(2000, 1, 1, tzinfo=UTC)
    assert set(frame["key"][frame["valid_from"] < since]) == {k for k, r in held().items() if r.valid_from < since}
    assert {"before", "end of time"} <= {k for k, r in held().items() if r.valid_from < since}


@pytest.mark.parametrize("ending", [*BY_GDAL, ".parquet"])
def test_an_empty_layer_has_columns_of_times(tmp_path: Path, ending: str) -> None:
    path = written(tmp_path, f"s{ending}", made("sensors"))
    frame = geopandas.read_parquet(path) if ending == ".parquet" else geopandas.read_file(path)
    assert [frame[name].dtype.kind for name in TIMES] == ["M", "M"]


@pytest.mark.parametrize("ending", [".csv", ".xlsx", ".geojson", ".shp"])
def test_other_formats_keep_the_text_with_its_zone(tmp_path: Path, ending: str) -> None:
    path = written(tmp_path, f"c{ending}", made("cameras"))
    match ending:
        case ".csv":
            rows = list(csv.DictReader(io.StringIO(path.read_text("utf-8-sig"))))
        case ".geojson":
            rows = [f["properties"] for f in json.loads(path.read_bytes())["features"]]
        case ".shp":
            rows = pyogrio.read_dataframe(path).to_dict("records")
        case _:
            header, *cells = openpyxl.load_workbook(path)["cameras"].iter_rows(values_only=True)
            rows = [dict(zip(header, row, strict=True)) for row in cells]
    found = {row["key"]: row["valid_from"] for row in rows}
    assert found["time"] == "2024-03-01T07:59:59.123456+08:00"


# Laws -------------------------------------------------------------------------------------------------------------------


@given(st.lists(st.none() | UTC_MOMENTS), st.sampled_from([UTC, SHANGHAI]))
def test_moments_are_those_of_the_texts(moments: list[datetime | None], zone: Any) -> None:
    texts = [None if m is None else m.astimezone(zone).isoformat() for m in moments]
    found = utc_moments(texts)
    assert found.dtype == np.dtype("datetime64[us]")
    assert [None if m is None else m.replace(tzinfo=UTC) for m in found.tolist()] == moments


@settings(max_examples=30, deadline=None)
@given(st.lists(st.none() | UTC_MOMENTS, min_size=1))
def test_any_time_of_any_field_is_in_the_file_however_far_off(moments: list[datetime | None]) -> None:
    export = with_times([None if m is None else m.isoformat() for m in moments])
    table = pq.read_table(io.BytesIO(to_parquet(export, "x")["x.parquet"]))
    assert table["inspected"].to_pylist() == moments
    _, flat = pyogrio.raw.read_arrow(to_flatgeobuf(export, "x")["x.fgb"], datetime_as_string=True)
    found = dict(zip(flat["key"].to_pylist(), flat["inspected"].to_pylist(), strict=True))
    texts = [found[str(i)] for i in range(len(moments))]
    assert [None if t is None else datetime.fromisoformat(t) for t in texts] == [
        None if m is None else cut(m) for m in moments
    ]


# And in again -----------------------------------------------------------------------------------------------------------


def edited_twin() -> Twin:
    """A station that became another at a microsecond."""
    twin = twin_with([station("C1", name="旧"), station("C2", valid_from=SINCE)])
    later = Edit("change", station("C1", name="新", valid_from=SINCE), 1)
    twin.commit([later], author="test", reason="another")
    return twin


@pytest.mark.parametrize("ending", BY_GDAL)
def test_what_began_within_a_millisecond_is_not_changed_by_its_own_file(tmp_path: Path, ending: str) -> None:
    twin = edited_twin()
    difference = read_back(twin, written(tmp_path, f"c{ending}", made("chargers", twin=twin)), "chargers").difference
    assert difference.unchanged == ("C1", "C2")


@pytest.mark.parametrize("ending", BY_GDAL)
def test_what_is_changed_in_a_file_of_milliseconds_keeps_its_exact_beginning(tmp_path: Path, ending: str) -> None:
    twin = edited_twin()
    export = made("chargers", twin=twin)
    columns = tuple(replace(c, values=["改", *c.values[1:]]) if c.name == "name" else c for c in export.columns)
    path = written(tmp_path, f"c{ending}", replace(export, columns=columns))
    (changed,) = read_back(twin, path, "chargers").difference.changed
    assert (changed.record.key, changed.fields, changed.record.valid_from) == ("C1", ("name",), SINCE)


def test_a_beginning_that_differs_by_a_millisecond_is_a_change(tmp_path: Path) -> None:
    twin = edited_twin()
    export = made("chargers", twin=twin)
    later = [(SINCE + timedelta(milliseconds=1)).isoformat()] * 2
    columns = tuple(replace(c, values=later) if c.name == "valid_from" else c for c in export.columns)
    path = written(tmp_path, "c.fgb", replace(export, columns=columns))
    assert {c.fields for c in read_back(twin, path, "chargers").difference.changed} == {("valid_from",)}


def test_a_time_that_is_held_as_it_is_told_is_not_taken_for_another_of_that_millisecond() -> None:
    soon = cut(SINCE) + timedelta(microseconds=400)
    first, second = station("C1", valid_from=cut(SINCE), valid_to=soon), station("C1", name="新", valid_from=soon)
    difference = diff([first], {"C1": [(1, first), (2, second)]}, "hand", None, NOW)
    assert difference.unchanged == ("C1",)


def test_a_flatgeobuf_of_others_is_read_in_the_zones_that_it_names(tmp_path: Path) -> None:
    path = tmp_path / "theirs.fgb"
    moments = np.array(["2024-05-01T00:00:00", "2024-05-01T08:00:00.250", "2024-05-01T00:00:00"], "datetime64[ms]")
    zones = {"投运时间": np.array([100, 100 + 4 * 8, 0])}
    places = shapely.to_wkb(shapely.points([HERE, THERE, HERE]))
    options: dict[str, Any] = {"geometry_type": "Point", "driver": "FlatGeobuf", "gdal_tz_offsets": zones}
    pyogrio.raw.write(
        path, places, [moments], ["投运时间"], crs="EPSG:4326", layer_options={"SPATIAL_INDEX": "NO"}, **options
    )
    cells = read_table(path).columns["投运时间"].tolist()
    assert cells == ["2024-05-01T00:00:00+00:00", "2024-05-01T08:00:00.250000+08:00", "2024-05-01"]
