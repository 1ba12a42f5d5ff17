"""The reference twin as a whole: areas from the file, everything else drawn from one seed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
import shapely

from twin.demo.cameras import draw_cameras
from twin.demo.chargers import draw_chargers
from twin.demo.city import City, city_of
from twin.demo.context import draw_context
from twin.demo.facts import read_facts
from twin.demo.geography import ReferenceArea, read_areas
from twin.demo.plane import DECIMALS
from twin.demo.population import SOURCE as POPULATION
from twin.demo.population import draw_population
from twin.demo.radio import draw_radio
from twin.demo.rows import ASSETS, FIRST_DAY, Batch, records_of
from twin.demo.sensors import draw_sensors
from twin.demo.streets import draw_network
from twin.demo.water import draw_waters
from twin.errors import BadParameter
from twin.model import Record, Source
from twin.ports import GridFile

AREAS = "demo-areas"
LICENCE = "Apache-2.0"


@dataclass(frozen=True)
class ReferenceTwin:
    """What goes into a store: ``records`` of every layer, where they are from, and the population raster."""

    records: list[Record]
    sources: list[Source]
    grids: list[GridFile]


def build_reference_twin(seed: int, now: datetime, geodata: Path) -> ReferenceTwin:
    """Schematic areas and synthetic assets; the same seed and ``now`` give the same twin.

    Args:
        seed: ≥ 0; each theme draws from its own child of it, so that changing one leaves the others alone.
        now: aware; no date of an asset lies after it.
        geodata: the folder of ``facts.json`` and ``reference_areas.geojson``.

    Raises:
        BadParameter: ``seed`` is negative or ``now`` has no time zone.
    """
    if seed < 0:
        raise BadParameter(f"种子应为非负整数，得到 {seed}", f"seed must be 0 or more, got {seed}")
    if now.tzinfo is None:
        raise BadParameter(f"now 应带时区，得到 {now}", f"now must have a time zone, got {now}")
    areas = read_areas(geodata)
    city = city_of(read_facts(geodata), areas)
    batches, population = _drawn(seed, now, city)
    records = [_area_record(area, min(FIRST_DAY, now)) for area in areas]
    for batch in batches:
        records += records_of(batch)
    return ReferenceTwin(records, _sources(seed), [population])


def _drawn(seed: int, now: datetime, city: City) -> tuple[list[Batch], GridFile]:
    (for_water, for_streets, for_cameras, for_chargers, for_radio, for_sensors, for_context, for_people) = (
        np.random.Generator(np.random.PCG64(child)) for child in np.random.SeedSequence(seed).spawn(8)
    )
    waters = draw_waters(for_water, city)
    network = draw_network(for_streets, city, waters)
    batches = [
        draw_cameras(for_cameras, now, city, network),
        draw_chargers(for_chargers, now, city, network),
        *draw_radio(for_radio, now, city, network),
        draw_sensors(for_sensors, now, city, network, waters),
        *draw_context(for_context, now, city, network, waters),
    ]
    return batches, draw_population(for_people, city, waters, network.slots)


def _area_record(area: ReferenceArea, since: datetime) -> Record:
    inside = shapely.point_on_surface(area.geometry)
    attributes = {
        "code": area.code,
        "name_en": area.name_en,
        "level": area.level,
        "area_km2_published": area.area_km2_published,
    }
    lng, lat = round(inside.x, DECIMALS), round(inside.y, DECIMALS)
    return Record(
        "areas", area.code, area.name, "operating", since, None, None, 1, "", AREAS, lng, lat,
        shapely.to_wkb(area.geometry), attributes,
    )  # fmt: skip


def _sources(seed: int) -> list[Source]:
    return [
        Source(AREAS, "示意边界 / Schematic areas", "wgs84", schematic=True, licence=LICENCE),
        Source(
            ASSETS, f"模拟数据（种子 {seed}）/ Synthetic data (seed {seed})", "wgs84", synthetic=True, licence=LICENCE
        ),
        Source(
            POPULATION,
            f"模拟人口（种子 {seed}）/ Synthetic population (seed {seed})",
            "wgs84",
            synthetic=True,
            licence=LICENCE,
        ),
    ]
