"""The reference twin: repeatable, true to the layer types, and interesting to judge."""

from __future__ import annotations

import re
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
import shapely
from rasterio.io import MemoryFile

from tests.demo.conftest import NOW, SEED
from twin.demo.build import ReferenceTwin, build_reference_twin
from twin.demo.geography import read_areas
from twin.demo.plane import Plane
from twin.errors import BadParameter
from twin.frames import geodesic_area_km2
from twin.layers import LAYERS
from twin.model import BUILT, Record

KINDS = {"text": str, "enum": str, "float": float, "int": int, "bool": bool}
DRAWN = (
    "areas", "cameras", "chargers", "radio_sites", "radio_sectors", "sensors", "candidates", "roads", "water", "buildings",
)  # fmt: skip
CHINESE = re.compile(r"[\u4e00-\u9fff]")

ByLayer = dict[str, list[Record]]
Shapes = dict[str, shapely.Polygon]


@pytest.fixture(scope="module")
def layers(reference: ReferenceTwin) -> ByLayer:
    found: ByLayer = {}
    for record in reference.records:
        found.setdefault(record.layer, []).append(record)
    return found


@pytest.fixture(scope="module")
def shapes(geodata: Path) -> Shapes:
    return {area.code: area.geometry for area in read_areas(geodata)}


def inside(shape: shapely.Polygon, records: list[Record]) -> np.ndarray:
    shapely.prepare(shape)
    return shapely.intersects_xy(shape, [r.lng for r in records], [r.lat for r in records])


# --- the same every time -------------------------------------------------------------------------------------------


def test_the_same_seed_gives_the_same_twin(reference: ReferenceTwin, geodata: Path) -> None:
    assert build_reference_twin(SEED, NOW, geodata) == reference


def test_another_seed_gives_another_twin_and_no_date_lies_after_now(reference: ReferenceTwin, geodata: Path) -> None:
    earlier = datetime(2020, 6, 1, tzinfo=UTC)
    other = build_reference_twin(SEED + 1, earlier, geodata)
    assert {(r.lng, r.lat) for r in other.records if r.layer == "cameras"}.isdisjoint(
        (r.lng, r.lat) for r in reference.records if r.layer == "cameras"
    )
    assert other.grids != reference.grids
    assert max(r.valid_from for r in other.records) == earlier


@pytest.mark.parametrize(
    ("seed", "now", "words"),
    [(-1, NOW, "seed must be 0 or more"), (1, datetime(2026, 1, 1), "time zone")],  # noqa: DTZ001
    ids=["negative seed", "naive time"],
)
def test_bad_arguments_are_refused(seed: int, now: datetime, words: str, geodata: Path) -> None:
    with pytest.raises(BadParameter, match=words):
        build_reference_twin(seed, now, geodata)


# --- true to the layer types ---------------------------------------------------------------------------------------


def test_every_layer_has_records_with_unique_keys(layers: ByLayer) -> None:
    assert set(layers) == set(DRAWN)
    for name, records in layers.items():
        assert len({r.key for r in records}) == len(records), name


@pytest.mark.parametrize("name", DRAWN)
def test_attributes_are_the_fields_of_the_layer_with_values_of_their_domain(name: str, layers: ByLayer) -> None:
    fields = LAYERS[name].fields
    for record in layers[name]:
        assert list(record.attributes) == [f.name for f in fields]
    for field in fields:
        values = {r.attributes[field.name] for r in layers[name]} - {None}
        assert {type(v) for v in values} == {KINDS[field.kind]}
        if field.kind == "enum":
            assert values <= set(field.domain)
        if field.kind in ("float", "int"):
            assert min(values) >= (field.minimum if field.minimum is not None else -np.inf)
            assert max(values) <= (field.maximum if field.maximum is not None else np.inf)


def test_what_all_records_have_in_common(reference: ReferenceTwin) -> None:
    states = set(LAYERS["cameras"].all_fields()[2].domain)
    sources = {source.id for source in reference.sources}
    for r in reference.records:
        assert r.lifecycle in states
        assert r.source in sources
        assert r.valid_from.tzinfo is UTC
        assert r.valid_from <= NOW
        assert r.valid_to is None
        assert r.n_devices == 1
        assert r.online is None or r.lifecycle == "operating"
        assert (r.geometry is None) == (LAYERS[r.layer].geometry == "point")
    lnglat = np.array([(r.lng, r.lat) for r in reference.records])
    assert np.isfinite(lnglat).all()
    assert (lnglat == np.round(lnglat, 7)).all()


def test_sources_say_what_they_are(reference: ReferenceTwin) -> None:
    kinds = {s.id: (s.synthetic, s.schematic) for s in reference.sources}
    assert kinds == {"demo-areas": (False, True), "demo-assets": (True, False), "demo-population": (True, False)}
    assert {s.frame for s in reference.sources} == {"wgs84"}


def test_names_are_chinese(layers: ByLayer) -> None:
    for name in set(layers) - {"buildings"}:
        assert all(CHINESE.search(r.name) for r in layers[name]), name


def test_geometries_are_valid_and_of_the_layer_type(layers: ByLayer) -> None:
    types = {"line": {"LineString"}, "polygon": {"Polygon", "MultiPolygon"}}
    for name in ("areas", "roads", "water", "buildings"):
        geometry = shapely.from_wkb([r.geometry for r in layers[name]])
        assert shapely.is_valid(geometry).all(), name
        assert {g.geom_type for g in geometry} <= types[LAYERS[name].geometry]


def test_cameras_have_device_ids_of_20_digits(layers: ByLayer) -> None:
    assert all(re.fullmatch(r"310112\d{14}", r.key) for r in layers["cameras"])


def test_sectors_belong_to_outdoor_stations_three_each(layers: ByLayer) -> None:
    outdoor = {r.key: r for r in layers["radio_sites"] if r.attributes["site_kind"] == "outdoor"}
    of_site = Counter(r.attributes["site"] for r in layers["radio_sectors"])
    assert of_site == dict.fromkeys(outdoor, 3)
    for r in layers["radio_sectors"]:
        site = outdoor[r.attributes["site"]]
        assert (r.lng, r.lat, r.lifecycle) == (site.lng, site.lat, site.lifecycle)


def test_no_operator_is_twice_on_a_mast_and_some_share_one(layers: ByLayer) -> None:
    pairs = Counter((r.attributes["mast"], r.attributes["operator"]) for r in layers["radio_sites"])
    assert max(pairs.values()) == 1
    assert max(Counter(mast for mast, _ in pairs).values()) == 4


# --- interesting to judge ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("layer", "low", "high"),
    [("cameras", 69_400, 69_800), ("radio_sites", 5_050, 5_200), ("sensors", 96_000, 99_000)],
)
def test_counts_of_the_clauses(layer: str, low: int, high: int, layers: ByLayer, shapes: Shapes) -> None:
    not_counted = {"access": "unlinked", "site_kind": "indoor"}.items()
    counted = [r for r in layers[layer] if r.lifecycle in BUILT and not not_counted & r.attributes.items()]
    assert low <= inside(shapes["310112"], counted).sum() <= high


def test_linking_what_is_unlinked_would_meet_the_camera_count(layers: ByLayer, shapes: Shapes) -> None:
    assert inside(shapes["310112"], [r for r in layers["cameras"] if r.lifecycle in BUILT]).sum() >= 70_000


def test_mean_camera_density_passes_and_some_towns_fail(layers: ByLayer, shapes: Shapes) -> None:
    counted = [r for r in layers["cameras"] if r.lifecycle in BUILT and r.attributes["access"] != "unlinked"]
    density = {c: inside(s, counted).sum() / geodesic_area_km2(s) for c, s in shapes.items() if c.startswith("310112")}
    assert 180 <= density.pop("310112") <= 190
    assert 4 <= sum(value < 180 for value in density.values()) <= 7


def test_assets_lie_in_the_extent_and_some_in_its_halo(layers: ByLayer, shapes: Shapes) -> None:
    for name in ("cameras", "chargers", "radio_sites", "radio_sectors", "sensors"):
        assert inside(shapes["data-extent"], layers[name]).all(), name
        assert 20 <= (~inside(shapes["310112"], layers[name])).sum() <= 2_000, name


def test_discs_of_300_m_cover_most_of_the_district_but_not_all(layers: ByLayer, shapes: Shapes) -> None:
    plane = Plane(121.4, 31.12)
    district = plane.project(shapes["310112"])
    serving = {(r.lng, r.lat) for r in layers["radio_sites"]
               if r.lifecycle == "operating" and r.attributes["site_kind"] == "outdoor"}  # fmt: skip
    discs = shapely.buffer(shapely.points(plane.forward(np.array(sorted(serving)))), 300, quad_segs=16)
    assert 0.88 <= district.intersection(shapely.union_all(discs)).area / district.area <= 0.95


def test_chargers_serve_most_of_the_district_and_leave_gaps(layers: ByLayer, shapes: Shapes) -> None:
    plane = Plane(121.4, 31.12)
    district, ring = (plane.project(shapely.segmentize(shapes[c], 0.01)) for c in ("310112", "outer-ring"))
    counted = [r for r in layers["chargers"] if r.lifecycle == "operating"
               and r.attributes["station_type"] == "public" and r.attributes["n_connectors"] >= 1]  # fmt: skip
    places = shapely.points(plane.forward(np.array([(r.lng, r.lat) for r in counted])))
    gaps = np.concatenate([
        shapely.get_parts(zone - shapely.union_all(shapely.buffer(places, radius_m, quad_segs=64)))
        for zone, radius_m in ((district & ring, 900), (district - ring, 1500))
    ])  # fmt: skip
    assert 0.70 <= 1 - shapely.area(gaps).sum() / district.area <= 0.82
    large = gaps[shapely.area(gaps) > 1e5]
    assert len(large) >= 10
    idle = [
        r
        for r in layers["chargers"]
        if r not in counted and (r.lifecycle in ("building", "planned") or r.attributes["station_type"] == "taxi")
    ]
    in_gap = shapely.intersects(
        shapely.union_all(large), shapely.points(plane.forward(np.array([(r.lng, r.lat) for r in idle])))
    )
    assert in_gap.sum() >= 5


def test_residents_of_the_district_add_up_to_the_census(reference: ReferenceTwin, shapes: Shapes) -> None:
    (grid,) = reference.grids
    assert (grid.name, grid.unit, grid.source) == ("population", "people", "demo-population")
    with MemoryFile(grid.content) as memory, memory.open() as raster:
        values = raster.read(1)
        rows, columns = np.nonzero(values != raster.nodata)
        lng, lat = raster.xy(rows, columns)
        tags = raster.tags()
        assert raster.crs.to_epsg() == 4326
    people = values[rows, columns]
    within = shapely.intersects_xy(shapes["310112"], lng, lat)
    assert (people >= 0).all()
    assert people[within].sum(dtype=np.float64) == pytest.approx(2_653_489, abs=1e-2)
    assert 0 < people[~within].sum() < 400_000
    assert (tags["unit"], tags["synthetic"]) == ("people", "true")
