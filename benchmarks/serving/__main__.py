"""``python -m benchmarks.serving``: see ``make bench-serving``."""

from __future__ import annotations

import argparse
import json
import shutil
import signal
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from platform import machine, python_version

from benchmarks.serving.data import attributes_of, copy_to_postgis, tiles_with_points, write_reference_twin
from benchmarks.serving.measure import (
    CONNECTIONS,
    Figure,
    Whole,
    encoder_ms,
    imports_mb,
    items,
    ogr2ogr_s,
    tiles,
    touch_everything,
    whole_layer,
)
from benchmarks.serving.report import (
    Row,
    at_most,
    cost,
    faster,
    less_cpu,
    markdown,
    more_per_s,
    replace_block,
    whole_rows,
)
from benchmarks.serving.servers import CHECKOUT, PEERS, Server, our_server, pygeoapi, tipg
from tests.postgis import PostgisMissing, postgis_cluster
from twin.layers import LAYERS

OWN_S, PEER_S = 6.0, 15.0
"""The longest that one figure is measured, of ours and of others."""
MANY = 1_000_000
RESULTS = CHECKOUT / "build" / "bench-serving.json"
Tile = tuple[int, int, int]


class Measured:
    """What was found, by figure and server."""

    def __init__(self) -> None:
        self.items: dict[str, Figure] = {}
        self.uncached: dict[int, dict[str, Figure]] = {12: {}, 14: {}}
        self.cached: dict[int, dict[str, Figure]] = {12: {}, 14: {}}
        self.whole: dict[str, Whole] = {}
        self.ogr2ogr: dict[str, float] = {}
        self.first_item: dict[str, float] = {}
        self.memory: dict[str, float] = {}
        self.imports_mb = 0.0
        self.encoder_ms: dict[int, float] = {}


def measure_ours(
    data: Path, scratch: Path, found: Measured, of_zoom: dict[int, list[Tile]], peers: Sequence[Server], n: int
) -> None:
    with our_server(data, scratch / "twin.log") as server:
        found.first_item["twin"] = server.seconds_to_first_item
        z, x, y = touched = of_zoom[14][len(of_zoom[14]) // 2]
        touch_everything(server, list(LAYERS), touched)
        found.memory["twin"] = server.resident_mb()
        for zoom, some in of_zoom.items():  # each once: what is asked for again is cached
            fresh = [tile for tile in some if tile not in (touched, (12, x >> (z - 12), y >> (z - 12)))]
            found.uncached[zoom]["twin"] = tiles(
                server, fresh, n=len(fresh), at_most_s=OWN_S, gzipped=False, warm=False
            )
        for zoom, some in of_zoom.items():
            found.cached[zoom]["twin"] = tiles(server, some, n=MANY, at_most_s=OWN_S, gzipped=True, warm=True)
        found.items["twin"] = items(server, n=MANY, at_most_s=OWN_S)
        found.whole["twin"] = whole_layer(server)
        found.ogr2ogr = ogr2ogr_s([server, *peers], n)
    found.imports_mb = imports_mb()
    found.encoder_ms = {z: encoder_ms(data, some) for z, some in of_zoom.items()}


def measure_peer(server: Server, found: Measured, of_zoom: dict[int, list[Tile]]) -> None:
    name = server.name
    found.first_item[name] = server.seconds_to_first_item
    found.items[name] = items(server, n=MANY, at_most_s=PEER_S)
    if server.paths.tile:
        for z, some in of_zoom.items():
            found.uncached[z][name] = tiles(server, some, n=MANY, at_most_s=PEER_S, gzipped=False, warm=True)
            found.cached[z][name] = tiles(server, some, n=MANY, at_most_s=PEER_S, gzipped=True, warm=True)
    found.memory[name] = server.resident_mb()
    found.whole[name] = whole_layer(server)


def rows_of(found: Measured) -> list[Row]:
    """The lines of the table, with the targets of our own."""
    z12 = less_cpu("MVT z12, uncached (ours: counts per cell)", found.uncached[12], 5)
    own, theirs = found.encoder_ms[12], found.uncached[12]["tipg"]
    alone = Row(
        "MVT z12 with all features, our encoder alone", {"twin": f"{own:.3g} ms", "tipg": cost(theirs)}, theirs.all_ms / own, "≥ 5 ×",
        theirs.all_ms / own >= 5, {"twin": own, "tipg": asdict(theirs)},
    )  # fmt: skip
    above = found.memory["twin"] - found.imports_mb
    memory = Row(
        "memory with all layers and hexes", {s: f"{mb:.0f} MB" for s, mb in found.memory.items()}, None, "≤ 200 MB above imports",
        above <= 200, {**found.memory, "imports": found.imports_mb},
    )  # fmt: skip
    imports = Row(
        "– above a process with the imports", {"twin": f"{above:.0f} MB (imports: {found.imports_mb:.0f} MB)"}
    )
    return [
        less_cpu("items, limit=1000 + bbox", found.items, 60),
        z12,
        alone,
        less_cpu("MVT z14, uncached", found.uncached[14], 4),
        more_per_s("MVT z12, gzipped, ours cached", found.cached[12], 50),
        more_per_s("MVT z14, gzipped, ours cached", found.cached[14], 10),
        *whole_rows(found.whole, 0.3, 0.05),
        faster("ogr2ogr of the layer (OAPIF)", found.ogr2ogr, 2.5),
        memory,
        imports,
        at_most("first item after start (ours baked)", found.first_item, 2, "s"),
    ]


def run() -> tuple[list[Row], str]:
    """Measure everything; the lines, and what the table is about."""
    found = Measured()
    with ExitStack() as held:
        scratch = Path(held.enter_context(tempfile.TemporaryDirectory(prefix="twin-serving-")))
        address = held.enter_context(postgis_cluster())
        data = scratch / "data"
        tell("the reference twin / 参考数据")
        write_reference_twin(data)
        n = copy_to_postgis(data, address, scratch)
        of_zoom = {z: tiles_with_points(address, z) for z in (12, 14)}
        peers = []
        for make in (tipg, pygeoapi):
            tell(make.__name__)
            peers.append(held.enter_context(make(address, scratch / f"{make.__name__}.log")))
            measure_peer(peers[-1], found, of_zoom)
        tell("twin")
        measure_ours(data, scratch, found, of_zoom, peers, n)
        about = (
            f"{n:,} synthetic cameras with {attributes_of(address)} attributes (our own with one less: a label is in the file copied "
            f"from). One worker each under uvicorn, {CONNECTIONS} connections, the same client. CPU time per request is of the "
            "server's processes, + of PostgreSQL's where there is one; ratios take both. tipg and pygeoapi read the same PostGIS; "
            f"tiles are all {len(of_zoom[12])} of zoom 12 and {len(of_zoom[14])} of zoom 14 that hold cameras."
        )
    return rows_of(found), about


def machine_words() -> str:
    info = Path("/proc/cpuinfo").read_text().splitlines()
    names = [line.partition(":")[2].strip() for line in info if line.startswith("model name")]
    processor = f"{names[0] if names else machine()}, {len(names)} cores"
    return f"{processor}, Python {python_version()}, {datetime.now(UTC):%Y-%m-%d}"


def tell(words: str) -> None:
    sys.stderr.write(f"{words} …\n")


def main() -> int:
    parser = argparse.ArgumentParser(prog="make bench-serving", description=__doc__)
    parser.add_argument(
        "--write-readme", action="store_true", help="write the table into the README, between its markers"
    )
    asked = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that what was started is ended
    missing = [name for name in ("ogr2ogr", "ogrinfo") if shutil.which(name) is None]
    if missing or not (PEERS / "uvicorn").exists():
        tell(
            "需要 gdal-bin 与 .venv/peers（make bench-serving 会安装）/ gdal-bin and .venv/peers (by make bench-serving) are needed"
        )
        return 5
    try:
        rows, about = run()
    except PostgisMissing as reason:
        tell(str(reason))
        return 5
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(
        json.dumps({"machine": machine_words(), "about": about, "rows": [asdict(row) for row in rows]}, indent=1)
    )
    block = markdown(rows, machine_words(), about)
    sys.stdout.write(f"{block}\n")
    if asked.write_readme:
        readme = CHECKOUT / "README.md"
        readme.write_text(replace_block(readme.read_text("utf-8"), block), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
