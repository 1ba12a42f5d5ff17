"""The street network against distances added up on paper, a brute-force oracle, and laws."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.world import CENTRE, GEOD
from twin.coverage.network import StationNetwork, StreetNetwork, distance_to_nearest_m
from twin.frames import MetricFrame

FRAME = MetricFrame(*CENTRE)
AWAY = (700, 300)
"""From the frame's origin: the plane's inverse is exact there and 1.3 mm to the south everywhere else."""
MM = 0.001
WEST = [(0, 0), (0, 500), (0, 1000)]
BRIDGE = [(0, 500), (400, 500)]
EAST = [(400, 0), (400, 500), (400, 1000)]
CUL_DE_SAC = [(0, 1000), (-200, 1000)]
T_JUNCTION = [(-300, 250), (0, 250)]
OVERPASS = [(-100, 700), (500, 700)]
TOWN = [WEST, BRIDGE, EAST, CUL_DE_SAC, T_JUNCTION, OVERPASS]
"""Two banks 400 m apart and one bridge; metres east and north."""


def degrees(xy):
    return FRAME.inverse(np.asarray(xy, float).reshape(-1, 2) + AWAY)


def network(streets) -> StreetNetwork:
    lines = np.array([shapely.LineString(degrees(street)) for street in streets], object)
    return StreetNetwork.from_lines(lines, FRAME)


def distances(streets, points, stations, **options):
    return distance_to_nearest_m(network(streets), degrees(points), degrees(stations), **options)


def distance(streets, point, station, **options) -> float:
    return float(distances(streets, [point], [station], **options)[0][0])


@pytest.mark.parametrize(
    ("point", "expected_m"),
    [
        ((-30, 100), 30 + 400 + 400 + 400 + 30),
        ((390, 300), 10 + 200 + 30),
        ((-300, 270), 20 + 300 + 250 + 400 + 400 + 30),
        ((-200, 1050), 50 + 200 + 500 + 400 + 400 + 30),
        ((400, 500), 400 + 30),
        ((430, 100), 30 + 30),
        ((200, 700), np.inf),
        ((-700, 0), np.inf),
    ],
    ids=["over the bridge", "along one segment", "from a T junction without a vertex", "out of a cul-de-sac",
         "at a vertex", "where the station stands", "on the overpass, which joins nothing", "471 m from any street"],
)  # fmt: skip
def test_distances_in_a_town_with_a_river_are_those_added_up_on_paper(point, expected_m):
    found, station = distances(TOWN, [point], [(430, 100)])
    assert found[0] == pytest.approx(expected_m, abs=0.01)
    assert station[0] == (0 if np.isfinite(expected_m) else -1)


def test_an_overpass_joins_where_it_has_a_vertex_in_common():
    slip_road = [(0, 0), (0, 700), (0, 1000)], [(-100, 700), (0, 700), (500, 700)]
    assert distance(slip_road, (200, 700), (0, 0)) == pytest.approx(900, abs=0.01)
    assert distance([WEST, OVERPASS], (200, 700), (0, 0)) == np.inf


@pytest.mark.parametrize(("gap_m", "joined"), [(0.04, True), (0.06, False)])
@pytest.mark.parametrize("street", [[(0, 0), (100, 0)], [(0, 0), (200, 0)]], ids=["end to vertex", "end to segment"])
def test_lines_join_over_five_centimetres_and_no_more(street, gap_m, joined):
    found = distance([street, [(100, gap_m), (100, 100)]], (0, 0), (100, 100))
    assert found == (pytest.approx(200, abs=0.01) if joined else np.inf)


@pytest.mark.parametrize(("off_m", "reached"), [(299.99, True), (300.01, False)])
def test_a_street_is_reached_from_300_metres_and_no_further(off_m, reached):
    assert np.isfinite(distance([WEST], (-off_m, 250), (0, 0))) == reached
    assert np.isfinite(distance([WEST], (0, 0), (-off_m, 250))) == reached


def test_exactly_at_the_limit_is_within():
    whole = distance(TOWN, (-30, 100), (430, 100))
    assert distance(TOWN, (-30, 100), (430, 100), limit_m=whole) == whole
    assert distance(TOWN, (-30, 100), (430, 100), limit_m=whole - MM) == np.inf


def test_a_street_drawn_twice_is_no_longer_and_no_shorter():
    assert distance([*TOWN, *TOWN, WEST[::-1]], (-30, 100), (430, 100)) == pytest.approx(1260, abs=0.01)


def test_of_stations_at_one_place_the_first_is_the_nearest():
    found, station = distances(TOWN, [(0, 100), (0, 500)], [(0, 900), (0, 500), (0, 500)])
    assert found == pytest.approx([400, 0], abs=0.01)
    assert station.tolist() == [1, 1]


def test_a_long_segment_that_is_straight_in_degrees_is_as_long_as_its_geodesic():
    line = shapely.LineString([(121.40, 31.10), (121.50, 31.10)])
    streets = StreetNetwork.from_lines(np.array([line], object), FRAME)
    found, _ = distance_to_nearest_m(streets, np.array([line.coords[0]]), np.array([line.coords[1]]))
    assert found[0] == pytest.approx(GEOD.inv(*line.coords[0], *line.coords[1])[2], abs=0.05)


def test_without_streets_stations_or_places_nothing_is_reached():
    nowhere = StreetNetwork.from_lines(np.array([None, shapely.LineString()], object), FRAME)
    here, none = degrees([(0, 0)]), np.empty((0, 2))
    for found, station in (
        distance_to_nearest_m(nowhere, here, here),
        distance_to_nearest_m(network(TOWN), here, none),
        distance_to_nearest_m(network(TOWN), np.array([[np.nan, np.nan]]), here),
    ):
        assert (found.tolist(), station.tolist()) == ([np.inf], [-1])
    assert len(distance_to_nearest_m(network(TOWN), none, here)[0]) == 0
    assert StationNetwork(nowhere, here).routes(CENTRE, 3) == []


def test_routes_are_the_nearest_stations_along_streets_with_their_detours():
    stations = StationNetwork(network(TOWN), degrees([(430, 100), (0, 900), (200, 700), (0, 150)]))
    point = tuple(degrees([(-30, 100)])[0])
    routes = stations.routes(point, 5)
    assert [r.station for r in routes] == [3, 1, 0]
    assert [r.network_m for r in routes] == pytest.approx([80, 830, 1260], abs=0.01)
    assert [r.straight_m for r in routes] == pytest.approx([np.hypot(30, 50), np.hypot(30, 800), 460], abs=0.01)
    assert routes[2].detour == pytest.approx(1260 / 460, abs=1e-4)
    assert stations.routes(point, 1) == routes[:1]


def test_a_place_off_the_streets_is_drawn_to_a_new_street_though_it_leads_nowhere():
    """Which is why the law that a new street never lengthens holds along streets only."""
    drive = [(-50, 100), (-50, 200)]
    assert distance([WEST], (-60, 150), (0, 0)) == pytest.approx(60 + 150, abs=0.01)
    assert distance([WEST, drive], (-60, 150), (0, 0)) == np.inf


IN_THE_PLANE_M = 0.003
"""Over 250 m, straight in the plane and straight in degrees are 0.7 mm apart."""

# --- an oracle: every pair by Floyd and Warshall, in the plane --------------------------------------------------------


def random_streets(rng: np.random.Generator) -> list[list[tuple[float, float]]]:
    """A bent grid of four by four crossings with some blocks missing, each block a line of its own."""
    node = {(i, j): np.array([i, j]) * 150 + rng.uniform(-40, 40, 2) for i in range(4) for j in range(4)}
    blocks = [(a, b) for a, b in itertools.combinations(node, 2) if abs(a[0] - b[0]) + abs(a[1] - b[1]) == 1]
    kept = [block for block in blocks if rng.random() < 0.7] or blocks[:1]
    return [[tuple(node[a]), tuple(node[b])] for a, b in kept]


def brute_force(streets, points, stations):
    """(points, stations) network distances: straight ways, feet and shortest paths, each by plain enumeration."""
    lines = [shapely.LineString(s) for s in streets]
    nodes = sorted({tuple(c) for s in streets for c in s})
    on_line = {k: [(0.0, nodes.index(tuple(s[0]))), (line.length, nodes.index(tuple(s[1])))]
               for k, (s, line) in enumerate(zip(streets, lines, strict=True))}  # fmt: skip
    places = [*points, *stations]
    off = []
    for i, place in enumerate(map(shapely.Point, places)):
        nearest = min(range(len(lines)), key=lambda k: lines[k].distance(place))
        off.append(lines[nearest].distance(place))
        on_line[nearest].append((lines[nearest].project(place), len(nodes) + i))
    n = len(nodes) + len(places)
    shortest = np.full((n, n), np.inf)
    np.fill_diagonal(shortest, 0)
    for stops in on_line.values():
        for (a, i), (b, j) in itertools.combinations(stops, 2):
            shortest[i, j] = shortest[j, i] = min(shortest[i, j], abs(a - b))
    for k in range(n):
        shortest = np.minimum(shortest, shortest[:, k, None] + shortest[k])
    p = len(nodes) + np.arange(len(points))
    s = len(nodes) + len(points) + np.arange(len(stations))
    return shortest[np.ix_(p, s)] + np.array(off)[: len(points), None] + np.array(off)[len(points) :]


def random_town(seed: int):
    rng = np.random.default_rng(seed)
    streets = random_streets(rng)
    return streets, rng.uniform(-60, 510, (12, 2)), rng.uniform(-60, 510, (int(rng.integers(1, 6)), 2))


@given(st.integers(0, 2**32))
@settings(max_examples=60)
def test_the_nearest_station_is_the_one_that_floyd_and_warshall_find(seed):
    streets, points, stations = random_town(seed)
    expected = brute_force(streets, points, stations)
    found, station = distances(streets, points, stations, max_snap_m=1000)
    np.testing.assert_allclose(found, expected.min(axis=1), atol=IN_THE_PLANE_M)
    reached = np.isfinite(found)
    chosen = expected[reached, station[reached]]
    np.testing.assert_allclose(chosen, expected[reached].min(axis=1), atol=IN_THE_PLANE_M)
    beside = StationNetwork(network(streets), degrees(stations), 1000)
    routes = beside.routes(tuple(degrees(points[:1])[0]), len(stations))
    np.testing.assert_allclose(
        [r.network_m for r in routes], np.sort(expected[0][np.isfinite(expected[0])]), atol=IN_THE_PLANE_M
    )


@given(st.integers(0, 2**32))
@settings(max_examples=40)
def test_no_way_along_streets_is_shorter_than_the_straight_one(seed):
    streets, points, stations = random_town(seed)
    found, station = distances(streets, points, stations)
    for point, metres, s in zip(degrees(points), found, station, strict=True):
        if s >= 0:
            assert metres >= GEOD.inv(*point, *degrees(stations)[s])[2] - MM


@given(st.integers(0, 2**32))
@settings(max_examples=40)
def test_more_stations_never_lengthen_a_way(seed):
    streets, points, stations = random_town(seed)
    found, _ = distances(streets, points, stations)
    fewer, _ = distances(streets, points, stations[:-1])
    assert (found <= fewer + MM).all()


@given(st.integers(0, 2**32))
@settings(max_examples=40)
def test_a_new_street_never_lengthens_a_way_along_streets(seed):
    """Between corners and places half way along blocks: at a vertex no other street is as near."""
    blocks, _, _ = random_town(seed)
    rng = np.random.default_rng(seed)
    streets = [[a, tuple(np.mean([a, b], axis=0)), b] for a, b in blocks]
    corners = sorted({corner for street in streets for corner in street})
    new = [corners[i] for i in rng.choice(len(corners), 2, replace=False)]
    places = [corners[i] for i in rng.integers(0, len(corners), 13)]
    before, _ = distances(streets, places[:10], places[10:])
    after, _ = distances([*streets, new], places[:10], places[10:])
    assert (after <= before + MM).all()


@given(st.integers(0, 2**32))
@settings(max_examples=20)
def test_the_order_and_direction_of_the_lines_do_not_matter(seed):
    streets, points, stations = random_town(seed)
    rng = np.random.default_rng(seed)
    shuffled = [streets[i][:: rng.choice([-1, 1])] for i in rng.permutation(len(streets))]
    np.testing.assert_allclose(
        distances(shuffled, points, stations)[0], distances(streets, points, stations)[0], atol=MM
    )
