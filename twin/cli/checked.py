"""Settings, checked before anything else is done: all that is wrong with them at once, in both languages."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from twin.errors import Fault, InvalidInput, TwinError, Words
from twin.settings import RATE, Settings
from twin.store.address import POSTGRES, SQLITE, shown

ORIGIN = re.compile(r"https?://(?:[a-z0-9_](?:[a-z0-9._-]*[a-z0-9_])?|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?/?")
EXPECTED: dict[str, Callable[[dict[str, Any]], Words]] = {
    "bool_parsing": lambda _: Words("应为 1 或 0", "expected 1 or 0"),
    "int_parsing": lambda _: Words("应为整数", "expected a whole number"),
    "int_from_float": lambda _: Words("应为整数", "expected a whole number"),
    "float_parsing": lambda _: Words("应为数字", "expected a number"),
    "finite_number": lambda _: Words("应为有限的数字", "expected a finite number"),
    "greater_than": lambda c: Words(f"应大于 {c['gt']:g}", f"expected more than {c['gt']:g}"),
    "greater_than_equal": lambda c: Words(f"应不小于 {c['ge']:g}", f"expected at least {c['ge']:g}"),
    "less_than_equal": lambda c: Words(f"应不大于 {c['le']:g}", f"expected at most {c['le']:g}"),
    "literal_error": lambda c: Words(f"应为 {c['expected'].replace(' or ', ' 或 ')}", f"expected {c['expected']}"),
    "string_pattern_mismatch": lambda c: _pattern_words(c["pattern"]),
}  # fmt: skip
"""By the kind of error; other kinds are told in the library's words."""


def read_settings(**told: Any) -> Settings:
    """The settings of the environment, with what was told on the command line.

    Raises:
        InvalidInput: its faults are all that is wrong, each with the setting's name in ``column``.
    """
    faults: list[Fault] = []
    try:
        settings = Settings(**told)
    except ValidationError as error:
        wrong = [details for details in error.errors() if details["loc"]]
        faults += [_told(details) for details in wrong]
        unread = {str(d["loc"][0]): Settings.model_fields[str(d["loc"][0])].get_default() for d in wrong}
        settings = Settings(**(told | unread))
    faults += further_faults(settings)
    if faults:
        raise InvalidInput(
            *_both(f"设置有 {len(faults)} 处错误，请改正后重试", f"{len(faults)} setting(s) are wrong: mend them and try again"),
            faults,
        )  # fmt: skip
    return settings


def further_faults(settings: Settings) -> list[Fault]:
    """What no type can say: addresses, prefixes, origins, and what tokens need."""
    return [
        *_store_faults(settings.store),
        *_proxy_faults(settings.trusted_proxies),
        *_prefix_faults(settings.root_path),
        *_origin_faults(settings.cors_origins),
        *_token_faults(settings),
        *_place_faults(settings),
    ]


def _told(details: ErrorDetails) -> Fault:
    kind, said = details["type"], details["msg"]
    words = EXPECTED[kind](details.get("ctx", {})) if kind in EXPECTED else Words(said, said)
    return _fault(str(details["loc"][0]), str(details["input"]), words.zh, words.en)


def _pattern_words(pattern: str) -> Words:
    assert pattern == RATE, pattern
    return Words(
        "应为 off，或 次数/时段，如 600/minute、10/30 second",
        "expected off, or a number per time: 600/minute, 10/30 second",
    )


def _store_faults(url: str) -> Iterator[Fault]:
    if url and url != "memory:" and not url.startswith(POSTGRES) and not (url.startswith(SQLITE) and url != SQLITE):
        yield _fault(
            "store", shown(url), "应为 sqlite:///文件 或 postgresql://用户@主机:端口/数据库",
            "expected sqlite:///FILE or postgresql://USER@HOST:PORT/DATABASE",
        )  # fmt: skip


def _proxy_faults(text: str) -> Iterator[Fault]:
    from twin.api.proxies import networks_of

    for word in re.split(r"[,\s]+", text):
        try:
            networks_of(word)
        except TwinError:
            yield _fault(
                "trusted_proxies", word, "不是地址或网段，应如 10.0.0.1、10.0.0.0/8、::1",
                "no address or network: expected 10.0.0.1, 10.0.0.0/8, ::1 or the like",
            )  # fmt: skip


def _prefix_faults(text: str) -> Iterator[Fault]:
    from twin.api.proxies import prefix_of

    try:
        prefix_of(text)
    except TwinError:
        yield _fault("root_path", text, "应为以 / 开头的路径，如 /twin", "expected a path that begins with /, as /twin")


def _origin_faults(text: str) -> Iterator[Fault]:
    for word in (word.strip() for word in text.split(",")):
        if word and word != "*" and not ORIGIN.fullmatch(word):
            yield _fault(
                "cors_origins", word, "应如 https://gis.example.cn（小写，无路径）或 *",
                "expected https://gis.example.cn or the like (small letters, without a path), or *",
            )  # fmt: skip


def _token_faults(settings: Settings) -> Iterator[Fault]:
    for name in ("jwt_issuer", "jwt_audience"):
        if settings.has_tokens and not getattr(settings, name):
            yield _fault(
                name, "", "使用令牌须设置，否则发给其他系统的令牌也会被接受",
                "tokens need it: without, those meant for other systems would be taken",
            )  # fmt: skip


def _place_faults(settings: Settings) -> Iterator[Fault]:
    """Files and folders that are named must be there; the data folder is made when needed."""
    for name in ("plan", "jwt_key"):
        path: Path | None = getattr(settings, name)
        if path is not None and not path.is_file():
            yield _fault(name, str(path), "没有这个文件", "there is no such file")
    for name in ("rules", "geodata"):
        path = getattr(settings, name)
        if path is not None and not path.is_dir():
            yield _fault(name, str(path), "没有这个目录", "there is no such folder")
    if settings.data.exists() and not settings.data.is_dir():
        yield _fault("data", str(settings.data), "应为目录", "expected a folder")


def _fault(name: str, value: str, zh: str, en: str) -> Fault:
    return Fault("", f"TWIN_{name.upper()}", value, Words(*_both(zh, en)))


def _both(zh: str, en: str) -> tuple[str, str]:
    """Both languages in either: nobody knows yet which one is asked for."""
    return f"{zh} / {en}", f"{en} / {zh}"
