"""The same cameras for all: the reference twin, from which they are copied into PostGIS with all their attributes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import psycopg

from benchmarks.serving.servers import CHECKOUT


def write_reference_twin(data: Path) -> None:
    """Into a store of its own, and baked, as the first start would do it."""
    run_twin(data, "demo")
    run_twin(data, "bake")


def copy_to_postgis(data: Path, address: str, scratch: Path) -> int:
    """Write the cameras into ``public.cameras``, indexed and analysed; how many there are."""
    file, place = scratch / "cameras.gpkg", urlsplit(address)
    run_twin(data, "export", "cameras", "-o", str(file))
    target = f"PG:host={place.hostname} port={place.port} user={place.username} dbname={place.path[1:]}"
    options = [
        "-nln",
        "public.cameras",
        "-lco",
        "GEOMETRY_NAME=geom",
        "-lco",
        "FID=fid",
        "-lco",
        "SPATIAL_INDEX=GIST",
        "-overwrite",
    ]
    command = ["ogr2ogr", "-f", "PostgreSQL", target, str(file), "cameras", *options]
    subprocess.run(command, check=True, stderr=subprocess.DEVNULL)  # noqa: S603
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute("vacuum analyze public.cameras")
        row = connection.execute("select count(*) from public.cameras").fetchone()
        assert row is not None
        return int(row[0])


def tiles_with_points(address: str, z: int) -> list[tuple[int, int, int]]:
    """All tiles of a zoom that have a camera, as PostGIS finds them."""
    query = (
        "select distinct floor((st_x(geom) + 180) / 360 * (1 << %(z)s))::int, "
        "floor((1 - ln(tan(radians(st_y(geom))) + 1 / cos(radians(st_y(geom)))) / pi()) / 2 * (1 << %(z)s))::int "
        "from public.cameras order by 1, 2"
    )
    with psycopg.connect(address) as connection:
        return [(z, x, y) for x, y in connection.execute(query, {"z": z}).fetchall()]


def attributes_of(address: str) -> int:
    """How many attributes a camera has, its place apart."""
    query = "select count(*) from information_schema.columns where table_name = 'cameras' and column_name not in ('fid', 'geom')"
    with psycopg.connect(address) as connection:
        row = connection.execute(query).fetchone()
        assert row is not None
        return int(row[0])


def run_twin(data: Path, *words: str) -> str:
    environment = {**os.environ, "TWIN_DATA": str(data)}
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-m", "twin", *words],
        env=environment,
        cwd=CHECKOUT,
        check=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    return done.stdout.decode()
