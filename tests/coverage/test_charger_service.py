"""The charging clause: edges, readings, states, gaps, against hand-made worlds and independent oracles."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from pyproj import CRS, Transformer

from tests.world import CENTRE, GEOD, area, charger, district, offset, service_of, snapshot, square, twin_with
from twin.errors import BadParameter, RuleUnready
from twin.model import DemandGrid, Snapshot


@pytest.mark.parametrize("bearing_deg", range(0, 360, 15))
@pytest.mark.parametrize(("inside_ring", "limit_m"), [(True, 900), (False, 1500)])
def test_a_metre_inside_the_radius_is_served_and_a_metre_outside_is_not(bearing_deg, inside_ring, limit_m):
    ring = square(4000) if inside_ring else None
    lng, lat, _ = GEOD.fwd(*CENTRE, bearing_deg, limit_m - 1)
    assert service_of(snapshot([*district(ring=ring), charger("a", (lng, lat))])).explain(*CENTRE).served
    lng, lat, _ = GEOD.fwd(*CENTRE, bearing_deg, limit_m + 1)
    assert not service_of(snapshot([*district(ring=ring), charger("a", (lng, lat))])).explain(*CENTRE).served


def test_one_station_leaves_the_square_less_its_circle():
    evaluation = service_of(snapshot([*district(5000), charger("a", CENTRE)]))
    assert evaluation.result.share == pytest.approx(np.pi * 1.5**2 / 100, rel=2e-5)
    assert evaluation.result.met is False
    (gap,) = evaluation.gaps()
    assert gap.area_km2 == pytest.approx(100 - np.pi * 1.5**2, rel=2e-5)
    assert gap.nearest == "a"
    corner_m = np.hypot(5000, 5000)
    assert gap.nearest_distance_m == pytest.approx(corner_m, abs=3)
    assert gap.missing_m == pytest.approx(corner_m - 1500, abs=3)


def test_the_zone_of_the_demand_point_decides_unless_the_stations_reading_is_asked_for():
    """The ring covers the eastern half; a station 1,000 m west of the line serves 900 m of it at most on its own side."""
    _, south, east, north = square(5000).bounds
    ring = shapely.box(CENTRE[0], south, east, north)
    world = snapshot([*district(5000, ring), charger("a", offset(CENTRE, -1000, 0))])
    demand, station = service_of(world), service_of(world, reading="station")
    east_point = offset(CENTRE, 100, 0)
    assert not demand.explain(*east_point).served
    assert station.explain(*east_point).served
    assert demand.result.share < station.result.share
    assert station.result.share == pytest.approx(np.pi * 1.5**2 / 100, rel=2e-5)


def test_a_point_on_the_ring_is_inside():
    _, south, east, north = square(5000).bounds
    world = snapshot([*district(5000, shapely.box(CENTRE[0], south, east, north)), charger("a", CENTRE)])
    assert service_of(world).explain(*CENTRE).zone == "outer-ring"


@pytest.mark.parametrize(
    ("values", "zh"),
    [
        ({"lifecycle": "building"}, "在建"),
        ({"lifecycle": "planned"}, "规划中"),
        ({"lifecycle": "managed"}, "未对外服务"),
        ({"station_type": "taxi"}, "非公共站"),
        ({"n_connectors": 0}, "接口不足"),
    ],
    ids=["building", "planned", "managed", "taxi", "no connector"],
)
def test_what_does_not_count_says_why(values, zh):
    world = snapshot([*district(), charger("a", CENTRE, **values), charger("far", offset(CENTRE, 4000, 0))])
    explanation = service_of(world).explain(*CENTRE)
    assert not explanation.served
    assert [(n.key, n.counts) for n in explanation.nearest] == [("a", False), ("far", True)]
    assert zh in explanation.nearest[0].reason.zh


def test_the_nearest_counted_station_is_told_however_many_others_lie_nearer():
    taxis = [charger(f"taxi-{i}", offset(CENTRE, 10 * i, 0), station_type="taxi") for i in range(5)]
    world = snapshot([*district(), *taxis, charger("public", offset(CENTRE, 3000, 0))])
    nearest = service_of(world).explain(*CENTRE).nearest
    assert [n.key for n in nearest if n.counts] == ["public"]


def test_stations_outside_the_border_count():
    world = snapshot([*district(1000), charger("outside", offset(CENTRE, 1200, 0))])
    assert service_of(world).result.share > 0.4


def test_effective_counts_only_what_is_online():
    world = snapshot([*district(), charger("on", CENTRE), charger("off", offset(CENTRE, 3500, 0), online=False),
                      charger("unknown", offset(CENTRE, -3500, 0), online=None)])  # fmt: skip
    result = service_of(world).result
    assert result.nominal == pytest.approx(3 * np.pi * 1.5**2 / 100, rel=2e-5)
    assert result.effective == pytest.approx(np.pi * 1.5**2 / 100, rel=2e-5)
    assert result.n_unknown == 1


def test_no_station_at_all_is_one_gap_and_no_chargers_layer_is_no_data():
    none_counted = service_of(snapshot([*district(), charger("a", CENTRE, lifecycle="planned")]))
    assert none_counted.result.share == 0.0
    (gap,) = none_counted.gaps()
    assert (gap.nearest, gap.missing_m) == (None, None)
    assert service_of(snapshot(district())).result.status == "no-data"


def test_a_full_cover_is_met_and_has_no_gap():
    evaluation = service_of(snapshot([*district(500), charger("a", CENTRE)]))
    assert (evaluation.result.met, evaluation.result.share, evaluation.gaps()) == (True, 1.0, [])


def test_a_missing_zone_is_an_error_never_a_silent_default():
    world = snapshot([area("310112", "district", square(5000)), charger("a", CENTRE)])
    with pytest.raises(RuleUnready, match="outer-ring"):
        service_of(world)


def test_unknown_and_impossible_parameters_are_all_named_at_once():
    with pytest.raises(BadParameter) as error:
        service_of(snapshot([*district(), charger("a", CENTRE)]), radius="3", reading="mine", states="sleeping")
    assert {f.column for f in error.value.faults} == {"radius", "reading", "states"}


def test_the_share_by_population_counts_the_people_at_the_pixel_centres():
    lnglat = np.array([CENTRE, offset(CENTRE, 1400, 0), offset(CENTRE, 1600, 0), offset(CENTRE, 90_000, 0)])
    grid = DemandGrid("population", "people", lnglat, np.array([10.0, 20.0, 70.0, 1000.0]), "hand")
    result = service_of(snapshot([*district(), charger("a", CENTRE)], [grid]), denominator="population").result
    assert (result.share, result.denominator) == (pytest.approx(0.3), "population")


def random_world(n: int, seed: int) -> tuple[Snapshot, np.ndarray]:
    rng = np.random.default_rng(seed)
    places = np.array([offset(CENTRE, *rng.uniform(-6000, 6000, 2)) for _ in range(n)])
    _, south, east, north = square(5000).bounds
    ring = shapely.box(CENTRE[0], south, east, north)
    return snapshot([*district(5000, ring), *(charger(f"c{i}", tuple(p)) for i, p in enumerate(places))]), places


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_share_agrees_with_a_shapely_union_in_a_transverse_mercator(seed):
    world, places = random_world(25, seed)
    frame = CRS.from_proj4(f"+proj=tmerc +lat_0={CENTRE[1]} +lon_0={CENTRE[0]} +k=1 +ellps=WGS84")
    transformer = Transformer.from_crs(4326, frame, always_xy=True)

    def to_plane(geometry):
        return shapely.transform(
            shapely.segmentize(geometry, 0.005), lambda c: np.column_stack(transformer.transform(*c.T))
        )

    xy = shapely.points(np.column_stack(transformer.transform(*places.T)))
    scope, ring = to_plane(world.areas["310112"].geometry), to_plane(world.areas["outer-ring"].geometry)
    served = shapely.union(
        shapely.union_all(shapely.buffer(xy, 900, quad_segs=256)).intersection(scope.intersection(ring)),
        shapely.union_all(shapely.buffer(xy, 1500, quad_segs=256)).intersection(scope.difference(ring)),
    )
    assert service_of(world).result.share == pytest.approx(served.area / scope.area, abs=1e-4)


@pytest.mark.parametrize("resolution", [8, 9, 10])
def test_cells_add_up_to_the_whole_and_agree_with_brute_force_distances(resolution):
    world, places = random_world(25, 4)
    evaluation = service_of(world)
    table = evaluation.cells(resolution)
    share = (table.share * table.area_km2).sum() / table.area_km2.sum()
    assert share == pytest.approx(evaluation.result.share, abs=1e-9)
    assert table.area_km2.sum() == pytest.approx(evaluation.result.area_km2, rel=1e-5)

    from twin.cells import cell_centres

    centres = cell_centres(table.cells)
    inside_ring = shapely.intersects_xy(world.areas["outer-ring"].geometry, centres[:, 0], centres[:, 1])
    for (lng, lat), ring, status in list(zip(centres, inside_ring, table.status, strict=True))[::7]:
        distance = min(GEOD.inv(lng, lat, *place)[2] for place in places)
        served = distance <= (900 if ring else 1500)
        assert status != ("none" if served else "all") or not _inside(world, lng, lat)


def _inside(world: Snapshot, lng: float, lat: float) -> bool:
    return bool(world.areas["310112"].geometry.contains(shapely.Point(lng, lat)))


def test_gaps_and_the_served_area_make_up_the_whole_and_deepest_points_are_deepest():
    world, places = random_world(25, 5)
    evaluation = service_of(world)
    gaps = evaluation.gaps()
    open_km2 = sum(g.area_km2 for g in gaps)
    assert open_km2 == pytest.approx((1 - evaluation.result.share) * evaluation.result.area_km2, rel=1e-5)
    assert [g.area_km2 for g in gaps] == sorted((g.area_km2 for g in gaps), reverse=True)
    rng = np.random.default_rng(0)
    for gap in gaps:
        west, south, east, north = gap.geometry.bounds
        tries = np.column_stack([rng.uniform(west, east, 300), rng.uniform(south, north, 300)])
        tries = tries[shapely.contains_xy(gap.geometry, tries[:, 0], tries[:, 1])]
        for lng, lat in tries:
            assert min(GEOD.inv(lng, lat, *p)[2] for p in places) <= gap.nearest_distance_m + 0.5


def test_trying_a_station_in_the_deepest_point_raises_the_share_and_leaves_the_snapshot_alone():
    from twin.model import Change

    twin = twin_with([*district(), charger("a", CENTRE)])
    before = twin.cover("charger-service")
    lng, lat = before.gaps()[0].deepest_lnglat
    after = twin.cover("charger-service", changes=[Change("add", "chargers", "new", {"lng": lng, "lat": lat})])
    assert after.result.share > before.result.share
    assert after.result.snapshot != before.result.snapshot
    assert twin.cover("charger-service").result.share == before.result.share


def test_every_gaps_deepest_point_lies_inside_even_on_the_border_and_is_not_served():
    world, _ = random_world(25, 6)
    evaluation = service_of(world)
    for gap in evaluation.gaps():
        lng, lat = (round(v, 7) for v in gap.deepest_lnglat)
        explanation = evaluation.explain(lng, lat)
        assert explanation.inside
        assert not explanation.served or gap.missing_m < 0.1
