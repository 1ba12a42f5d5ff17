"""``twin export``: a layer to a file, by the file's ending."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import click

from twin.cli.common import Door, Moment, json_option, pass_door, print_json, print_table
from twin.cli.speaking import Command
from twin.export import CRS_CHOICES, Export, ExportRequest, export_layer


@click.command("export", cls=Command)
@click.argument("layer")
@click.option(
    "-o",
    "--output",
    "file",
    required=True,
    type=click.Path(path_type=Path),
    help="输出文件：.geojson、.gpkg、.fgb、.csv、.xlsx、.parquet、.shp 或 .zip；--profile ocpi 时为 .json "
    "/ FILE.geojson, .gpkg, .fgb, .csv, .xlsx, .parquet, .shp or .zip; with --profile ocpi FILE.json.",
)
@click.option(
    "--crs",
    default="wgs84",
    show_default=True,
    help=f"坐标系：{CRS_CHOICES.replace(', ', '、')} / Frame of the coordinates: {CRS_CHOICES}.",
)
@click.option("--area", default=None, help="只导出该代码区域之内的 / Only what lies in the area of this code.")
@click.option("--as-of", type=Moment(), default=None, help="截至何时（实际发生） / When it is true in the world.")
@click.option("--known-at", type=Moment(), default=None, help="按何时已记录的数据 / When it had been recorded.")
@click.option(
    "--profile",
    default=None,
    help="其他系统的格式：ocpi（OCPI 2.2.1，充电站） / The format of another system: ocpi (OCPI 2.2.1 locations, of chargers).",
)
@click.option("--force", is_flag=True, help="覆盖已有文件 / Replace a file that is there.")
@json_option
@pass_door
def export_(
    door: Door, layer: str, file: Path, crs: str, area: str | None, as_of: datetime | None, known_at: datetime | None,
    profile: str | None, force: bool, as_json: bool,
) -> None:  # fmt: skip
    """把图层 LAYER 写成文件，可由 twin import 原样读回。
    / Write what a LAYER holds to a file that `twin import` takes back unchanged.
    """
    from twin.store import SqliteStore
    from twin.writers import Target

    store = door.twin.store
    own_file = store.path if isinstance(store, SqliteStore) else None
    target = Target.choose(file, profile=profile, force=force, store=own_file)
    made = export_layer(door.twin, ExportRequest(layer, crs, as_of, known_at, area))
    files = target.write(made)
    if as_json:
        print_json(said_of(made, files, target.format.name))
        return
    _print(door, made, files, target.format.name)


def said_of(made: Export, files: tuple[Path, ...], format_name: str) -> dict[str, Any]:
    """What was written, as plain data."""
    times = {name: datetime.fromisoformat(made.about[name]) for name in ("as_of", "known_at")}
    return {"file": str(files[-1]), "files": [str(f) for f in files], "format": format_name, **made.about, **times}


def _print(door: Door, made: Export, files: tuple[Path, ...], format_name: str) -> None:
    zh, about = door.lang == "zh", made.about
    print_table(("", ""), [
        ("文件" if zh else "file", "  ".join(str(f) for f in reversed(files))),
        ("格式" if zh else "format", format_name),
        ("图层" if zh else "layer", about["layer"]),
        ("坐标系" if zh else "frame", f"{about['frame']}  {about['crs'] or ''}"),
        ("截至" if zh else "as of", about["as_of"]),
        ("已知于" if zh else "known at", about["known_at"]),
        ("快照" if zh else "snapshot", about["snapshot"]),
        ("要素数" if zh else "features", f"{about['n_features']:,}"),
        ("无坐标" if zh else "no location", f"{about['n_without_location']:,}"),
    ])  # fmt: skip
    for note in about["notes"]["zh" if zh else "en"]:
        click.echo(note, err=True)
    if made.frame.name != "wgs84" and format_name == "GeoJSON":
        door.say(
            "注意：RFC 7946 规定 GeoJSON 用 WGS-84；这个文件按约定使用其他坐标系，请告知接收方",
            "note: RFC 7946 has GeoJSON in WGS-84; this file is in another frame by agreement: tell who receives it",
        )
    if not len(made):
        door.say("该图层此时没有要素，文件是空的", f"{made.layer.name} holds nothing at that time: the file is empty")


COMMANDS = (export_,)
