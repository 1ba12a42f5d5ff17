"""Settings: all that is wrong is told at once, in both languages, before anything is opened, baked or announced."""

from __future__ import annotations

from pathlib import Path

import pytest

from twin.cli.checked import read_settings
from twin.errors import InvalidInput
from twin.settings import Settings

WRONG = {
    "TWIN_LANG": "fr",
    "TWIN_STORE": "mysql://x",
    "TWIN_TRUSTED_PROXIES": "abc, 10.0.0.0/8 10.0.0.0/40",
    "TWIN_ROOT_PATH": "twin/",
    "TWIN_CORS_ORIGINS": "foo,https://gis.example.cn",
    "TWIN_RATE_LIMIT": "many",
    "TWIN_GRACE_S": "soon",
    "TWIN_HANDLER_S": "0",
    "TWIN_OPEN": "maybe",
    "TWIN_LOG": "xml",
    "TWIN_JWT_SECRET": "a secret that must not be shown",
    "TWIN_JWT_LEEWAY_S": "900",
    "TWIN_PLAN": "no-plan.toml",
    "TWIN_RULES": "no-rules",
}
NAMED = set(WRONG) - {"TWIN_JWT_SECRET"} | {"TWIN_JWT_ISSUER", "TWIN_JWT_AUDIENCE"}


def test_every_fault_is_told_at_once_in_both_languages_and_nothing_is_begun(run, tmp_path: Path, monkeypatch) -> None:
    for name, value in WRONG.items():
        monkeypatch.setenv(name, value)
    answer = run("serve")
    lines = answer.stderr.splitlines()
    assert answer.exit_code == 2
    assert {line.split()[0] for line in lines[1:]} == NAMED
    assert sum("TWIN_TRUSTED_PROXIES" in line for line in lines) == 2, "each wrong word has its line"
    assert "'foo'" in answer.stderr
    assert "a secret" not in answer.output
    for line in lines:
        assert any("\u4e00" <= c <= "\u9fff" for c in line), line
        assert " / " in line
    assert "http://" not in answer.output.replace("https://gis", "")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("trusted_proxies", "127.0.0.1, ::1 10.0.0.0/8"),
        ("root_path", "/twin"),
        ("root_path", "/twin/"),
        ("cors_origins", "https://gis.example.cn/, http://[::1]:8080, http://localhost:3000"),
        ("cors_origins", "*"),
        ("store", "memory:"),
        ("store", "sqlite:///a.sqlite"),
        ("store", "postgresql://twin@db.example/twin"),
        ("rate_limit", "10/30 second"),
    ],
)
def test_what_is_right_is_taken_as_it_is(name: str, value: str) -> None:
    assert getattr(read_settings(**{name: value}), name) == value


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("cors_origins", "gis.example.cn"),
        ("cors_origins", "https://gis.example.cn/map"),
        ("cors_origins", "https://GIS.example.cn"),
        ("cors_origins", "ftp://a"),
        ("cors_origins", "null"),
        ("root_path", "/a b"),
        ("trusted_proxies", "localhost"),
        ("store", "sqlite:///"),
        ("rate_limit", "0/minute"),
    ],
)
def test_what_could_never_work_is_refused_by_name_and_value(name: str, value: str) -> None:
    with pytest.raises(InvalidInput) as told:
        read_settings(**{name: value})
    (fault,) = told.value.faults
    assert (fault.column, fault.value) == (f"TWIN_{name.upper()}", value)


def test_a_wrong_language_is_told_too(run, monkeypatch) -> None:
    monkeypatch.setenv("TWIN_LANG", "fr")
    answer = run("layers")
    assert (answer.exit_code, "TWIN_LANG = 'fr'" in answer.stderr) == (2, True)


def test_a_password_in_an_address_is_not_shown() -> None:
    with pytest.raises(InvalidInput) as told:
        read_settings(store="mysql://twin:secret@db.example/twin")
    assert "secret" not in told.value.faults[0].value


def test_the_defaults_are_right() -> None:
    assert read_settings() == Settings()
