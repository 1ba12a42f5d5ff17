"""Errors: always a problem document, in both languages, naming every fault; never a 500 and never str(exc)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest

from tests.api.conftest import Client, Make, records, store_of
from tests.world import PLAN
from twin.api.problems import STATUS
from twin.errors import Conflict, InvalidInput, NotFound, RuleUnready, TwinError, Unavailable
from twin.layers import LAYERS
from twin.store.memory import MemoryStore

ZH = {"accept-language": "zh-CN"}


def is_problem(answer: Any) -> bool:
    body = answer.json()
    return (
        answer.headers["content-type"] == "application/problem+json"
        and body["type"].startswith("urn:twin:problem:")
        and body["status"] == answer.status_code
        and bool(body["title"])
        and bool(body["detail"])
        and bool(body["instance"])
        and isinstance(body["errors"], list)
    )


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/nowhere", 404, "not-found"),
        ("/collections/", 404, "not-found"),
        ("/collections/ufos", 404, "not-found"),
        ("/collections/ufos/items", 404, "not-found"),
        ("/collections/ufos/schema", 404, "not-found"),
        ("/collections/cameras/items/ufo", 404, "not-found"),
        ("/tiles/ufos/1/0/0.mvt", 404, "not-found"),
        ("/tiles/ufos/tilejson.json", 404, "not-found"),
        ("/tiles/coverage/ufo/1/0/0.mvt", 404, "not-found"),
        ("/coverage/ufo", 404, "not-found"),
        ("/coverage?area=ufo", 404, "not-found"),
        ("/coverage/camera-count?area=ufo", 404, "not-found"),
        ("/docs/ufo.js", 404, "not-found"),
        ("/collections/cameras/items?bbox=a,b,c,d", 400, "bad-parameter"),
        ("/collections/cameras/items?bbox=1,2,3", 400, "bad-parameter"),
        ("/collections/cameras/items?bbox=", 400, "bad-parameter"),
        ("/collections/cameras/items?bbox=nan,0,1,1", 400, "bad-parameter"),
        ("/collections/cameras/items?bbox=0,10,1,5", 400, "bad-parameter"),
        ("/collections/cameras/items?bbox=0,0,999,5", 400, "bad-parameter"),
        ("/collections/cameras/items?limit=0", 400, "bad-parameter"),
        ("/collections/cameras/items?limit=-5", 400, "bad-parameter"),
        ("/collections/cameras/items?limit=ten", 400, "bad-parameter"),
        ("/collections/cameras/items?offset=-1", 400, "bad-parameter"),
        ("/collections/cameras/items?as_of=yesterday", 400, "bad-parameter"),
        ("/collections/cameras/items?known_at=2025-02-30", 400, "bad-parameter"),
        ("/collections/cameras/items?as_of=0001-01-01T00:00:00", 400, "bad-parameter"),
        ("/collections/cameras?lang=fr", 400, "bad-parameter"),
        ("/coverage?area=", 400, "bad-parameter"),
        ("/coverage/charger-service?radius_m=-1", 400, "bad-parameter"),
        ("/coverage/charger-service?radius_m=nan", 400, "bad-parameter"),
        ("/coverage/charger-service?reading=tea", 400, "bad-parameter"),
        ("/coverage/charger-service?states=asleep", 400, "bad-parameter"),
        ("/coverage/charger-service?zones=[{]", 400, "bad-parameter"),
        ("/coverage/charger-service/at?lng=121", 400, "bad-parameter"),
        ("/coverage/charger-service/at?lng=inf&lat=nan", 400, "bad-parameter"),
        ("/coverage/charger-service/at?lng=31&lat=121", 400, "bad-parameter"),
        ("/coverage/camera-count/at?lng=121&lat=31", 400, "bad-parameter"),
        ("/coverage/charger-service/gaps?min_area_km2=-1", 400, "bad-parameter"),
        ("/coverage/charger-service?denominator=population", 422, "rule-unready"),
    ],
)
def test_what_is_wrong_is_a_problem_document_in_two_languages(
    client: Client, path: str, status: int, code: str
) -> None:
    en, zh = client.get(path), client.get(path, headers=ZH)
    for answer in (en, zh):
        assert answer.status_code == status, answer.text
        assert answer.json()["type"] == f"urn:twin:problem:{code}"
        assert is_problem(answer)
        assert answer.json()["instance"] == path.partition("?")[0]
    assert en.json()["detail"].isascii() or "—" in en.json()["detail"] or "…" in en.json()["detail"] or status == 404
    assert any("\u4e00" <= c <= "\u9fff" for c in zh.json()["detail"])
    assert en.headers["content-language"], zh.headers["content-language"] == ("en", "zh")
    if status == 400:
        assert all(set(e) == {"where", "column", "value", "message"} for e in en.json()["errors"])
        assert (
            any("\u4e00" <= c <= "\u9fff" for e in zh.json()["errors"] for c in e["message"]) or "camera-count" in path
        )


def test_all_faults_are_named_at_once(client: Client) -> None:
    body = client.get("/coverage/charger-service/at?lng=999&lat=x").json()
    assert [(e["where"], e["column"], e["value"]) for e in body["errors"]] == [
        ("query", "lng", "999"),
        ("query", "lat", "x"),
    ]
    body = client.get("/coverage/charger-service?radius_m=0&reading=tea&states=asleep").json()
    assert {e["column"] for e in body["errors"]} == {"radius_m", "reading", "states"}


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_a_method_that_a_route_does_not_take_is_405_with_those_it_does(client: Client, method: str) -> None:
    answer = client.request(method, "/collections")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD, OPTIONS")
    assert is_problem(answer)
    assert client.put("/coverage/charger-service").headers["allow"] == "GET, HEAD, OPTIONS, POST"


@pytest.mark.parametrize(
    "path",
    ["/", "/conformance", "/collections", "/collections/cameras", "/collections/cameras/items", "/collections/cameras/schema",
     "/collections/cameras/items/cam-00", "/tiles/cameras/1/1/0.mvt", "/tiles/cameras/tilejson.json", "/healthz", "/readyz",
     "/tiles/coverage/charger-service/1/1/0.mvt", "/coverage", "/coverage/charger-service", "/coverage/charger-service/gaps",
     "/coverage/charger-service/cells", "/coverage/charger-service/areas", "/openapi.json", "/docs", "/docs/start.js"],
)  # fmt: skip
def test_an_unknown_parameter_is_400_naming_the_known_ones(client: Client, path: str) -> None:
    assert client.get(path).status_code in (200, 204), "without it, the route answers"
    answer = client.get(path, params={"colour": "red", "lang": "en"})
    assert answer.status_code == 400
    body = answer.json()
    assert [(e["column"], e["value"]) for e in body["errors"]] == [("colour", "red")]
    assert "lang" in body["detail"].partition("known: ")[2]
    if path.startswith("/coverage/"):
        assert "min_connectors" in body["detail"], "parameters of the rule are known too"


def test_a_parameter_of_another_rule_is_unknown(client: Client) -> None:
    answer = client.get("/coverage/camera-count?radius_m=5")
    assert answer.status_code == 400
    assert "access" in answer.json()["detail"]


class Failing(MemoryStore):
    """A store that raises what it is told to."""

    error: Exception | None = None

    def head(self) -> int:
        if self.error:
            raise self.error
        return super().head()


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (InvalidInput("不对", "wrong"), 400),
        (NotFound("没有", "none"), 404),
        (Conflict("冲突", "conflict"), 409),
        (RuleUnready("缺", "lacks"), 422),
        (Unavailable("不可用", "not available"), 503),
        (TwinError("内情", "secret"), 500),
        (RuntimeError("secret"), 500),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else str(value),
)
def test_every_class_of_error_has_its_status(
    make: Make, error: Exception, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    store = Failing()
    app = make(store)
    store.error = error
    answer = app.get("/readyz")
    assert answer.status_code == status
    assert is_problem(answer)
    assert answer.headers.get("retry-after") == ("5" if status == 503 else None)
    assert "content-security-policy" in answer.headers
    if status == 500:
        assert "secret" not in answer.text
        assert answer.json()["request_id"] == answer.headers["x-request-id"]
    if isinstance(error, RuntimeError):
        assert answer.headers["x-request-id"] in caplog.text


def test_health_does_not_need_the_store_but_readiness_does(make: Make) -> None:
    store = Failing()
    app = make(store)
    store.error = Unavailable("不可用", "not available")
    assert app.get("/healthz").status_code == 200
    assert app.get("/").status_code == 200
    assert app.get("/readyz").status_code == 503
    store.error = None
    assert app.get("/readyz").json()["status"] == "ready"


def test_a_rule_without_its_zone_is_422_and_listed_with_the_reason(make: Make) -> None:
    app = make(store_of([r for r in records() if r.key != "outer-ring"]))
    for path in ("", "/gaps", "/cells", "/areas", "/at?lng=121.3&lat=31.0"):
        answer = app.get(f"/coverage/charger-service{path}")
        assert (answer.status_code, is_problem(answer)) == (422, True)
        assert "outer-ring" in answer.json()["detail"]
    listed = {r["rule"]: r for r in app.get("/coverage").json()["results"]}
    assert listed["charger-service"]["status"] == "no-data"
    assert "outer-ring" in listed["charger-service"]["reason"]["en"]
    assert listed["camera-count"]["status"] == "ok"


def test_the_table_covers_the_whole_tree_of_errors() -> None:
    def leaves(kind: type[TwinError]) -> Iterator[type[TwinError]]:
        yield kind
        for sub in kind.__subclasses__():
            yield from leaves(sub)

    missing = [
        k.__name__ for k in leaves(TwinError) if k is not TwinError and not issubclass(k, tuple(s for s, _ in STATUS))
    ]
    assert [name for name in missing if not name.startswith("Test")] == []


NASTY = [
    "", " ", "0", "-1", "1e309", "-inf", "nan", "9" * 40, "9" * 5000, "true", "null", "[]", "{}", "[" * 600, '[{"code":1}]', "' OR 1=1 --",
    '"; DROP TABLE asset; --', "<script>", "../../etc/passwd", "%00", "\x00", "中文🚗", "\u202e", "a" * 20_000, "1,2,3,4", ",,,", "2025-01-01",
]  # fmt: skip
VALID = {"layer": "cameras", "rule": "charger-service", "key": "cam-00", "z": "12", "x": "3428", "y": "1676", "ending": "geojson",
         "lng": "121.28", "lat": "31.01", "name": "start.js", "number": "0" * 16, "style": "cameras"}  # fmt: skip


def nasty_requests(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, str]]]:
    """Every parameter of every route with every nasty value, the others being valid. What one path refers to is another's."""
    for path, operations in document["paths"].items():
        if path == "/events":  # its answers have no end: tests/api/test_events.py
            continue
        parameters = [p for p in operations.get("get", {}).get("parameters", ()) if "name" in p]
        required = {p["name"]: VALID[p["name"]] for p in parameters if p["in"] == "query" and p.get("required")}
        for parameter in parameters:
            for value in NASTY:
                filled = {**VALID, parameter["name"]: value} if parameter["in"] == "path" else VALID
                query = {**required, **({parameter["name"]: value} if parameter["in"] == "query" else {})}
                yield path.format_map({k: quote(v, safe="") for k, v in filled.items()}), query


def test_nothing_that_comes_in_is_a_500(client: Client) -> None:
    bad = []
    for path, query in nasty_requests(client.get("/openapi.json").json()):
        answer = client.get(path, params=query)
        if answer.status_code >= 500 or (answer.status_code >= 400 and not is_problem(answer)):
            bad.append((path[:80], str(query)[:80], answer.status_code))
    assert bad == []


@pytest.mark.parametrize("rule", [clause.id for clause in PLAN.clauses])
def test_no_value_of_a_rules_parameter_is_a_500(client: Client, rule: str) -> None:
    names = client.get(f"/coverage/{rule}?nope=1").json()["detail"].partition("known: ")[2].split(", ")
    bad = []
    for name in names:
        for value in [*NASTY, "1e6", "1e-300", "1e300"]:
            answer = client.get(f"/coverage/{rule}", params={name: value})
            if answer.status_code >= 500:
                bad.append((name, value[:40], answer.status_code))
    assert bad == []


@pytest.mark.parametrize("host", ["", 'evil"<>', "[::", "a" * 5000, "例子", "x:99999999"])
def test_a_strange_host_is_no_500(client: Client, host: str) -> None:
    for path in ("/", "/collections/cameras/items", "/nowhere"):
        assert client.get(path, headers={"host": host.encode()}).status_code < 500


def test_a_value_is_sent_back_shortened_and_as_text(client: Client) -> None:
    error = client.get("/collections/cameras/items", params={"limit": "<" + "x" * 5000}).json()["errors"][0]
    assert len(error["value"]) == 200
    assert set(LAYERS) >= {"cameras"}
