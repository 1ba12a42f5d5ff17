"""One reference twin for all clients that read, served once; a small one, thrown away, for each module that writes."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import shapely

from tests.clients.live import Live, served, twin_command
from twin.model import Edit, Record, Source
from twin.opening import open_twin
from twin.settings import Settings
from twin.store import open_store

LAND = (
    ("LU-1", "居住用地甲（模拟）", "residential", shapely.box(121.30, 31.10, 121.31, 31.11)),
    ("LU-2", "绿地乙（模拟）", "green", shapely.box(121.31, 31.10, 121.32, 31.11)),
)
"""The reference twin has no land use; clients are to find something in every collection."""


@pytest.fixture(scope="session")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """The whole reference twin (206,000 features) over HTTP; nobody writes to it."""
    data = tmp_path_factory.mktemp("reference")
    twin_command(data, "demo")
    add_land_use(data)
    with served(data) as running:
        yield running


def add_land_use(data: Path) -> None:
    source = Source("made-up", "示例用地（模拟）/ Made-up land use", "wgs84", synthetic=True)
    since = datetime(2020, 1, 1, tzinfo=UTC)
    records = []
    for key, name, use, shape in LAND:
        lng, lat = shape.centroid.coords[0]
        place = (lng, lat, shapely.to_wkb(shape), {"use": use})
        records.append(Record("land_use", key, name, "operating", since, None, None, 1, "", source.id, *place))
    edits = [Edit("add", record) for record in records]
    open_twin(Settings(data=data)).commit(edits, author="test", reason="made-up land use", sources=[source])


@pytest.fixture(scope="module")
def thrown_away(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """The small world of the API's tests over HTTP, for one module to write to."""
    from tests.api.conftest import BORN, records

    data = tmp_path_factory.mktemp("small")
    source = Source("made-up", "made up", "wgs84", synthetic=True, schematic=True)
    edits = [Edit("add", record) for record in records()]
    open_store(f"sqlite:///{data / 'twin.sqlite'}").commit(
        edits, author="test", reason="test", at=BORN, sources=[source]
    )
    with served(data) as running:
        yield running
