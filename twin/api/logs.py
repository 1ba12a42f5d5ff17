"""What is written to stderr: a line a request, and failures. Never a value: no query, no path, no key, no text of an exception.

A camera's place could stand in any of these. So a request is told by its route's template and the *names* in its query,
and a failure by its kind and the lines of code where it happened.
"""

from __future__ import annotations

import logging
import re
import traceback
from datetime import UTC, datetime
from typing import Any, Literal

import orjson
from starlette.types import Scope

Style = Literal["json", "text", "off"]
logger = logging.getLogger("twin.api")
ACCESS = logging.getLogger("twin.access")
UNMATCHED = "(unmatched)"
OWN = ("twin", "uvicorn")
"""Loggers whose messages are made of words, numbers and templates only."""
NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,39}")
READS = frozenset({"GET", "HEAD", "OPTIONS"})
MAX_NAMES, MAX_PLACES = 20, 6
TIDY = re.compile(r".*/(?=twin/)|.*/(?:site-packages|lib/python[0-9.]+)/")


class RequestLog:
    """Tells each answered request, as the style wants it."""

    def __init__(self, style: Style) -> None:
        self.style = style

    def __call__(self, scope: Scope, status: int, seconds: float, n_bytes: int) -> None:
        if self.style == "json" or (self.style == "text" and (status >= 400 or scope["method"] not in READS)):
            said = told(scope, status, seconds, n_bytes)
            ACCESS.info("%s %s %s %s ms", said["method"], said["route"], status, said["ms"], extra={"said": said})


def told(scope: Scope, status: int, seconds: float, n_bytes: int) -> dict[str, Any]:
    """A request as the log has it."""
    caller = scope.get("caller")
    said = {
        "request_id": scope.get("request_id"),
        "method": scope["method"],
        "route": template_of(scope),
        "query": query_names(scope.get("query_string", b"")),
        "status": status,
        "ms": round(seconds * 1000, 1),
        "bytes": n_bytes,
        "client": scope["client"][0] if scope.get("client") else None,
    }
    if caller is not None:
        said |= {"caller": caller.id, "role": caller.role}
    return said


def template_of(scope: Scope) -> str:
    """``/collections/{layer}/items`` of the route that answered; a raw path never: it may hold a key."""
    if given := scope.get("route_template"):
        return str(given)
    return getattr(scope.get("route"), "path", UNMATCHED)


def query_names(query: bytes) -> list[str]:
    """The names in a query, without what they are set to; ``?`` for what does not look like a name."""
    names = [part.partition("=")[0] for part in query.decode("latin-1").split("&")[:MAX_NAMES] if part]
    return [name if NAME.fullmatch(name) else "?" for name in names]


def description(error: BaseException) -> str:
    """The kind of a failure and where it happened, innermost first, with what it came of."""
    told = [f"{type(error).__qualname__} at {' < '.join(places(error)) or '?'}"]
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if cause is not None and len(told) < MAX_PLACES:
        told.append(f"from {type(cause).__qualname__} at {' < '.join(places(cause)[:2]) or '?'}")
    return ", ".join(told)


def places(error: BaseException) -> list[str]:
    """``twin/api/tiles.py:88 layer_tile``: our own lines and the innermost, whosever it is."""
    frames = traceback.StackSummary.extract(traceback.walk_tb(error.__traceback__), lookup_lines=False)
    found = [(TIDY.sub("", frame.filename), frame) for frame in reversed(frames)]
    kept = [(name, frame) for i, (name, frame) in enumerate(found) if i == 0 or name.startswith("twin/")]
    return [f"{name}:{frame.lineno} {frame.name}" for name, frame in kept[:MAX_PLACES]]


class Discreet(logging.Formatter):
    """Writes records without what exceptions say, and of other people's only the first line of the template."""

    def __init__(self, style: Style = "text") -> None:
        super().__init__()
        self.style = style

    def format(self, record: logging.LogRecord) -> str:
        message = record.getMessage() if record.name.startswith(OWN) else str(record.msg)
        message = message.partition("\n")[0]
        if record.exc_info and record.exc_info[1] is not None:
            message += f": {description(record.exc_info[1])}"
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        said = getattr(record, "said", None)
        if self.style != "json":
            by = f" {said['caller']}" if said and "caller" in said else ""
            number = f" [{said['request_id']}]" if said else ""
            return f"{at} {record.levelname} {record.name}: {message}{by}{number}"
        more = said if said is not None else {"message": message}
        return orjson.dumps(
            {"at": at, "level": record.levelname, "logger": record.name, "pid": record.process, **more}
        ).decode()


def configuration(style: Style) -> dict[str, Any]:
    """For ``logging.config.dictConfig``: everything to stderr, failures always, requests as the style says."""
    level = "WARNING" if style == "off" else "INFO"
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"discreet": {"()": "twin.api.logs.Discreet", "style": style}},
        "handlers": {
            "stderr": {"class": "logging.StreamHandler", "formatter": "discreet", "stream": "ext://sys.stderr"}
        },
        "loggers": {
            "twin": {"handlers": ["stderr"], "level": level, "propagate": False},
            "uvicorn": {"handlers": ["stderr"], "level": "WARNING", "propagate": False},
            "uvicorn.access": {"level": "CRITICAL"},
        },
        "root": {"handlers": ["stderr"], "level": "WARNING"},
    }
