"""``twin demo``, ``layers`` and ``areas``."""

from __future__ import annotations

from typing import Any

import click

from twin.api.wire import quality_to_json
from twin.cli.common import Door, json_option, pass_door, percent, print_json
from twin.cli.speaking import Command
from twin.errors import Conflict
from twin.frames import geodesic_area_km2
from twin.layers import LAYERS
from twin.layers.areas import LEVELS
from twin.layers.quality import Quality, quality_in
from twin.model import Edit
from twin.store import shown


def write_reference_twin(door: Door, seed: int, replace: bool) -> None:
    """Build the reference twin and commit it in one transaction.

    Raises:
        Conflict: the store holds something already and ``replace`` is off.
    """
    from twin.demo.build import build_reference_twin

    twin = door.twin
    if twin.store.head() and not replace:
        raise Conflict(
            f"存储 {shown(door.settings.store_url)} 已有数据，未作改动。如需替换：twin demo --replace（历史仍保留）",
            f"the store {shown(door.settings.store_url)} holds data; nothing was changed. "
            "To replace it: twin demo --replace (the history is kept)",
        )
    door.say("正在生成示意底图和模拟数据…", "building the schematic geography and synthetic data …")
    made = build_reference_twin(seed, twin.now(), door.settings.geodata)
    twin.commit(
        [Edit("add", record) for record in made.records], author="twin demo", reason=f"reference twin, seed {seed}",
        sources=made.sources, grids=made.grids, replace_all=replace,
    )  # fmt: skip
    n = len(made.records)
    door.say(
        f"已写入 {n:,} 条记录（模拟数据，示意边界）", f"wrote {n:,} records (synthetic data, schematic boundaries)"
    )


@click.command(cls=Command)
@click.option(
    "--seed",
    default=1,
    show_default=True,
    type=click.IntRange(0),
    help="随机种子：相同种子，数据相同 / The same seed gives the same twin.",
)
@click.option(
    "--replace", is_flag=True, help="替换现有数据；历史仍保留 / Replace what the store holds; its history is kept."
)
@pass_door
def demo(door: Door, seed: int, replace: bool) -> None:
    """写入参考数据：示意底图、模拟设施，均有标注。 / Write the reference twin: schematic geography, synthetic assets, labelled so."""
    write_reference_twin(door, seed, replace)


@click.command(cls=Command)
@json_option
@pass_door
def layers(door: Door, as_json: bool) -> None:
    """图层及其内容、数据质量。 / The layers, what they hold, and its quality."""
    snapshot = door.twin.snapshot()
    rows: list[dict[str, Any]] = []
    said: list[str | None] = []
    for name, kind in LAYERS.items():
        table = snapshot.layers[name]
        sources = (
            [snapshot.sources[s] for s in table.frame["source"].unique() if s in snapshot.sources] if len(table) else []
        )
        labels = [label for label in ("synthetic", "schematic", "derived") if any(getattr(s, label) for s in sources)]
        quality = quality_in(snapshot, name)
        said.append(_quality(quality, door))
        rows.append({"layer": name, "title": kind.title.zh, "title_en": kind.title.en, "geometry": kind.geometry, "n": len(table),
                     "n_devices": int(table.frame["n_devices"].sum()), "labels": labels, "sources": [s.id for s in sources],
                     "quality": None if quality is None else quality_to_json(quality)})  # fmt: skip
    if as_json:
        print_json(rows)
        return
    title = "title" if door.lang == "zh" else "title_en"
    shown_rows = [r | {"": r[title], "n": f"{r['n']:,}", "n_devices": f"{r['n_devices']:,}", "quality": said_of}
                  for r, said_of in zip(rows, said, strict=True)]  # fmt: skip
    door.table(("layer", "", "n", "n_devices", "labels", "quality"), shown_rows)


def _quality(quality: Quality | None, door: Door) -> str | None:
    """The score, rounded down, and what fails with its share."""
    if quality is None:
        return None
    failed = [f"{door.words(c.title)} {percent(c.share or 0.0)} < {percent(c.threshold)}" for c in quality.failed]
    return f"{percent(quality.score)} {'▲' if failed else '●'} {'; '.join(failed)}".rstrip()


@click.command(cls=Command)
@click.option("--level", type=click.Choice(LEVELS), default=None, help="只列这一层级 / Only this level.")
@json_option
@pass_door
def areas(door: Door, level: str | None, as_json: bool) -> None:
    """区域：代码、名称、层级、图上面积与公布面积。 / The areas: code, name, level, drawn and published km²."""
    held = [a for a in door.twin.snapshot().areas.values() if level in (None, a.level)]
    rows = [
        (
            a.code,
            a.name if door.lang == "zh" else a.name_en or a.name,
            a.level,
            geodesic_area_km2(a.geometry),
            a.area_km2_published,
        )
        for a in held
    ]
    if as_json:
        print_json(
            [{"code": c, "name": n, "level": v, "area_km2": k, "area_km2_published": p} for c, n, v, k, p in rows]
        )
        return
    names = ("code", "name", "level", "km²", "published km²")
    door.table(names, [dict(zip(names, (c, n, v, f"{k:.2f}", p), strict=True)) for c, n, v, k, p in rows])


COMMANDS = (demo, layers, areas)
