"""Times in FlatGeobuf and GeoParquet links, as Debian's GDAL (3.6), the one of pyogrio and GeoPandas find them."""

from __future__ import annotations

import csv
import io
import urllib.request
from datetime import datetime
from typing import Any

import geopandas as gpd
import pytest

from tests.clients.live import DEBIAN, PATIENCE_S, Live, output_of

pytestmark = pytest.mark.client
SINCE = "2025/01/01 00:00:00+00"


def link(live: Live, layer: str, kind: str) -> str:
    """The address of a layer's file of a media type, as its page tells it."""
    links = live.get(f"/collections/{layer}?f=json")["links"]
    (found,) = [each["href"] for each in links if each["rel"] == "enclosure" and each["type"] == kind]
    return str(found)


def flat(live: Live, layer: str) -> str:
    return f"/vsicurl/{link(live, layer, 'application/flatgeobuf')}"


def stored(live: Live, layer: str) -> dict[str, str]:
    """``valid_from`` by key, as stored: UTC text."""
    frame = live.table(layer).frame
    return dict(zip(frame["key"], frame["valid_from"], strict=True))


def read_rows(live: Live, layer: str, *words: object) -> list[dict[str, Any]]:
    return list(
        csv.DictReader(
            io.StringIO(output_of(DEBIAN / "ogr2ogr", "-f", "CSV", "/vsistdout/", *words, flat(live, layer)))
        )
    )


def test_gdal_3_6_says_that_the_columns_are_times(live):
    told = output_of(DEBIAN / "ogrinfo", "-ro", "-so", "-al", flat(live, "chargers"))
    assert "valid_from: DateTime (0.0)\n" in told
    assert "valid_to: DateTime (0.0)\n" in told


def test_gdal_3_6_reads_the_times_that_are_stored(live):
    found = {
        row["key"]: datetime.strptime(f"{row['valid_from']}00", "%Y/%m/%d %H:%M:%S%z")
        for row in read_rows(live, "chargers")
    }
    assert found == {key: datetime.fromisoformat(text) for key, text in stored(live, "chargers").items()}


def test_gdal_3_6_filters_a_file_by_time_as_the_stored_times_are(live):
    found = {row["key"] for row in read_rows(live, "chargers", "-where", f"valid_from >= '{SINCE}'")}
    assert found == {key for key, text in stored(live, "chargers").items() if text >= "2025-01-01"}
    assert 0 < len(found) < len(stored(live, "chargers"))


@pytest.mark.parametrize("form", ["fgb", "parquet"])
def test_geopandas_reads_the_times_that_are_stored(live, form):
    if form == "fgb":
        frame = gpd.read_file(flat(live, "chargers"))
    else:
        address = link(live, "chargers", "application/vnd.apache.parquet")
        with urllib.request.urlopen(address, timeout=PATIENCE_S) as answer:
            frame = gpd.read_parquet(io.BytesIO(answer.read()))
    found = {key: moment.to_pydatetime() for key, moment in zip(frame["key"], frame["valid_from"], strict=True)}
    assert found == {key: datetime.fromisoformat(text) for key, text in stored(live, "chargers").items()}
    assert frame["valid_to"].dtype.kind == "M"
