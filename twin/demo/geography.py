"""The schematic reference areas: drawn from the facts, written to and read from one committed file.

``python -m twin.demo.geography`` writes ``geodata/reference_areas.geojson`` anew. Everything in it is WGS-84, rounded to
seven decimals, valid, exterior rings counter-clockwise (RFC 7946). The facts' outline measures 363.5 km²; it is scaled
about its centroid (by 1.24 %) to the published 372.56 km², and cut into the 14 街镇 by a power diagram.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from shapely import affinity
from shapely.geometry.base import BaseGeometry

from twin.demo.facts import Facts, OutlineFact, read_facts
from twin.demo.partition import partition
from twin.demo.plane import DECIMALS, Plane
from twin.demo.profiles import PROFILES
from twin.frames import geodesic_area_km2
from twin.model import Geometries

AREAS_FILE = "reference_areas.geojson"
HALO_M = 1500.0
SCHEMATIC_NOTE = (
    "示意边界，不作为行政区划依据 / Schematic boundary, no basis for administrative divisions. "
    "Inner borders are a power diagram matched to published areas; the district's outline is scaled to 372.56 km²."
)


@dataclass(frozen=True)
class ReferenceArea:
    """One feature of the file. ``geometry`` is a polygon in EPSG:4326."""

    code: str
    name: str
    name_en: str
    level: str
    area_km2_published: float | None
    geometry: BaseGeometry


def plane_of(facts: Facts) -> Plane:
    """The plane everything of the demo is drawn in, around the middle of the district's outline."""
    low, high = facts.district.outline_lnglat.min(axis=0), facts.district.outline_lnglat.max(axis=0)
    lng0, lat0 = np.round((low + high) / 2, 3)
    return Plane(float(lng0), float(lat0))


def build_areas(facts: Facts) -> list[ReferenceArea]:
    """All reference areas: the district, its towns by code, the zones."""
    plane, whole = plane_of(facts), facts.district
    towns = _drawn_towns(facts, plane)
    district = _oriented(shapely.coverage_union_all(towns))
    extent = plane.project(district).buffer(HALO_M, quad_segs=8)
    return [
        ReferenceArea(whole.code, whole.name, facts.district_name_en, "district", whole.area_km2, district),
        *(
            ReferenceArea(t.code, t.name, PROFILES[t.code].name_en, "town", t.area_km2, shape)
            for t, shape in zip(facts.towns, towns, strict=True)
        ),
        _outlined(facts.outer_ring, "Inside the Outer Ring", "zone"),
        _outlined(facts.hongqiao_cbd, "Hongqiao International Central Business District", "aoi"),
        ReferenceArea(
            "data-extent", "数据范围", "Extent of the data", "zone", None, _oriented(plane.unproject(extent))
        ),
    ]


def _drawn_towns(facts: Facts, plane: Plane) -> Geometries:
    """The towns in degrees, sharing every vertex of every common border."""
    raw = shapely.Polygon(facts.district.outline_lnglat)
    factor = float(np.sqrt(facts.district.area_km2 / geodesic_area_km2(raw)))
    drawn = plane.project(raw)
    outline = affinity.scale(drawn, factor, factor, origin=drawn.centroid)
    centres = plane.forward(np.array([t.centre_lnglat for t in facts.towns]))
    parts = partition(outline, centres, np.array([t.area_km2 for t in facts.towns]))
    return _snapped(plane.unproject(parts))


def _snapped(parts: Geometries) -> Geometries:
    """Polygons that nearly touch, rebuilt from one arrangement of their noded and rounded borders."""
    borders = shapely.union_all(shapely.boundary(parts), grid_size=10.0**-DECIMALS)
    rounded = shapely.transform(borders, lambda lnglat: np.round(lnglat, DECIMALS))
    faces = shapely.get_parts(shapely.polygonize(shapely.get_parts(rounded)))
    owner = [int(np.argmax(shapely.area(shapely.intersection(face, parts)))) for face in faces]
    merged = [shapely.coverage_union_all(faces[np.array(owner) == i]) for i in range(len(parts))]
    return np.array([_oriented(part) for part in merged], object)


def _outlined(fact: OutlineFact, name_en: str, level: str) -> ReferenceArea:
    return ReferenceArea(
        fact.code, fact.name, name_en, level, fact.area_km2, _oriented(shapely.Polygon(fact.outline_lnglat))
    )


def _oriented(geometry: BaseGeometry) -> BaseGeometry:
    """With a first vertex that depends on the shape alone, and a counter-clockwise exterior."""
    return shapely.orient_polygons(shapely.normalize(geometry))


def areas_to_geojson(areas: Sequence[ReferenceArea]) -> str:
    """The file's text: one feature a line."""
    head = {
        "type": "FeatureCollection",
        "name": "reference_areas",
        "schematic": True,
        "note": SCHEMATIC_NOTE,
        "frame": "wgs84",
        "licence": "Apache-2.0",
    }
    lines = ",\n".join(json.dumps(_feature(area), ensure_ascii=False) for area in areas)
    return f'{json.dumps(head, ensure_ascii=False)[:-1]}, "features": [\n{lines}\n]}}\n'


def _feature(area: ReferenceArea) -> dict[str, Any]:
    properties = {
        "code": area.code,
        "name": area.name,
        "name_en": area.name_en,
        "level": area.level,
        "area_km2_published": area.area_km2_published,
    }
    geometry = json.loads(shapely.to_geojson(area.geometry))
    return {"type": "Feature", "id": area.code, "properties": properties, "geometry": geometry}


def read_areas(geodata: Path) -> list[ReferenceArea]:
    """The areas of the committed file, in its order."""
    collection = json.loads((geodata / AREAS_FILE).read_text(encoding="utf-8"))
    return [
        ReferenceArea(**feature["properties"], geometry=shapely.from_geojson(json.dumps(feature["geometry"])))
        for feature in collection["features"]
    ]


def main(geodata: Path) -> None:
    """Write the file from the facts beside it."""
    text = areas_to_geojson(build_areas(read_facts(geodata)))
    (geodata / AREAS_FILE).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "geodata"))
