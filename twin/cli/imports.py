"""``twin import``: a file against a layer; nothing is written without ``--apply``."""

from __future__ import annotations

import getpass
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import click

from twin.cli.common import Door, json_option, pass_door, print_json, print_table
from twin.cli.speaking import Command
from twin.errors import BadParameter, Words
from twin.ingest import ImportReport, ImportRequest, Progress, apply, examine
from twin.ingest.apply import refuse_faulty
from twin.ingest.grids import GridReport, apply_grid, examine_raster, grid_report_to_json
from twin.ingest.told import report_to_json
from twin.layers import LAYERS
from twin.layers.mapping import parse_pairs
from twin.model import Transaction
from twin.readers.raster import RASTERS, inspect_grid

N_FAULTS_SHOWN, N_DUPLICATES_SHOWN = 20, 5
Record = Callable[..., Transaction | None]
STAGES = {
    "read": Words("读取", "reading"), "check": Words("检查", "checking"), "compare": Words("与现有数据比较", "comparing"),
    "frame": Words("核对坐标系", "checking the frame"), "duplicates": Words("查重", "looking for duplicates"),
    "write": Words("写入", "recording"),
}  # fmt: skip


@click.command("import", cls=Command)
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--layer",
    required=True,
    help=f"图层：{'、'.join(LAYERS)}；栅格则为其名，如 population "
    f"/ One of {', '.join(LAYERS)}; for a raster its name, as population.",
)
@click.option(
    "--frame",
    default=None,
    help="坐标系：wgs84、cgcs2000、epsg:4549、epsg:32651、gcj02、bd09、local:文件 … "
    "/ Frame: wgs84, cgcs2000, epsg:4549, epsg:32651, gcj02, bd09, local:FILE …",
)
@click.option(
    "--profile",
    default=None,
    help="导入模板；默认为识别该文件的模板 / An import profile; default: the one that recognises the file.",
)
@click.option(
    "--table", default=None, help="文件有多个表或图层时取哪一个 / Which sheet or layer of a file that has several."
)
@click.option(
    "--map",
    "overrides",
    multiple=True,
    metavar="FIELD=COLUMN",
    help="字段=列；常量写作 字段==值 / FIELD=COLUMN, or FIELD==VALUE for a constant.",
)
@click.option("--where", multiple=True, metavar="COLUMN=TEXT", help="只取这些行 / Take only these rows.")
@click.option(
    "--source",
    "source_id",
    default="",
    help="数据集名；默认为图层加文件名 / Name of the data set; default: layer and file name.",
)
@click.option("--unit", default="人", show_default=True, help="栅格值的单位 / What a raster's values count.")
@click.option(
    "--synthetic", is_flag=True, help="模拟数据；所有结果都会注明 / The data are made up; every result will say so."
)
@click.option("--schematic", is_flag=True, help="示意边界 / The boundaries are schematic.")
@click.option("--derived", is_flag=True, help="推导边界，非官方 / The boundaries are derived, not official.")
@click.option("--licence", default="", help="数据的许可与署名 / Licence and credit of the data.")
@click.option("--keep-private", is_flag=True, help="保留网络地址和电话 / Keep network addresses and telephones, too.")
@click.option(
    "--force", is_flag=True, help="点位更符合其他坐标系时仍导入 / Import although the points fit another frame better."
)
@click.option("--report", "out", type=click.Path(path_type=Path, dir_okay=False), default=None,
              help="报告写到：逐行标注的 .xlsx 或完整的 .json "
              "/ Write the annotated workbook (.xlsx) or the whole report (.json) there.")  # fmt: skip
@click.option(
    "--apply", "applied", is_flag=True, help="写入；不加则不写入任何内容 / Record it. Without this nothing is written."
)
@click.option("--by", "author", default=None, help="操作人；默认为系统用户名 / Who; default: the user's name.")
@click.option("--reason", default=None, help="原因；默认为文件名 / Why; default: the file's name.")
@json_option
@pass_door
def import_(door: Door, /, file: Path, author: str | None, reason: str | None, **told: Any) -> None:
    """对照图层检查 FILE 并列出将有的改动；加 --apply 以一个事务写入。
    / Check FILE against a layer and show what it would change; --apply records it in one transaction.
    """
    progress = _progress_to(None if told["as_json"] else door)
    looked_at = _raster if file.suffix.lower() in RASTERS else _table
    record = looked_at(door, file, told, progress)
    if not told["applied"]:
        door.say("试运行：未写入。加 --apply 写入", "dry run: nothing was written. Add --apply to record it")
        return
    progress("write", 0.0)
    transaction = record(author=author or getpass.getuser(), reason=reason or f"import {file.name}")
    progress("done", 1.0)
    if transaction is None:
        door.say("与现有数据一致，无需写入", "the same as what is held: nothing to record")
    else:
        door.say(
            f"已写入，事务 {transaction.tx}，{transaction.n_edits} 处改动",
            f"recorded as transaction {transaction.tx}: {transaction.n_edits} edits",
        )


def _progress_to(door: Door | None) -> Progress:
    """Stage and share on one line of a terminal; nothing where stderr is none."""
    shown = door is not None and sys.stderr.isatty()

    def tell(stage: str, share: float) -> None:
        if door is not None and shown:
            words = door.words(STAGES[stage])
            click.echo(f"\r\033[K{words} {share:.0%}" if stage != "done" else "\r\033[K", nl=False, err=True)

    return tell


def _table(door: Door, file: Path, told: dict[str, Any], progress: Progress) -> Record:
    """Show a table's dry run; what records it. Raises what stands in its way."""
    report = _examine_table(door, file, told, progress)
    progress("done", 1.0)
    if told["out"] is not None:
        _write_report(door, report, told["out"])
    if told["as_json"]:
        print_json(report_to_json(report))
    else:
        _print_report(door, report)
    refuse_faulty(report)
    return partial(apply, door.twin, report)


def _raster(door: Door, file: Path, told: dict[str, Any], progress: Progress) -> Record:
    progress("read", 0.0)
    report = _examine_raster(door, file, told)
    progress("done", 1.0)
    if told["as_json"]:
        print_json(grid_report_to_json(report))
    else:
        _print_grid(door, report)
    return partial(apply_grid, door.twin, report)


def _examine_table(door: Door, file: Path, told: dict[str, Any], progress: Progress) -> ImportReport:
    from twin.opening import open_profiles
    from twin.readers import read_table
    from twin.readers.local_frame import local_frame_of

    request = ImportRequest(
        told["layer"], told["frame"], told["source_id"], parse_pairs("--map", told["overrides"]),
        parse_pairs("--where", told["where"]), told["synthetic"], told["schematic"], told["derived"], told["licence"],
        told["profile"], local_frame_of(told["frame"]), told["force"], told["keep_private"],
    )  # fmt: skip
    progress("read", 0.0)
    table = read_table(file, table=told["table"], layer=request.layer)
    return examine(
        door.twin, table, request, allow_datum_inverse=door.settings.allow_datum_inverse,
        profiles=open_profiles(door.settings), progress=progress,
    )  # fmt: skip


def _examine_raster(door: Door, file: Path, told: dict[str, Any]) -> GridReport:
    from twin.readers import file_bytes

    content = file_bytes(file)
    request = ImportRequest(
        told["layer"], None, told["source_id"], synthetic=told["synthetic"], schematic=told["schematic"],
        derived=told["derived"], licence=told["licence"],
    )  # fmt: skip
    crs = inspect_grid(content, file.name).crs
    return examine_raster(door.twin, content, request, file=file.name, crs=crs, unit=told["unit"])


def _write_report(door: Door, report: ImportReport, out: Path) -> None:
    from twin.writers.annotated import write_annotated

    if out.suffix.lower() == ".json":
        import orjson

        out.write_bytes(orjson.dumps(report_to_json(report), option=orjson.OPT_INDENT_2))
    elif out.suffix.lower() == ".xlsx":
        write_annotated(report, out, door.lang)
    else:
        raise BadParameter(
            f"--report 应以 .xlsx 或 .json 结尾：{out}", f"--report must end in .xlsx or .json, got {out}"
        )
    door.say(f"报告已写入 {out}", f"the report is in {out}")


def _print_grid(door: Door, report: GridReport) -> None:
    zh, said = door.lang == "zh", grid_report_to_json(report)
    before = said["before"]
    rows = [
        ("文件" if zh else "file", said["file"]),
        ("栅格" if zh else "raster", f"{said['layer']}  {said['frame']}"),
        ("有值像元" if zh else "pixels with a value", f"{said['n_values']:,}"),
        ("合计" if zh else "total", f"{said['total']:,.1f} {said['unit']}"),
        ("各区内" if zh else "inside", ", ".join(f"{k} {v:,.1f}" for k, v in said["inside"].items()) or "—"),
        ("未落区" if zh else "in no district", f"{said['total_outside']:,.1f}"),
        ("现有" if zh else "held now", "—" if before is None else f"{before['n_values']:,}  {before['total']:,.1f}"),
    ]
    print_table(("", ""), rows)


def _print_report(door: Door, report: ImportReport) -> None:
    zh, checked, said = door.lang == "zh", report.checked, report_to_json(report)
    counts = said["difference"] or dict.fromkeys(("added", "moved", "changed", "removed", "unchanged"))
    moved = [m.moved_m for m in report.difference.moved if m.moved_m is not None]
    where = report.where
    rows = [
        ("文件" if zh else "file", f"{said['file']}  {said['format']} {said['encoding']}"),
        ("图层" if zh else "layer", f"{checked.layer}  {said['frame']}"),
        ("模板" if zh else "profile", said["profile"]),
        ("字段对应" if zh else "mapping", " ".join(said["mapping"])),
        ("行数" if zh else "rows", f"{checked.n_rows:,}  ({'设备' if zh else 'devices'} {said['n_devices']:,})"),
        ("无坐标" if zh else "no location", checked.n_without_location),
        ("采用默认值" if zh else "defaults used", ", ".join(f"{k} {v:,}" for k, v in checked.defaults.items()) or "—"),
        (
            "未知代码" if zh else "unknown codes",
            ", ".join(f"{k}: {dict(v)}" for k, v in checked.unknown_codes.items()) or "—",
        ),
        ("各区内" if zh else "inside", ", ".join(f"{k} {v:,}" for k, v in where.inside.items()) or "—"),
        ("未落区" if zh else "in no district", where.n_outside),
        ("其中 1.5 km 内" if zh else "of these within 1.5 km", where.n_halo),
        ("疑似重复" if zh else "duplicates", len(report.twice)),
        ("新增" if zh else "added", counts["added"]),
        ("移动" if zh else "moved", f"{counts['moved']}  ≤ {max(moved):.1f} m" if moved else counts["moved"]),
        ("变更" if zh else "changed", counts["changed"]),
        ("移除" if zh else "removed", counts["removed"]),
        ("不变" if zh else "unchanged", counts["unchanged"]),
        ("错误" if zh else "faults", len(checked.faults)),
    ]
    print_table(("", ""), rows)
    click.echo(door.words(report.frame_check.words), err=True)
    for each in report.twice[:N_DUPLICATES_SHOWN]:
        far = "" if each.metres is None else f", {each.metres:.1f} m"
        click.echo(f"  {each.key} ≈ {each.other_key} ({each.other_source}{far}): {door.words(each.words)}", err=True)
    for warning in checked.warnings:
        click.echo(door.words(warning), err=True)
    if len(checked.faults) > N_FAULTS_SHOWN:
        door.say(
            f"共 {len(checked.faults)} 处错误，--json 列出全部，--report 文件.xlsx 逐行标注",
            f"{len(checked.faults)} faults; --json lists them all, --report FILE.xlsx marks them row by row",
        )


COMMANDS = (import_,)
