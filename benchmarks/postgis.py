"""PostGIS on the same plane: cells, zones and stations in tables with GiST indexes, one statement for the served areas."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Any, LiteralString

import numpy as np
import psycopg
import shapely
from numpy.typing import NDArray

from benchmarks.contestants import QUAD_SEGS, CellAreas
from benchmarks.scene import ServiceScene

TABLES = """
    drop table if exists zone, fragment, station;
    create table zone (id int primary key, radius_m float8, geom geometry(MultiPolygon));
    create table fragment (id int primary key, cell int, zone int, geom geometry);
    create table station (id int primary key, lng float8, lat float8, geom geometry(Point));
"""
INDEXES = """
    create index on fragment using gist (geom);
    create index on station using gist (geom);
    create index on fragment (zone);
"""

UNION_IN_PIECES: LiteralString = """
    with disc as (
        select z.id as zone, st_buffer(s.geom, z.radius_m, 'quad_segs=' || %(quad_segs)s) as geom
        from zone z join station s on st_dwithin(s.geom, z.geom, z.radius_m)
    ), piece as materialized (
        select zone, st_subdivide(st_union(geom), 32) as geom from disc group by zone
    )
    select f.cell, sum(case when st_covers(p.geom, f.geom) then st_area(f.geom)
                            else st_area(st_intersection(f.geom, p.geom)) end)
    from piece p join fragment f on f.zone = p.zone and st_intersects(p.geom, f.geom)
    group by f.cell
"""
"""The union of each zone's discs cut into small pieces: the spatial index and prepared geometries then carry it."""

UNION_PER_CELL: LiteralString = """
    select f.cell, sum(case
        when exists (select from station s where st_dwithin(s.geom, st_centroid(f.geom), z.radius_m)
                     and st_maxdistance(s.geom, f.geom) <= z.radius_m * cos(pi() / (4 * %(quad_segs)s)))
        then st_area(f.geom)
        else (select st_area(st_intersection(f.geom, st_union(st_buffer(s.geom, z.radius_m, 'quad_segs=' || %(quad_segs)s))))
              from station s where st_dwithin(s.geom, f.geom, z.radius_m)) end)
    from fragment f join zone z on z.id = f.zone
    group by f.cell
"""
"""No union of the whole: each cell that no single disc covers takes the few discs near it."""


def load(connection: psycopg.Connection[Any], scene: ServiceScene) -> None:
    """Fill the tables with a scene and bring their statistics up to date."""
    connection.execute(TABLES)
    shapes = [shapely.multipolygons(shapely.get_parts(zone.shape)) for zone in scene.zones]
    radii = [zone.radius_m for zone in scene.zones]
    _copy(connection, "copy zone from stdin", enumerate_rows(radii, _wkb(shapes)))
    fragments = scene.fragments
    rows = enumerate_rows(fragments.cell.tolist(), fragments.zone.tolist(), _wkb(fragments.polygons))
    _copy(connection, "copy fragment from stdin", rows)
    points = _wkb(shapely.points(scene.station_xy))
    _copy(connection, "copy station from stdin", enumerate_rows(*scene.stations.T.tolist(), points))
    connection.execute(INDEXES)
    connection.execute("analyze")


def served_m2(
    connection: psycopg.Connection[Any], statement: LiteralString, quad_segs: int, n_cells: int
) -> NDArray[np.float64]:
    """(c,) served square metres of each cell, by one of the statements."""
    rows = connection.execute(statement, {"quad_segs": quad_segs}, binary=True).fetchall()
    served = np.zeros(n_cells)
    for cell, area in rows:
        served[cell] = area or 0.0
    return served


def fastest(connection: psycopg.Connection[Any], scene: ServiceScene) -> CellAreas:
    """Load the scene, try both statements twice, and keep the faster."""
    load(connection, scene)

    def runner(statement: LiteralString) -> CellAreas:
        return lambda: served_m2(connection, statement, QUAD_SEGS, len(scene.fragments.cells))

    return min((runner(statement) for statement in (UNION_IN_PIECES, UNION_PER_CELL)), key=_seconds_of_second_run)


def _seconds_of_second_run(run: Callable[[], object]) -> float:
    run()
    begin = time.perf_counter()
    run()
    return time.perf_counter() - begin


def enumerate_rows(*columns: Iterable[object]) -> Iterable[tuple[object, ...]]:
    return ((i, *row) for i, row in enumerate(zip(*columns, strict=True)))


def _wkb(geometries: object) -> list[str]:
    return list(shapely.to_wkb(geometries, hex=True))


def _copy(connection: psycopg.Connection[Any], statement: LiteralString, rows: Iterable[tuple[object, ...]]) -> None:
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        for row in rows:
            copy.write_row(row)
