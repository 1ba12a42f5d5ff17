"""OpenStreetMap extracts as XML and as PBF: points, lines, areas with holes, and what an extract cuts in two."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import osmium
import pytest
import shapely

from twin.errors import InvalidInput
from twin.readers import read_table
from twin.readers.osm import MAX_TAG_COLUMNS

CORNERS = {
    1: (0, 0),
    2: (10, 0),
    3: (10, 10),
    4: (0, 10),
    5: (2, 2),
    6: (4, 2),
    7: (4, 4),
    8: (20, 0),
    9: (22, 0),
    10: (22, 2),
}
NODES = "".join(f'<node id="{i}" version="1" lat="{y}" lon="{x}"/>' for i, (x, y) in CORNERS.items())


def tagged(**tags: str) -> str:
    return "".join(f'<tag k="{key.replace("__", ":")}" v="{value}"/>' for key, value in tags.items())


def way(id_: int, *refs: int, **tags: str) -> str:
    nodes = "".join(f'<nd ref="{ref}"/>' for ref in refs)
    return f'<way id="{id_}" version="2" timestamp="2024-05-01T00:00:00Z">{nodes}{tagged(**tags)}</way>'


def relation(id_: int, *members: tuple[str, int], **tags: str) -> str:
    listed = "".join(f'<member type="way" ref="{ref}" role="{role}"/>' for role, ref in members)
    return f'<relation id="{id_}" version="3">{listed}{tagged(**tags)}</relation>'


def osm(*parts: str) -> bytes:
    return f'<?xml version="1.0" encoding="UTF-8"?><osm version="0.6">{NODES}{"".join(parts)}</osm>'.encode()


def pbf(content: bytes, folder: Path) -> bytes:
    path = folder / "a.osm.pbf"
    with osmium.SimpleWriter(str(path)) as writer:
        for thing in osmium.FileProcessor(osmium.io.FileBuffer(content, "osm")):
            writer.add(thing)
    return path.read_bytes()


CITY = osm(
    f'<node id="100" version="4" timestamp="2024-05-01T08:00:00Z" lat="31.19" lon="121.32">'
    f'{tagged(amenity="charging_station", name="虹桥")}</node>',
    f'<node id="101" lat="31" lon="121">{tagged(man_made="surveillance")}</node>',
    f'<node id="102" lat="31" lon="121">{tagged(highway="traffic_signals")}</node>',
    way(10, 1, 2, 3, boundary="administrative"), way(11, 3, 4, 1), way(12, 5, 6, 7, 5, landuse="grass"),
    way(13, 8, 9, 10, 8, building="yes", amenity="charging_station"), way(14, 1, 2, highway="primary", name="沪闵路"),
    way(15, 8, 9, 10, building="yes"), way(16, 1, 99, highway="service"), way(17, 8, 9, 10, 8, highway="x", area="yes"),
    way(18, 8, 9, 10, 8, highway="service"),
    relation(20, ("outer", 10), ("outer", 11), ("inner", 12), type="boundary", boundary="administrative", name="区"),
    relation(21, ("outer", 10), ("outer", 77), type="boundary", boundary="administrative", name="邻区"),
    relation(22, ("outer", 10), ("outer", 11), ("inner", 12), type="multipolygon", natural="water"),
)  # fmt: skip


@pytest.fixture(params=["osm", "osm.pbf"])
def city(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[bytes, str]:
    return (CITY if request.param == "osm" else pbf(CITY, tmp_path)), f"city.{request.param}"


def ids(table: Any) -> list[str]:
    return table.columns["@id"].tolist()


def test_chargers_are_nodes_and_points_within_areas(city: tuple[bytes, str]) -> None:
    table = read_table(*city, layer="chargers")
    assert ids(table) == ["node/100", "way/13"]
    assert table.columns.iloc[0].to_dict() == {
        "@id": "node/100", "@type": "node", "@version": 4, "@timestamp": "2024-05-01T08:00:00+00:00",
        "amenity": "charging_station", "name": "虹桥", "building": "",
    }  # fmt: skip
    assert table.geometry is not None
    assert table.geometry[0] == shapely.Point(121.32, 31.19)
    assert shapely.Polygon([CORNERS[i] for i in (8, 9, 10)]).contains(table.geometry[1])
    assert (table.declared_frame, table.metadata["licence"]) == ("wgs84", "© OpenStreetMap contributors, ODbL 1.0")
    assert table.warnings == ()
    assert list(table.columns.index) == [1, 2]


def test_cameras_are_surveillance(city: tuple[bytes, str]) -> None:
    assert ids(read_table(*city, layer="cameras")) == ["node/101"]


def test_boundaries_are_assembled_with_their_holes_and_incomplete_ones_are_told(city: tuple[bytes, str]) -> None:
    table = read_table(*city, layer="areas")
    assert ids(table) == ["relation/20"]
    expected = shapely.Polygon([CORNERS[i] for i in (1, 2, 3, 4)], [[CORNERS[i] for i in (5, 6, 7)]])
    assert table.geometry is not None
    assert table.geometry[0].equals(expected)
    assert [w.en for w in table.warnings] == [
        "1 objects were not taken, whose members are missing or do not close (often cut by the extract): relation/21"
    ]


def test_roads_are_lines_and_what_is_none_is_told(city: tuple[bytes, str]) -> None:
    table = read_table(*city, layer="roads")
    assert ids(table) == ["way/14", "way/18"]
    assert table.geometry is not None
    assert table.geometry[0].equals(shapely.LineString([CORNERS[1], CORNERS[2]]))
    assert [w.en.rpartition(": ")[2] for w in table.warnings] == ["way/17", "way/16"]


def test_buildings_are_closed_ways_and_open_ones_are_told(city: tuple[bytes, str]) -> None:
    table = read_table(*city, layer="buildings")
    assert ids(table) == ["way/13"]
    assert table.geometry is not None
    assert table.geometry[0].equals(shapely.Polygon([CORNERS[i] for i in (8, 9, 10)]))
    assert [w.zh for w in table.warnings] == ["1 个对象未读入，不是面（线未闭合）：way/15"]


def test_water_and_land_use_have_tags_of_their_own(city: tuple[bytes, str]) -> None:
    assert ids(read_table(*city, layer="water")) == ["relation/22"]
    assert ids(read_table(*city, layer="land_use")) == ["way/12"]


def test_a_way_that_is_the_outline_of_a_relation_is_no_area_of_its_own() -> None:
    ring = way(30, 1, 2, 3, 4, 1, boundary="administrative")
    whole = relation(31, ("outer", 30), type="boundary", boundary="administrative")
    assert ids(read_table(osm(ring, whole), "a.osm", layer="areas")) == ["relation/31"]


def test_an_area_within_anothers_hole_is_kept() -> None:
    parts = [
        way(30, 1, 2, 3, 4, 1), way(31, 5, 6, 7, 5, landuse="grass"),
        relation(32, ("outer", 30), ("inner", 31), type="multipolygon", landuse="forest"),
    ]  # fmt: skip
    assert sorted(ids(read_table(osm(*parts), "a.osm", layer="land_use"))) == ["relation/32", "way/31"]


def test_a_site_relation_is_told_and_its_members_stay() -> None:
    parts = [
        way(30, 1, 2, 3, 4, 1, amenity="charging_station"),
        relation(31, ("", 30), type="site", amenity="charging_station"),
    ]
    table = read_table(osm(*parts), "a.osm", layer="chargers")
    assert ids(table) == ["way/30"]
    assert "relation/31" in table.warnings[0].en


def test_a_ring_that_crosses_itself_is_told() -> None:
    parts = [way(30, 1, 2, 1, building="yes"), way(31, 1, 2, 3, 4, 1, building="yes")]
    table = read_table(osm(*parts), "a.osm", layer="buildings")
    assert ids(table) == ["way/31"]
    assert "way/30" in table.warnings[0].en


def test_tags_beyond_the_limit_are_kept_together() -> None:
    many = {f"k{i}": "v" for i in range(MAX_TAG_COLUMNS + 5)}
    table = read_table(osm(way(30, 1, 2, highway="x", **many), way(31, 1, 2, highway="y")), "a.osm", layer="roads")
    tags = json.loads(table.columns["@tags"].iloc[0])
    assert len(tags) == 6
    assert table.columns["@tags"].iloc[1] == ""
    assert set(tags).isdisjoint(table.columns.columns)
    assert "highway" in table.columns.columns


@pytest.mark.parametrize("layer", [None, "candidates"])
def test_a_layer_must_be_named(layer: str | None) -> None:
    with pytest.raises(InvalidInput, match="name one of chargers, cameras, areas, roads, buildings, water, land_use"):
        read_table(CITY, "a.osm", layer=layer)


def test_a_file_without_the_layers_things_says_so_and_why() -> None:
    with pytest.raises(InvalidInput, match=r"nothing for the layer buildings: 1 objects .* way/30"):
        read_table(osm(way(30, 1, 2, building="yes")), "a.osm", layer="buildings")


@pytest.mark.parametrize("content", [b"x" * 99, b"<osm>", CITY[:400], b"\0\0\0\x0d\x0a\x09OSMHeader"])
@pytest.mark.parametrize("name", ["a.osm", "a.pbf"])
def test_what_is_no_osm_file_is_said_in_words(content: bytes, name: str) -> None:
    with pytest.raises(InvalidInput, match="not a readable OSM file"):
        read_table(content, name, layer="roads")
