"""What is written to stderr: a line a request and failures, and in none of them a value of anybody's data."""

from __future__ import annotations

import json
import logging
import logging.config
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.api.conftest import Make, records, store_of
from twin.access import Caller
from twin.api.logs import ACCESS, Discreet, RequestLog, configuration, description, query_names, told
from twin.store.memory import MemoryStore

PLACE = "121.27212345,31.00412345"


class Lines(logging.Handler):
    """Keeps what a formatter makes of records."""

    def __init__(self, style: Any) -> None:
        super().__init__()
        self.setFormatter(Discreet(style))
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


@pytest.fixture
def lines() -> Any:
    """Listens to a logger in a style, and stops listening."""
    listening: list[tuple[logging.Logger, Lines, int]] = []

    def listen(name: str, style: str = "json") -> list[str]:
        logger, handler = logging.getLogger(name), Lines(style)
        listening.append((logger, handler, logger.level))
        logger.addHandler(handler)
        logger.setLevel("INFO")
        return handler.lines

    yield listen
    for logger, handler, level in listening:
        logger.removeHandler(handler)
        logger.setLevel(level)


def scope_of(**more: Any) -> dict[str, Any]:
    return {"method": "GET", "query_string": b"", "client": ("203.0.113.7", 1), "request_id": "abc", **more}


def test_a_request_is_told_by_its_template_the_names_of_its_query_and_who_asked(make: Make, lines: Any) -> None:
    written = lines("twin.access")
    client = make(store_of(records()), log="json")
    answer = client.get(
        f"/collections/cameras/items?bbox={PLACE},121.4,31.4&limit=2",
        headers={"authorization": "Bearer s3cret", "accept-encoding": "identity"},
    )
    line = json.loads(written[-1])
    assert (line["method"], line["route"], line["query"], line["status"]) == (
        "GET",
        "/collections/{layer}/items",
        ["bbox", "limit"],
        200,
    )
    assert line["bytes"] == len(answer.content)
    assert line["ms"] >= 0
    assert line["request_id"] == answer.headers["x-request-id"]
    assert line["client"] == "127.0.0.1"
    assert line["at"].endswith("Z")
    for word in (PLACE, "121.27", "s3cret"):
        assert word not in written[-1]


def test_the_caller_and_the_role_are_told_and_never_the_purpose() -> None:
    said = told(scope_of(caller=Caller("key-7", "cleared", purpose="why he looks")), 200, 0.1, 1)
    assert (said["caller"], said["role"]) == ("key-7", "cleared")
    assert "why he looks" not in str(said)


def test_a_path_that_nobody_serves_is_not_told(make: Make, lines: Any) -> None:
    written = lines("twin.access")
    make(store_of(records()), log="json").get(f"/nowhere/{PLACE}?{PLACE}")
    line = json.loads(written[-1])
    assert (line["route"], line["query"], line["status"]) == ("(unmatched)", ["?"], 404)
    assert "121.27" not in written[-1]


@given(st.binary(max_size=300))
def test_of_a_query_only_what_looks_like_a_name_is_told(query: bytes) -> None:
    for name in query_names(query):
        assert name == "?" or (name[0].isalpha() and len(name) <= 40)


@pytest.mark.parametrize(
    ("style", "method", "status", "is_told"),
    [("json", "GET", 200, True), ("text", "GET", 200, False), ("text", "GET", 404, True), ("text", "POST", 201, True), ("text", "HEAD", 200, False)],
)  # fmt: skip
def test_text_tells_what_failed_or_was_written(style: Any, method: str, status: int, is_told: bool, lines: Any) -> None:
    written = lines("twin.access", style)
    RequestLog(style)(scope_of(method=method), status, 0.01, 5)
    assert bool(written) == is_told


def test_off_tells_no_request(make: Make, lines: Any) -> None:
    written = lines("twin.access")
    make(store_of(records()), log="off").get("/nowhere")
    assert written == []


def test_a_failure_is_told_by_its_kind_and_place_and_not_by_what_it_says(
    make: Make, monkeypatch: pytest.MonkeyPatch, lines: Any, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: Any, **__: Any) -> Any:
        try:
            raise KeyError(f"camera at {PLACE}")
        except KeyError as reason:
            raise ValueError(f"POINT ({PLACE})") from reason

    written = lines("twin.api")
    store = store_of(records())
    client = make(store)
    monkeypatch.setattr(MemoryStore, "head", broken)
    monkeypatch.setattr(MemoryStore, "state", broken)
    answer = client.get("/readyz")
    assert answer.status_code == 500
    line = json.loads(written[-1])
    assert "ValueError at" in line["message"]
    assert "from KeyError at" in line["message"]
    assert "twin/api/health.py" in line["message"]
    assert answer.headers["x-request-id"] in line["message"]
    for text in (written[-1], caplog.text, answer.text):
        assert "121.27" not in text


def test_an_answer_that_breaks_off_is_told_without_what_the_failure_says(lines: Any) -> None:
    import anyio

    from twin.api.security import Broken, Rim

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise ValueError(PLACE)

    async def nothing(*_: Any) -> Any:
        return None

    scope = {
        "type": "http",
        "method": "GET",
        "path": "/",
        "scheme": "http",
        "headers": [],
        "client": None,
        "root_path": "",
    }
    with pytest.raises(Broken) as raised:
        anyio.run(Rim(app), scope, nothing, nothing)
    assert raised.value.__suppress_context__
    assert PLACE not in str(raised.value)


def test_the_formatter_keeps_to_itself_what_exceptions_and_others_say(lines: Any) -> None:
    written = lines("somebody.else", "text")
    try:
        raise RuntimeError(PLACE)
    except RuntimeError:
        logging.getLogger("somebody.else").exception("it failed at %s", PLACE)
    logging.getLogger("somebody.else").error("first line\nsecond " + PLACE)  # noqa: G003
    assert len(written) == 2
    assert "RuntimeError at" in written[0]
    assert "first line" in written[1]
    assert "121.27" not in "".join(written)


def test_a_description_has_the_innermost_place_even_in_a_library() -> None:
    try:
        json.loads("{" + PLACE)
    except ValueError as error:
        said = description(error)
    assert said.startswith("JSONDecodeError at json/decoder.py:")
    assert PLACE not in said


@pytest.mark.parametrize("style", ["json", "text", "off"])
def test_the_configuration_is_one_that_logging_takes(style: Any, capsys: pytest.CaptureFixture[str]) -> None:
    names = ("twin", "uvicorn", "uvicorn.access", "")
    before = {
        name: (logging.getLogger(name).handlers[:], logging.getLogger(name).level, logging.getLogger(name).propagate)
        for name in names
    }
    try:
        logging.config.dictConfig(configuration(style))
        ACCESS.info("GET / 200", extra={"said": told(scope_of(), 200, 0.01, 5)})
        logging.getLogger("twin.api").error("it failed")
    finally:
        for name, (handlers, level, propagate) in before.items():
            logger = logging.getLogger(name)
            logger.handlers[:], logger.propagate = handlers, propagate
            logger.setLevel(level)
    said = capsys.readouterr().err.splitlines()
    assert len(said) == (1 if style == "off" else 2)
    assert "it failed" in said[-1]
    if style == "json":
        assert [json.loads(line)["level"] for line in said] == ["INFO", "ERROR"]
