"""Service along streets in hand-made worlds: what it judges, what it tells, and that it never serves more than lines do."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.world import (
    CENTRE,
    GEOD,
    HAND,
    LONG_AGO,
    PLAN,
    area,
    charger,
    district,
    offset,
    snapshot,
    square,
)
from twin.api.wire import explanation_to_json
from twin.coverage import RULES
from twin.coverage.charger_service import ChargerServiceParameters, counted
from twin.coverage.network_cells import Fragments
from twin.coverage.network_service import NetworkService
from twin.coverage.parameters import Zone
from twin.coverage.result import Scene
from twin.coverage.scope import Scope, cut_into_zones
from twin.coverage.service import nearest_distance_m
from twin.coverage.service_zones import Servers, ServiceZone
from twin.errors import BadParameter, RuleUnready, Words
from twin.model import DemandGrid, Record, Snapshot
from twin.opening import open_reference_twin

PARAMETERS = ChargerServiceParameters((Zone("outer-ring", 900),), 1500)
HALF_M = 2000
MAIN_STREET = [(-HALF_M, 0), (0, 0), (HALF_M, 0)]


def road(key: str, metres: list[tuple[float, float]], lifecycle: str = "operating") -> Record:
    line = shapely.LineString([offset(CENTRE, *xy) for xy in metres])
    middle = line.interpolate(0.5, normalized=True)
    return Record("roads", key, key, lifecycle, LONG_AGO, None, None, 1, "", HAND.id, middle.x, middle.y,
                  shapely.to_wkb(line), {"road_class": "local"})  # fmt: skip


def station(key: str, east_m: float, north_m: float, **values) -> Record:
    return charger(key, offset(CENTRE, east_m, north_m), **values)


def world(*records: Record, ring=None, half_m: float = HALF_M, grids=()) -> Snapshot:
    return snapshot([*district(half_m, ring), *records], grids)


def evaluate(world: Snapshot, denominator="area", **options) -> NetworkService:
    scene = Scene(world, Scope(world.areas["310112"]), PLAN.clause("charger-service"))
    ring, table = world.areas["outer-ring"], world.layers["chargers"]
    inside, elsewhere = cut_into_zones(scene.scope, [ring])
    zones = [ServiceZone("outer-ring", 900, inside, ring), ServiceZone("elsewhere", 1500, elsewhere, None)]
    servers = Servers(table, counted(table, PARAMETERS), lambda row: Words("计入", "counted"))
    return NetworkService(scene, zones, servers, denominator, parameters=PARAMETERS, **options)


@pytest.mark.parametrize("roads", [[], [road("later", MAIN_STREET, "planned")]], ids=["none", "only a planned one"])
def test_without_a_street_in_operation_the_rule_asks_for_roads(roads):
    with pytest.raises(RuleUnready, match="--layer roads") as error:
        evaluate(world(station("a", 0, 0), *roads))
    assert "--layer roads" in error.value.words.zh


def test_one_street_serves_a_band_of_300_metres_that_narrows_towards_its_ends():
    """Served is |y| <= 300 and |x| + |y| <= 1,500: 2 (2·1,500·300 - 300²) = 1.62 km² of 16."""
    evaluation = evaluate(world(road("r", MAIN_STREET), station("a", 0, 0)), resolution=11)
    result, facts = evaluation.result, evaluation.result.facts
    assert result.share == pytest.approx(1.62 / 16, abs=0.001)
    assert (result.met, result.denominator) == (False, "area")
    assert facts["unreachable_km2"] == pytest.approx(16 - 4 * 0.6, abs=0.05)
    assert (facts["metric"], facts["judged_by"], facts["unconnected_km2"]) == ("network", "res-11 cell centres", 0)
    assert facts["share_by_zone"] == {"outer-ring": None, "elsewhere": result.share}


def test_the_mean_detour_beside_one_street_is_that_of_the_band():
    """At (x, y): (|x| + |y|) / hypot(x, y), over the band; by a fine grid here."""
    x, y = np.meshgrid(np.arange(2.5, HALF_M, 5), np.arange(0.5, 300, 1))
    detour = (x + y) / np.hypot(x, y)
    facts = evaluate(world(road("r", MAIN_STREET), station("a", 0, 0)), resolution=11).result.facts
    assert facts["mean_detour"] == pytest.approx(detour.mean(), abs=0.005)
    assert facts["median_detour"] == pytest.approx(np.median(detour), abs=0.005)


def test_the_share_by_straight_lines_stands_beside_it_where_it_is_given():
    town = world(road("r", MAIN_STREET), station("a", 0, 0))
    assert evaluate(town, share_line=lambda: 0.5).result.facts["share_line"] == 0.5
    assert evaluate(town).result.facts["share_line"] is None


RIVER_TOWN = [
    road("west", [(0, -1500), (0, 0), (0, 1500)]),
    road("bridge", [(0, 0), (400, 0)]),
    road("east", [(400, -1500), (400, 0), (400, 1500)]),
]


def test_a_point_over_the_river_is_told_the_way_over_the_bridge_in_json_too():
    town = world(*RIVER_TOWN, station("over", 430, 600), station("far", -20, -1400))
    explanation = evaluate(town).explain(*offset(CENTRE, -30, 600))
    over, far = explanation.nearest
    assert explanation.served is False
    assert (explanation.zone, explanation.limit_m, explanation.n) == ("elsewhere", 1500, 0)
    assert (over.key, over.counts) == ("over", True)
    assert over.distance_m == pytest.approx(460, abs=0.01)
    assert over.network_m == pytest.approx(30 + 600 + 400 + 600 + 30, abs=0.01)
    assert over.detour == pytest.approx(1660 / 460, abs=1e-3)
    assert far.network_m == pytest.approx(30 + 2000 + 20, abs=0.01)
    written = explanation_to_json(explanation, town.areas, "zh")["nearest"][0]
    assert (written["network_m"], written["detour"]) == (over.network_m, over.detour)


def test_the_limit_is_that_of_the_points_zone_and_a_point_on_its_border_is_inside():
    """The ring's border runs 200 m west of the eastern street; a station 1,000 m north along it."""
    _, south, east, north = square(HALF_M).bounds
    border = offset(CENTRE, 200, 0)[0]
    town = world(*RIVER_TOWN, station("a", 400, 1000), ring=shapely.box(border, south, east, north))
    evaluation = evaluate(town)
    assert not evaluation.explain(*offset(CENTRE, 410, 0)).served
    assert evaluation.explain(*offset(CENTRE, 410, 200)).served
    assert evaluation.explain(*offset(CENTRE, 0, 0)).served
    assert evaluation.explain(border, CENTRE[1]).zone == "outer-ring"
    shares = evaluation.result.facts["share_by_zone"]
    whole = evaluation.judged.fragments.area_m2
    parts = [whole[evaluation.judged.fragments.zone == i].sum() for i in (0, 1)]
    assert np.average([*shares.values()], weights=parts) == pytest.approx(evaluation.result.share)


def test_streets_that_lead_to_no_station_say_so():
    island = road("island", [(-1500, -1000), (-1500, 1000)])
    evaluation = evaluate(world(road("r", [(1000, -1000), (1000, 1000)]), island, station("a", 1000, 0)))
    assert evaluation.result.facts["unconnected_km2"] == pytest.approx(0.6 * 2 + np.pi * 0.09, rel=0.02)
    (near,) = evaluation.explain(*offset(CENTRE, -1500, 0)).nearest
    assert (near.key, near.network_m, near.detour) == ("a", None, None)
    assert "不可达" in near.reason.zh
    assert "network_m" not in explanation_to_json(evaluation.explain(*offset(CENTRE, -1500, 0)), {}, "zh")["nearest"][0]


def random_town(seed: int, n_stations: int = 4, ring: bool = True) -> Snapshot:
    """A grid of streets every 500 m with some left out, two towns, stations anywhere."""
    rng = np.random.default_rng(seed)
    ticks = np.arange(-HALF_M, HALF_M + 1, 500)
    streets = [[(x, y) for y in ticks] for x in ticks] + [[(x, y) for x in ticks] for y in ticks]
    roads = [road(f"r{i:02}", street) for i, street in enumerate(streets) if rng.random() < 0.8]
    west, south, east, north = square(HALF_M).bounds
    towns = [area("1", "town", shapely.box(west, south, CENTRE[0], north)),
             area("2", "town", shapely.box(CENTRE[0], south, east, north))]  # fmt: skip
    half = shapely.Polygon([(west, south), (east, south), (east, north)]) if ring else None
    places = rng.uniform(-HALF_M, HALF_M, (n_stations, 2))
    return world(*roads, *towns, *(station(f"s{i}", *xy) for i, xy in enumerate(places)), ring=half)


def test_fragments_make_up_the_scope_and_each_is_judged_inside_itself():
    evaluation = evaluate(random_town(1))
    fragments, frame = evaluation.judged.fragments, evaluation.scope.frame
    assert fragments.area_m2.sum() == pytest.approx(evaluation.scope.shape.area, rel=1e-7)
    inside = shapely.points(frame.forward(fragments.lnglat))
    assert (shapely.distance(fragments.polygons, inside) < 0.01).all()
    assert (evaluation.zone_of(fragments.lnglat) == fragments.zone).all()
    overlap = shapely.area(shapely.intersection(*fragments.polygons[_neighbours(fragments.polygons)]))
    assert overlap.max() < 0.5


def _neighbours(polygons) -> np.ndarray:
    first, second = shapely.STRtree(polygons).query(polygons, predicate="intersects")
    return np.array([first, second])[:, first < second]


def test_towns_gaps_and_cells_add_up_to_the_whole():
    evaluation = evaluate(random_town(2))
    rows, gaps, table = evaluation.area_rows("town"), evaluation.gaps(), evaluation.cells(10)
    open_km2 = evaluation.result.facts["open_km2"]
    assert [r.code for r in rows] == ["1", "2"]
    assert sum(r.area_km2 for r in rows) == pytest.approx(16, abs=0.001)
    assert sum(r.shortfall for r in rows) == pytest.approx(open_km2, abs=1e-5)
    assert sum(r.share * r.area_km2 for r in rows) == pytest.approx(evaluation.result.share * 16, abs=1e-3)
    assert sum(g.area_km2 for g in gaps) == pytest.approx(open_km2, abs=1e-6)
    assert sum(km2 for g in gaps for *_, km2 in g.areas) == pytest.approx(open_km2, abs=1e-5)
    assert (table.share * table.area_km2).sum() == pytest.approx(16 - open_km2, abs=1e-3)
    assert set(table.status) == {"none", "part", "all"}
    assert evaluation.cells(11).area_km2.sum() == pytest.approx(16, abs=1e-3)


def test_a_gaps_deepest_point_lies_in_it_and_is_the_farthest_along_streets():
    evaluation = evaluate(random_town(2))
    judged, xy = evaluation.judged, evaluation.judged.fragments.lnglat
    told = [g for g in evaluation.gaps() if g.nearest is not None]
    assert told
    for gap in told:
        assert gap.geometry.distance(shapely.Point(gap.deepest_lnglat)) < 1e-7
        own = shapely.intersects_xy(gap.geometry, xy[:, 0], xy[:, 1]) & ~judged.served
        own &= np.array([evaluation.zones[z].name == gap.zone for z in judged.fragments.zone])
        assert gap.nearest_distance_m == pytest.approx(judged.distance_m[own].max())
        first = evaluation.explain(*gap.deepest_lnglat, n_nearest=1).nearest[0]
        assert (first.key, first.network_m) == (gap.nearest, pytest.approx(gap.nearest_distance_m, abs=0.001))
        assert gap.missing_m == pytest.approx(gap.nearest_distance_m - gap.limit_m)


def test_a_gap_without_a_street_names_no_station():
    gaps = evaluate(world(road("r", MAIN_STREET), station("a", 0, 0))).gaps()
    assert [(g.nearest, g.nearest_distance_m, g.missing_m) for g in gaps] == [(None, None, None)]


@given(st.integers(0, 2**32))
@settings(max_examples=5)
def test_what_is_served_along_streets_is_served_by_straight_lines_too(seed):
    town = random_town(seed)
    evaluation = evaluate(town)
    judged, stations = evaluation.judged, town.layers["chargers"].lnglat
    limit = evaluation.limits_m[judged.fragments.zone[judged.served]]
    for (lng, lat), metres in list(zip(judged.fragments.lnglat[judged.served], limit, strict=True))[::5]:
        assert min(GEOD.inv(lng, lat, *place)[2] for place in stations) <= metres


@given(st.integers(0, 2**32))
@settings(max_examples=5)
def test_fewer_stations_never_serve_more(seed):
    evaluation = evaluate(random_town(seed, ring=False))
    keep = np.random.default_rng(seed).random(4) < 0.5
    fewer = evaluation.with_servers(keep)
    assert (fewer.judged.served <= evaluation.judged.served).all()
    assert fewer.result.share <= evaluation.result.share


def test_people_are_served_where_they_live_and_by_town():
    """Along the street 1,400 and 1,600 m from the station, 200 m off it, and beyond 300 m."""
    places = [(1400, 0), (-1600, 0), (1200, 200), (0, 400)]
    lnglat = np.array([offset(CENTRE, *xy) for xy in places])
    grid = DemandGrid("population", "people", lnglat, np.array([10.0, 20.0, 30.0, 40.0]), "hand")
    _, south, east, north = square(HALF_M).bounds
    town = area("2", "town", shapely.box(CENTRE[0] + 1e-4, south, east, north))
    people = world(road("r", MAIN_STREET), station("a", 0, 0), town, grids=[grid])
    evaluation = evaluate(people, "population")
    assert (evaluation.result.share, evaluation.result.denominator) == (pytest.approx(0.4), "population")
    assert [r.share for r in evaluation.area_rows("town")] == [1.0]
    assert evaluate(people).result.facts["share_population"] == pytest.approx(0.4)
    with pytest.raises(RuleUnready, match="population"):
        evaluate(world(road("r", MAIN_STREET), station("a", 0, 0)), "population")


def test_effective_counts_only_what_is_online():
    town = world(road("r", MAIN_STREET), station("on", -1000, 0), station("off", 1000, 0, online=False))
    result = evaluate(town).result
    assert 0 < result.effective < result.nominal
    assert result.effective == evaluate(world(road("r", MAIN_STREET), station("on", -1000, 0))).result.share


def test_no_counted_station_is_an_open_scope():
    evaluation = evaluate(world(road("r", MAIN_STREET), station("a", 0, 0, lifecycle="planned")))
    assert (evaluation.result.share, evaluation.result.facts["mean_detour"]) == (0.0, None)
    assert len(evaluation.gaps()) == 1
    assert evaluation.explain(*CENTRE).nearest == ()


def test_cells_whose_corners_do_not_match_are_united_all_the_same():
    """A hand's breadth apart in the middle of an edge: no coverage, but a union."""
    polygons = np.array([shapely.box(0, 0, 2, 2), shapely.box(1, 1, 3, 3)], object)
    fragments = Fragments(
        np.zeros(2, np.uint64), np.arange(2), np.zeros(2, int), polygons, np.zeros((2, 2)), np.ones(2, bool)
    )
    (union,), polygon, member = fragments.connected(np.arange(2))
    assert union.area == 7
    assert (polygon.tolist(), sorted(member.tolist())) == ([0, 0], [0, 1])


@pytest.mark.slow
def test_the_reference_twin_is_served_less_along_streets_than_by_straight_lines():
    twin = open_reference_twin()
    line = twin.cover("charger-service").result
    along = evaluate(twin.snapshot())
    facts, judged = along.result.facts, along.judged
    assert 0.6 < along.result.share < line.share - 0.05
    assert 4 / np.pi < facts["median_detour"] < 1.5
    straight_m = nearest_distance_m(judged.fragments.lnglat, along.servers.counted.lnglat)
    assert (judged.distance_m >= straight_m - 0.001).all()
    assert judged.fragments.area_m2.sum() == pytest.approx(along.scope.shape.area, rel=1e-7)
    assert sum(g.area_km2 for g in along.gaps()) == pytest.approx(facts["open_km2"], abs=1e-6)


@pytest.mark.parametrize("also", [{"reading": "station"}, {"at_least": 2}, {"exclude": "water"}])
def test_the_charging_rule_refuses_what_the_network_cannot_judge(also):
    with pytest.raises(BadParameter, match="metric=network"):
        RULES["charger-service"].read(PLAN.clause("charger-service").parameters, {"metric": "network", **also})


def test_along_streets_a_small_area_that_is_all_open_is_not_met_either():
    """16 m² are less than the 100 m² below which a whole district would be."""
    evaluation = evaluate(world(road("main", MAIN_STREET), station("far", 3000, 0), half_m=2))
    assert (evaluation.result.share, evaluation.result.met) == (0.0, False)
    assert [row.met for row in evaluation.area_rows("district")] == [False]
