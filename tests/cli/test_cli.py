"""The command line as a caller sees it: output, words, exit codes."""

from __future__ import annotations

import hashlib
import json
import socket
from pathlib import Path

import click
import pytest

from twin.cli import main


def commands(group: click.Group) -> list[click.Command]:
    return [group, *group.commands.values()]


@pytest.mark.parametrize("command", commands(main), ids=lambda c: c.name)
def test_every_command_and_option_has_help(command):
    assert command.help
    assert not [p.name for p in command.params if isinstance(p, click.Option) and not (p.help or "").strip()]


def test_an_import_is_a_dry_run_unless_applied(loaded, run):
    again = run("import", "chargers.csv", "--layer", "chargers", "--frame", "wgs84")
    assert again.exit_code == 0
    assert "dry run" in again.stderr
    told = json.loads(run("import", "chargers.csv", "--layer", "chargers", "--frame", "wgs84", "--json").stdout)
    assert told["difference"] == {"added": 0, "moved": 0, "changed": 0, "removed": 0, "unchanged": 2}
    assert told["inside"] == {"310112": 1}
    assert told["n_outside"] == 1
    assert {"lng=经度", "lat=纬度", "key=StationID", "n_connectors=total_piles"} <= set(told["mapping"])


def test_cover_tells_value_verdict_rows_and_gaps(loaded, tmp_path: Path):
    shown = loaded("cover", "charger-service")
    assert shown.exit_code == 0
    assert "not met" in shown.stdout
    told = json.loads(loaded("cover", "charger-service", "--json", "--cells", "8").stdout)
    assert told["result"]["share"] == pytest.approx(0.0707, abs=1e-3)
    assert told["result"]["clause"]["quote"].startswith("充电设施")
    assert len(told["cells"]["cells"]) > 100
    assert loaded("cover", "charger-service", "-o", "gaps.geojson").exit_code == 0
    import geopandas

    gaps = geopandas.read_file(tmp_path / "gaps.geojson")
    assert gaps.area_km2.sum() == pytest.approx(100 * (1 - 0.0707), rel=1e-3)
    assert gaps.crs.to_epsg() == 4326
    assert set(gaps.clause) == {"charger-service"}
    assert gaps[["area", "as_of", "known_at", "snapshot", "synthetic", "labels"]].notna().all(axis=None)
    file = json.loads((tmp_path / "gaps.geojson").read_text("utf-8"))
    assert file["parameters"]["radius_m"] == 1500
    assert file["snapshot"] == told["result"]["snapshot"]


def test_cover_says_by_which_reading(loaded):
    shown = loaded("cover", "charger-service", "--set", "at_least=2", "--set", "denominator=chargers").stdout
    assert "of chargers; denominator=chargers; at_least=2" in shown
    assert "open (km²)" in loaded("cover", "charger-service", "--level", "district").stdout
    assert "at_least=" not in loaded("cover", "charger-service").stdout


def test_parameters_are_set_by_name(loaded):
    told = json.loads(loaded("cover", "charger-service", "--set", "public_only=false", "--json").stdout)
    assert told["result"]["parameters"]["public_only"] is False


def test_history_and_audit_say_who_when_and_why(loaded):
    (version,) = json.loads(loaded("history", "chargers", "A", "--json").stdout)
    assert (version["version"], version["name"]) == (1, "甲站")
    rows = json.loads(loaded("audit", "--json").stdout)
    assert [(r["author"], r["reason"]) for r in rows][1] == ("li", "spring survey")
    read = Path("chargers.csv").read_bytes()
    assert (rows[1]["file"], rows[1]["sha256"]) == ("chargers.csv", hashlib.sha256(read).hexdigest())


def test_lists_of_what_there_is(loaded):
    assert {r["id"] for r in json.loads(loaded("rules", "--json").stdout)} >= {"charger-service", "net-home"}
    held = {r["layer"]: r["n"] for r in json.loads(loaded("layers", "--json").stdout)}
    assert (held["areas"], held["chargers"], held["cameras"]) == (2, 2, 0)
    assert [r["code"] for r in json.loads(loaded("areas", "--json", "--level", "district").stdout)] == ["310112"]
    assert "TWIN_DATA" in loaded("settings").stdout
    for command in ("rules", "layers", "areas", "audit"):
        assert loaded(command).exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "exit_code", "says"),
    [
        (("import", "chargers.csv", "--layer", "chargers"), 2, "--frame"),
        (("import", "chargers.csv", "--layer", "chargers", "--frame", "mars"), 2, "gcj02"),
        (("import", "chargers.csv", "--layer", "chargers", "--frame", "gcj02"), 2, "TWIN_ALLOW_DATUM_INVERSE"),
        (
            (
                "import",
                "chargers.csv",
                "--layer",
                "chargers",
                "--frame",
                "wgs84",
                "--map",
                "lng=纬度",
                "--map",
                "lat=经度",
            ),
            2,
            "--map",
        ),
        (("import", "none.csv", "--layer", "chargers", "--frame", "wgs84"), 3, "none.csv"),
        (("import", "chargers.csv", "--layer", "trams", "--frame", "wgs84"), 3, "cameras"),
        (("cover", "no-rule"), 3, "charger-service"),
        (("cover", "camera-count", "--area", "999"), 3, "310112"),
        (("cover", "charger-service", "--set", "radius=3"), 2, "radius_m"),
        (("cover", "charger-service", "--as-of", "soon"), 2, "2025-12-31"),
        (("cover", "charger-service", "-o", "gaps.docx"), 2, ".geojson"),
        (("history", "chargers", "ghost"), 3, "ghost"),
        (("demo",), 4, "--replace"),
        (("--store", "mysql://x", "layers"), 2, "sqlite:///FILE"),
        (("serve", "--workers", "2"), 2, "PostGIS"),
    ],
    ids=lambda v: " ".join(v) if isinstance(v, tuple) else None,
)
def test_errors_are_one_sentence_and_an_exit_code(loaded, arguments, exit_code, says):
    result = loaded(*arguments)
    assert (result.exit_code, says in result.stderr) == (exit_code, True), result.stderr
    assert "Traceback" not in result.output
    assert json.loads(loaded("audit", "--json").stdout)[-1]["tx"] == 2


def test_a_faulty_file_tells_every_row_and_writes_nothing(loaded, tmp_path: Path):
    (tmp_path / "bad.csv").write_text(
        "id,lon,lat,station_type\nX,121.4,31.1,1\nX,121.4,31.1,1\nY,abc,31.1,1\nZ,121.4,95,1\n", "utf-8"
    )
    result = loaded("import", "bad.csv", "--layer", "chargers", "--frame", "wgs84", "--apply")
    assert result.exit_code == 2
    assert all(word in result.stderr for word in ("3", "4", "5", "abc", "95"))
    assert {r["layer"]: r["n"] for r in json.loads(loaded("layers", "--json").stdout)}["chargers"] == 2


def test_a_taken_port_is_a_sentence_that_names_the_way_out(loaded):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        result = loaded("serve", "--port", str(taken.getsockname()[1]))
    assert result.exit_code == 5
    assert "PORT=" in result.stderr


def test_words_follow_the_language(loaded):
    assert "没有规则" in loaded("--lang", "zh", "cover", "no-rule").stderr
    assert "no rule" in loaded("--lang", "en", "cover", "no-rule").stderr


@pytest.mark.parametrize(("share", "shown"), [(0.9996, "99.9 %"), (1.0, "100.0 %"), (0.07069, "7.0 %"), (None, "—")])
def test_a_share_is_rounded_towards_not_met(share, shown):
    from twin.cli.judge import _figure

    assert _figure(share, "share") == shown
