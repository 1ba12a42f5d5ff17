"""The profiles of OpenStreetMap that ship: tags of points, roads and areas."""

from __future__ import annotations

from typing import Any

import pytest

from tests.layers.profiled import Read, read, tagged
from twin.layers import LAYERS


def test_osm_chargers() -> None:
    got = read(
        tagged({"amenity": "charging_station", "name": "站", "operator": "甲", "capacity": "6", "access": "yes", "phone": "1",
                "charging_station:output": "120 kW", "socket:type2": "4"},
               {"capacity": "many", "access": "customers"}, {"access": "private"}, {}), "chargers",
    )  # fmt: skip
    assert [r.attributes["station_type"] for r in got.records] == ["public", "other", "private", "unknown"]
    assert [r.attributes["n_connectors"] for r in got.records] == [6, None, None, None]
    first = got.records[0]
    assert (first.key, first.owner, first.attributes["max_power_kw"]) == ("node/1", "甲", 120.0)
    assert first.attributes["extra"]["socket:type2"] == "4"
    assert got.mapping.dropped == ("phone",)


def test_osm_cameras() -> None:
    got = read(
        tagged({"camera:type": "fixed", "camera:direction": "NNE", "surveillance": "outdoor", "surveillance:type": "camera"},
               {"camera:type": "panning", "direction": "135", "surveillance": "indoor"},
               {"camera:type": "dome", "camera:direction": "45-90", "surveillance": "public"},
               {"surveillance:type": "guard"}), "cameras",
    )  # fmt: skip
    assert [r.attributes["camera_type"] for r in got.records] == ["fixed", "remote", "dome"]
    assert [r.attributes["azimuth_deg"] for r in got.records] == [22.5, 135.0, None]
    assert [r.attributes["indoor"] for r in got.records] == [False, True, None]
    assert got.checked.unknown_codes == {"azimuth_deg": {"45-90": 1}}
    assert "未取 1 行" in got.said


@pytest.mark.parametrize(
    ("word", "degrees"),
    [*zip("N NNE NE ENE E ESE SE SSE S SSW SW WSW W WNW NW NNW".split(), (22.5 * i for i in range(16)), strict=True)],
)
def test_points_of_the_compass(word: str, degrees: float) -> None:
    assert read(tagged({"direction": word}), "cameras").records[0].attributes["azimuth_deg"] == degrees


def shaped(*rows: dict[str, Any], layer: str) -> Read:
    """Rows of OpenStreetMap with squares or lines in place of points."""
    import dataclasses

    import numpy as np
    import shapely

    table = tagged(*rows)
    shape = (
        shapely.LineString([(121, 31), (121.1, 31)])
        if LAYERS[layer].geometry == "line"
        else shapely.box(121, 31, 121.1, 31.1)
    )
    return read(dataclasses.replace(table, geometry=np.array([shape] * len(rows), object)), layer)


def test_osm_areas() -> None:
    got = shaped(
        {"admin_level": "6", "name": "闵行区", "name:en": "Minhang", "ref": "310112"}, {"admin_level": "8", "name": "七宝镇"},
        {"admin_level": "4", "name": "上海市"}, {"admin_level": "10"}, {"admin_level": "2"}, {"admin_level": ""}, layer="areas",
    )  # fmt: skip
    assert [(r.key, r.attributes["level"]) for r in got.records] == [
        ("310112", "district"), ("node/2", "town"), ("node/3", "city"), ("node/4", "grid"),
    ]  # fmt: skip
    assert got.records[0].attributes["name_en"] == "Minhang"
    assert "未取 2 行" in got.said


def test_osm_roads_buildings_water_and_land_use() -> None:
    roads = shaped({"highway": "trunk_link", "width": "7.5 m"}, {"highway": "footway", "width": "wide"}, layer="roads")
    assert [(r.attributes["road_class"], r.attributes["width_m"]) for r in roads.records] == [
        ("expressway", 7.5), ("unknown", None),
    ]  # fmt: skip
    assert roads.checked.unknown_codes == {"road_class": {"footway": 1}}
    houses = shaped({"building": "yes", "height": "12 m"}, {"building": "apartments"}, layer="buildings")
    assert [(r.attributes["use"], r.attributes["height_m"]) for r in houses.records] == [
        ("unknown", 12.0), ("residential", None),
    ]  # fmt: skip
    assert houses.checked.unknown_codes == {}
    assert shaped({"natural": "water", "name": "淀浦河"}, layer="water").records[0].name == "淀浦河"
    land = shaped({"landuse": "retail"}, {"landuse": "farmland"}, layer="land_use")
    assert [r.attributes["use"] for r in land.records] == ["commercial", "other"]
