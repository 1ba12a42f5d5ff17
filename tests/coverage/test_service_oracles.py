"""Served areas against oracles that share no arithmetic with the kernel: geodesic discs, and PostGIS."""

from __future__ import annotations

import numpy as np
import psycopg
import pytest

from benchmarks import postgis as postgis_peer
from benchmarks.geodesic import truth
from benchmarks.scene import ServiceScene, district_scene, seeded_stations
from tests.world import PLAN, area, charger, district, snapshot, square
from twin.coverage import RULES
from twin.coverage.charger_service import ChargerService
from twin.coverage.result import Scene
from twin.coverage.scope import Scope
from twin.model import Snapshot

TOTAL_TOLERANCE = 2e-6
CELL_TOLERANCE = 1e-5


def small_scene() -> ServiceScene:
    """25 km² with the ring through it, and 14 stations that serve some of it."""
    areas = snapshot(district(2500, square(1500, (121.38, 31.09)))).areas
    scope = Scope(areas["310112"])
    return ServiceScene(scope, areas["outer-ring"], seeded_stations(scope, 14, seed=3))


def evaluate(scene: ServiceScene) -> ChargerService:
    """The rule on the scene's stations."""
    clause, rule = PLAN.clause("charger-service"), RULES["charger-service"]
    evaluation = rule.evaluate(Scene(world_of(scene), scene.scope, clause), rule.read(clause.parameters))
    assert isinstance(evaluation, ChargerService)
    return evaluation


def world_of(scene: ServiceScene) -> Snapshot:
    areas = [area(a.code, a.level, a.geometry) for a in (scene.scope.area, scene.ring)]
    return snapshot([*areas, *(charger(f"c{i:04d}", (x, y)) for i, (x, y) in enumerate(scene.stations.tolist()))])


def served_by_rule(scene: ServiceScene) -> tuple[float, np.ndarray]:
    """Square metres: of the whole, and of each of the scene's cells."""
    evaluation = evaluate(scene)
    table = evaluation.cells(scene.resolution)
    np.testing.assert_array_equal(table.cells, scene.fragments.cells)
    return (scene.scope.shape.area - evaluation.open_km2 * 1e6), table.share * table.area_km2 * 1e6


def assert_agrees(scene: ServiceScene, expected_m2: np.ndarray, total: float, cell: float) -> None:
    """The rule's areas are those expected, (c,), to a share of the whole and to a share of a whole cell."""
    total_m2, cell_m2 = served_by_rule(scene)
    crossed = (expected_m2 > 0) & (expected_m2 < scene.fragments.cell_area_m2 * (1 - 1e-9))
    assert crossed.sum() > 20, "a scene that is served in whole cells proves little"
    assert total_m2 == pytest.approx(expected_m2.sum(), rel=total)
    assert cell_m2.sum() == pytest.approx(total_m2, rel=1e-9)
    assert np.abs(cell_m2 - expected_m2).max() <= cell * scene.fragments.cell_area_m2.max()


def test_areas_are_those_of_geodesic_discs():
    scene = small_scene()
    assert_agrees(scene, truth(scene).cell_m2, TOTAL_TOLERANCE, CELL_TOLERANCE)


@pytest.mark.slow
@pytest.mark.parametrize("n_stations", [600, 3000])
def test_areas_of_the_district_are_those_of_geodesic_discs(n_stations):
    scene = district_scene(n_stations)
    assert_agrees(scene, truth(scene).cell_m2, TOTAL_TOLERANCE, CELL_TOLERANCE)


@pytest.mark.postgis
def test_areas_are_those_of_postgis(postgis):
    """On the same plane, discs with 2,048 corners: 1.8 mm within the circle, 1.6e-6 less than its area."""
    scene = small_scene()
    with psycopg.connect(postgis, autocommit=True) as connection:
        postgis_peer.load(connection, scene)
        for statement in (postgis_peer.UNION_IN_PIECES, postgis_peer.UNION_PER_CELL):
            expected_m2 = postgis_peer.served_m2(connection, statement, 512, len(scene.fragments.cells))
            assert_agrees(scene, expected_m2, TOTAL_TOLERANCE, 3e-5)


@pytest.mark.postgis
def test_points_are_served_where_postgis_finds_a_station_on_the_ellipsoid(postgis):
    scene = small_scene()
    rng = np.random.default_rng(4)
    west, south, east, north = scene.scope.area.geometry.bounds
    points = rng.uniform((west, south), (east, north), (1000, 2))
    with psycopg.connect(postgis, autocommit=True) as connection:
        postgis_peer.load(connection, scene)
        expected = np.array([point_is_served(connection, scene, *point) for point in points.tolist()])
    assert 100 < expected.sum() < 900
    np.testing.assert_array_equal(evaluate(scene).is_served(points), expected)


def point_is_served(connection: psycopg.Connection, scene: ServiceScene, lng: float, lat: float) -> bool:
    statement = """
        select exists (
            select from station s
            where st_dwithin(st_makepoint(s.lng, s.lat)::geography, st_makepoint(%(lng)s, %(lat)s)::geography,
                  case when st_covers(st_geomfromwkb(%(ring)s), st_makepoint(%(lng)s, %(lat)s)) then 900 else 1500 end))
    """
    asked = {"lng": lng, "lat": lat, "ring": scene.ring.geometry.wkb}
    return bool(connection.execute(statement, asked).fetchone()[0])
