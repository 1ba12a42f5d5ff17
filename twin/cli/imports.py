"""``twin import``: a file against a layer; nothing is written without ``--apply``."""

from __future__ import annotations

import getpass
from pathlib import Path

import click

from twin.cli.common import Door, json_option, pass_door, print_json, print_table
from twin.ingest import ImportReport, ImportRequest, apply, examine
from twin.ingest.told import report_to_json
from twin.layers import LAYERS
from twin.layers.mapping import parse_pairs

N_FAULTS_SHOWN = 20


@click.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--layer", required=True, help=f"One of {', '.join(LAYERS)}.")
@click.option("--frame", default=None, help="Frame of the coordinates: wgs84, cgcs2000, epsg:4549, gcj02, bd09 …")
@click.option(
    "--map", "overrides", multiple=True, metavar="FIELD=COLUMN", help="FIELD=COLUMN, or FIELD==VALUE for a constant."
)
@click.option("--where", multiple=True, metavar="COLUMN=TEXT", help="Take only these rows.")
@click.option("--source", "source_id", default="", help="Name of the data set; default: layer and file name.")
@click.option("--synthetic", is_flag=True, help="The data are made up; every result will say so.")
@click.option("--schematic", is_flag=True, help="The boundaries are schematic.")
@click.option("--derived", is_flag=True, help="The boundaries are derived, not official.")
@click.option("--licence", default="", help="Licence and credit of the data.")
@click.option("--apply", "applied", is_flag=True, help="Record it. Without this nothing is written.")
@click.option("--by", "author", default=None, help="Who; default: the user's name.")
@click.option("--reason", default=None, help="Why; default: the file's name.")
@json_option
@pass_door
def import_(
    door: Door, file: Path, layer: str, frame: str | None, overrides: tuple[str, ...], where: tuple[str, ...], source_id: str,
    synthetic: bool, schematic: bool, derived: bool, licence: str, applied: bool, author: str | None, reason: str | None,
    as_json: bool,
) -> None:  # fmt: skip
    """Check FILE against a layer and show what it would change; --apply records it in one transaction."""
    from twin.readers import read_table

    request = ImportRequest(
        layer, frame, source_id, parse_pairs("--map", overrides), parse_pairs("--where", where), synthetic, schematic,
        derived, licence,
    )  # fmt: skip
    report = examine(door.twin, read_table(file), request, allow_datum_inverse=door.settings.allow_datum_inverse)
    if as_json:
        print_json(report_to_json(report))
    else:
        _print_report(door, report)
    report.checked.raise_if_faulty()
    if not applied:
        door.say("试运行：未写入。加 --apply 写入", "dry run: nothing was written. Add --apply to record it")
        return
    who = author or getpass.getuser()
    transaction = apply(door.twin, report, author=who, reason=reason or f"import {file.name}")
    if transaction is None:
        door.say("与现有数据一致，无需写入", "the same as what is held: nothing to record")
    else:
        door.say(
            f"已写入，事务 {transaction.tx}，{transaction.n_edits} 处改动",
            f"recorded as transaction {transaction.tx}: {transaction.n_edits} edits",
        )


def _print_report(door: Door, report: ImportReport) -> None:
    zh, checked, said = door.lang == "zh", report.checked, report_to_json(report)
    counts = said["difference"] or dict.fromkeys(("added", "moved", "changed", "removed", "unchanged"))
    moved = [m.moved_m for m in report.difference.moved if m.moved_m is not None]
    rows = [
        ("文件" if zh else "file", f"{said['file']}  {said['format']} {said['encoding']}"),
        ("图层" if zh else "layer", f"{checked.layer}  {said['frame']}"),
        ("字段对应" if zh else "mapping", " ".join(said["mapping"])),
        ("行数" if zh else "rows", f"{checked.n_rows:,}  ({'设备' if zh else 'devices'} {said['n_devices']:,})"),
        ("无坐标" if zh else "no location", checked.n_without_location),
        ("采用默认值" if zh else "defaults used", ", ".join(f"{k} {v:,}" for k, v in checked.defaults.items()) or "—"),
        (
            "未知代码" if zh else "unknown codes",
            ", ".join(f"{k}: {dict(v)}" for k, v in checked.unknown_codes.items()) or "—",
        ),
        ("各区内" if zh else "inside", ", ".join(f"{k} {v:,}" for k, v in report.inside.items()) or "—"),
        ("未落区" if zh else "in no district", report.n_outside),
        ("新增" if zh else "added", counts["added"]),
        ("移动" if zh else "moved", f"{counts['moved']}  ≤ {max(moved):.1f} m" if moved else counts["moved"]),
        ("变更" if zh else "changed", counts["changed"]),
        ("移除" if zh else "removed", counts["removed"]),
        ("不变" if zh else "unchanged", counts["unchanged"]),
        ("错误" if zh else "faults", len(checked.faults)),
    ]
    print_table(("", ""), rows)
    if report.n_outside and not report.inside:
        door.say(
            "注意：没有一个点落在已加载的区内，请核对坐标系和区域",
            "Note: no point lies in a loaded district; check the frame and the areas",
        )
    for warning in checked.warnings:
        click.echo(door.words(warning), err=True)
    if len(checked.faults) > N_FAULTS_SHOWN:
        door.say(
            f"共 {len(checked.faults)} 处错误，--json 列出全部", f"{len(checked.faults)} faults; --json lists them all"
        )


COMMANDS = (import_,)
