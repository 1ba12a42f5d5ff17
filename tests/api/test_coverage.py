"""Results on the wire: the contract's fields, known answers, and what is said when there is nothing."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from pyproj import Geod
from shapely.geometry import shape

from tests.api.conftest import EAST, N_LOCATED, NORTH, SOUTH, WEST, Client
from tests.world import PLAN
from twin import __version__
from twin.layers.areas import LEVELS

GEOD = Geod(ellps="WGS84")
RESULT = (
    "rule clause strength binding value target met unit spatial_unit share denominator status area scenario as_of known_at "
    "nominal effective n_unknown by_state parameters frame snapshot version labels synthetic schematic"
).split()
GAP = (
    "area_km2 zone limit_m deepest_lnglat nearest nearest_distance_m missing_m n_missing demand areas id rank"
).split()
AREA_ROW = "code name level value target met share shortfall area_km2 area_km2_published".split()


def district_km2() -> float:
    ring = [(WEST, SOUTH), (EAST, SOUTH), (EAST, NORTH), (WEST, NORTH)]
    m2, _ = GEOD.polygon_area_perimeter(*zip(*dense(ring), strict=True))
    return float(m2) / 1e6


def dense(ring: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Edges that follow the parallel, as straight lines in degrees do."""
    corners = np.array([*ring, ring[0]])
    return [(float(x), float(y)) for a, b in pairwise(corners) for x, y in np.linspace(a, b, 50)[:-1]]


def test_coverage_lists_every_clause_of_the_plan_with_all_fields(client: Client, empty: Client) -> None:
    for c in (client, empty):
        results = c.get("/coverage").json()["results"]
        assert [r["clause"]["id"] for r in results] == [c.id for c in PLAN.clauses]
        for result in results:
            assert set(RESULT) <= set(result), result["rule"]
            assert result["clause"]["quote"]
            assert result["clause"]["document"]["citation"]


def test_what_cannot_be_judged_is_listed_as_no_data(client: Client, empty: Client) -> None:
    here = {r["rule"]: r for r in client.get("/coverage").json()["results"]}
    assert (here["vital-signs"]["status"], here["vital-signs"]["value"]) == ("no-data", None)
    assert here["sensor-count"]["missing_layers"] == ["sensors"]
    nothing = {r["rule"]: r for r in empty.get("/coverage").json()["results"]}
    assert {r["status"] for r in nothing.values()} == {"no-data"}
    assert "310112" in nothing["charger-service"]["reason"]["zh"]


def test_one_result_has_the_figures_that_can_be_checked_by_hand(client: Client) -> None:
    answer = client.get("/coverage/camera-density")
    result = answer.json()
    assert answer.headers["content-type"] == "application/json"
    assert result["area_km2"] == pytest.approx(district_km2(), rel=1e-5)
    assert result["value"] == pytest.approx((N_LOCATED + 1) / district_km2(), rel=1e-5)
    assert (result["target"], result["met"], result["unit"], result["operator"]) == (180, False, "个/km²", "at-least")
    assert (result["strength"], result["strength_words"]["zh"]) == ("aspired", "争取目标")
    assert (result["area"], result["area_name"], result["binding"], result["scenario"]) == (
        "310112",
        "方区",
        True,
        "baseline",
    )
    assert (result["version"], result["frame"][:9]) == (__version__, "EPSG:4326")
    assert (result["synthetic"], result["schematic"]) == (True, True)
    assert {"id": "synthetic", "zh": "模拟数据，不代表实际情况", "en": "Synthetic data, not real"} in result["labels"]
    assert result["as_of"] == "2025-12-31T04:00:00Z"


def test_the_list_and_the_single_result_agree(client: Client) -> None:
    for result in client.get("/coverage").json()["results"]:
        single = client.get(f"/coverage/{result['rule']}")
        if result["rule"] == "lifecycle":  # binds the CBD, which this world has not: nothing else is judged instead
            assert (single.status_code, result["status"], result["value"]) == (422, "no-data", None)
        else:
            assert single.json() == result


def test_an_area_outside_what_the_clause_binds_is_not_binding(client: Client) -> None:
    body = client.get("/coverage/charger-service?area=outer-ring").json()
    assert (body["area"], body["binding"]) == ("outer-ring", False)
    assert "reference" in {label["id"] for label in body["labels"]}
    assert {r["area"] for r in client.get("/coverage?area=310112101").json()["results"]} == {"310112101"}


@pytest.mark.parametrize(
    ("query", "served"),
    [
        ("radius_m=20000&zones=[]", True),
        ('radius_m=20000&zones=[{"code":"outer-ring","radius_m":20000}]', True),
        ("min_connectors=100", False),
        ("states=planned,operating", False),
        ("states=planned&states=operating&public_only=false", False),
    ],
)
def test_a_rules_parameters_may_be_given_in_the_query(client: Client, query: str, served: bool) -> None:
    body = client.get(f"/coverage/charger-service?{query}").json()
    assert body["met"] is served
    if "states" in query:
        assert body["parameters"]["states"] == ["planned", "operating"]


def test_areas_have_one_row_each(client: Client) -> None:
    body = client.get("/coverage/camera-density/areas").json()
    assert [row["code"] for row in body["rows"]] == ["310112101", "310112102"]
    assert set(AREA_ROW) <= set(body["rows"][0])
    # rows 0, 1, 2 of cameras (31.004 to 31.016) lie in the south, and the first has two devices
    assert body["rows"][0]["value"] * body["rows"][0]["area_km2"] == pytest.approx(25)
    assert body["rows"][1]["value"] * body["rows"][1]["area_km2"] == pytest.approx(24)
    assert (body["clause"], body["level"], body["area"]) == ("camera-density", "town", "310112")


def test_every_level_can_be_asked_for(client: Client) -> None:
    for level in LEVELS:
        assert client.get("/coverage/charger-service/areas", params={"level": level}).status_code == 200
    assert client.get("/coverage/charger-service/areas?level=village").status_code == 400


def test_gaps_are_features_with_all_fields_and_their_provenance(client: Client) -> None:
    answer = client.get("/coverage/charger-service/gaps")
    body = answer.json()
    assert answer.headers["content-type"] == "application/geo+json"
    assert (body["type"], body["rule"], body["clause"], body["area"]) == (
        "FeatureCollection",
        "charger-service",
        "charger-service",
        "310112",
    )
    assert body["snapshot"]
    assert body["labels"]
    areas = [f["properties"]["area_km2"] for f in body["features"]]
    assert areas == sorted(areas, reverse=True)
    assert [f["properties"]["rank"] for f in body["features"]] == list(range(1, len(areas) + 1))
    assert body["open_km2"] == pytest.approx(sum(areas))
    share = client.get("/coverage/charger-service").json()["share"]
    assert body["open_km2"] == pytest.approx((1 - share) * district_km2(), rel=1e-4)
    first = body["features"][0]
    assert set(GAP) <= set(first["properties"])
    assert first["id"] == first["properties"]["id"]
    assert {"code", "name", "area_km2"} == set(first["properties"]["areas"][0])
    assert shape(first["geometry"]).is_valid


def test_gaps_can_be_chosen_by_size_box_and_number_and_keep_their_rank(client: Client) -> None:
    every = client.get("/coverage/charger-service/gaps").json()
    smallest = every["features"][-1]["properties"]
    assert every["numberMatched"] > 1
    few = client.get("/coverage/charger-service/gaps", params={"min_area_km2": smallest["area_km2"] * 1.001}).json()
    assert few["numberMatched"] == every["numberMatched"] - 1
    assert few["open_km2"] == every["open_km2"]
    lng, lat = smallest["deepest_lnglat"]
    here = client.get("/coverage/charger-service/gaps", params={"bbox": f"{lng},{lat},{lng},{lat}"}).json()
    assert [f["properties"]["rank"] for f in here["features"]] == [smallest["rank"]]
    one = client.get("/coverage/charger-service/gaps?limit=1").json()
    assert (one["numberReturned"], one["numberMatched"]) == (1, every["numberMatched"])


def test_counts_have_no_gaps(client: Client) -> None:
    assert client.get("/coverage/camera-count/gaps").json()["features"] == []


@pytest.mark.parametrize("rule", ["charger-service", "camera-density", "camera-count", "lifecycle", "net-home"])
def test_cells_come_as_columns_and_as_features(client: Client, rule: str) -> None:
    body = client.get(f"/coverage/{rule}/cells?resolution=8&area=310112").json()
    columns = [body[name] for name in ("cells", "value", "share", "status", "area_km2", "n")]
    assert len({len(column) for column in columns}) == 1
    assert (body["resolution"], body["rule"]) == (8, rule)
    features = client.get(f"/coverage/{rule}/cells?resolution=8&area=310112&f=geojson").json()["features"]
    assert [f["properties"]["cell"] for f in features] == body["cells"]
    assert [f["properties"]["value"] for f in features] == body["value"]
    if body["cells"]:
        assert sum(body["area_km2"]) == pytest.approx(district_km2(), rel=1e-4)
        assert shape(features[0]["geometry"]).geom_type == "Polygon"


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("resolution=4", "5 to 12"),
        ("resolution=13", "5 to 12"),
        ("resolution=x", "integer"),
        ("f=parquet", "'geojson' or 'arrow'"),
    ],
)
def test_cells_refuse_what_they_do_not_have(client: Client, query: str, said: str) -> None:
    answer = client.get(f"/coverage/charger-service/cells?{query}")
    assert answer.status_code == 400
    assert said in answer.json()["detail"]


def test_a_point_is_explained_with_distances_that_can_be_checked(client: Client) -> None:
    body = client.get("/coverage/charger-service/at?lng=121.28&lat=31.02").json()
    _, _, metres = GEOD.inv(121.28, 31.02, 121.28, 31.01)
    assert (body["served"], body["inside"], body["zone"], body["limit_m"]) == (True, True, "elsewhere", 1500)
    assert body["nearest"][0]["key"] == "west"
    assert body["nearest"][0]["distance_m"] == pytest.approx(metres, abs=0.01)
    assert body["nearest"][0]["bearing_deg"] == pytest.approx(180)
    assert (body["nearest"][0]["lng"], body["nearest"][0]["lat"]) == (121.28, 31.01)
    assert body["clause"] == "charger-service"


def test_the_zone_of_the_point_decides_and_reasons_are_in_the_language_asked_for(client: Client) -> None:
    url = "/coverage/charger-service/at?lng=121.305&lat=31.005"
    zh, en = client.get(f"{url}&lang=zh").json(), client.get(url).json()
    assert (zh["served"], zh["zone"], zh["zone_name"], zh["limit_m"]) == (False, "outer-ring", "外环内", 900)
    assert en["zone_name"] == "外环内 (en)"
    assert [n["key"] for n in zh["nearest"][:2]] == ["private", "soon"]
    assert [n["counts"] for n in zh["nearest"]] == [False, False, True]
    assert zh["nearest"][0]["reason"] == "非公共站，不计入"
    assert en["nearest"][1]["reason"] == "planned, not in operation yet"


def test_a_density_is_explained_by_its_window(client: Client) -> None:
    body = client.get("/coverage/camera-density/at?lng=121.29&lat=31.02").json()
    assert body["window_km2"] == pytest.approx(1.0)
    assert body["value"] == pytest.approx(body["n"])


def test_a_point_outside_says_so(client: Client) -> None:
    assert client.get("/coverage/charger-service/at?lng=121.5&lat=31.5").json()["inside"] is False


def test_results_follow_the_two_times(client: Client) -> None:
    past: dict[str, Any] = client.get("/coverage/camera-count?as_of=2024-05-01").json()
    assert (past["value"], past["as_of"]) == (49, "2024-05-01T15:59:59Z")
    assert client.get("/coverage/camera-count?as_of=2024-04-01").status_code == 422, "the boundary did not hold then"


def test_only_the_baseline_is_a_scenario_so_far(client: Client) -> None:
    assert client.get("/coverage/camera-count?scenario=baseline").status_code == 200
    assert client.get("/coverage?scenario=baseline").status_code == 200
    assert client.get("/coverage/camera-count?scenario=dream").status_code == 404
