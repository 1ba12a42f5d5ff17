"""What the report of ``twin bench`` lists, in its order, with the targets. Times are measured elsewhere."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Group:
    """One question that all of its rows answer; ratios are to the first of them."""

    id: str
    zh: str
    en: str


@dataclass(frozen=True)
class Row:
    """A contestant. ``at_most_ms`` and ``at_least_times`` (as slow as the group's first) are targets; ``needs`` names
    what may be missing on a machine."""

    id: str
    group: str
    zh: str
    en: str
    at_most_ms: float | None = None
    at_least_times: float | None = None
    needs: str | None = None


EDITS = {"added": ("新增", "added"), "moved": ("移动", "moved"), "removed": ("移除", "removed")}
STATION_COUNTS = (600, 3000)
SCALES = (1, 4, 16)
ROUNDS, AT_LEAST_S = 7, 1.0
"""The minimum of so many rounds is what is shown, of more where they take less than a second: on a machine that does
other things too, seven short ones may find no quiet moment."""

FEW_ROUNDS = 3
"""Of what takes seconds: one to warm up, two that count."""
OFFSETS = ("gcj02", "bd09")

GROUPS = (
    *(
        Group(
            f"service-{n}",
            f"充电服务，每个 10 级六边形（闵行，{n:,} 座公共站）",
            f"Charger service of every res-10 hexagon (Minhang, {n:,} public stations)",
        )
        for n in STATION_COUNTS
    ),
    Group("edit", "改动一座站（3,000 座中），200 次改动的 p95", "One station of 3,000 edited, p95 of 200 edits"),
    Group("density", "视频监控密度，70,000 台", "Camera density, 70,000 cameras"),
    Group(
        "city",
        "全市 6,340 km²，12,000 座站（10 级六边形）",
        "A whole city, 6,340 km², 12,000 stations (res-10 hexagons)",
    ),
    Group("sheet", "读取 70,000 行 .xlsx（两轮取快者）", "Reading 70,000 rows of .xlsx (least of two)"),
    Group(
        "import",
        "导入 70,000 台监控，库中已有同样多（SQLite，两轮取快者）",
        "Importing 70,000 cameras, as many held already (SQLite, least of two)",
    ),
    Group("offset", "一百万点反算（两轮取快者）", "A million points brought back to WGS-84 (least of two)"),
    Group("scaling", "规模：面积与站数同增", "Scaling: area and stations grow together"),
)


def _contestants(n: int) -> tuple[Row, ...]:
    group = f"service-{n}"
    return (
        Row(f"{group}-twin", group, "twin（精确圆弧）", "twin (exact arcs)", at_most_ms=10.0),
        Row(f"{group}-shapely", group, "twin 的 Shapely 对照", "twin's plain reference (Shapely)"),
        Row(
            f"{group}-geopandas", group, "GeoPandas：缓冲、合并、逐格求交", "GeoPandas: buffer, union, intersection",
            at_least_times=150.0,
        ),
        Row(
            f"{group}-geopandas-covered", group, "GeoPandas：先判整格覆盖", "GeoPandas: cells wholly covered settled first",
        ),
        Row(
            f"{group}-postgis", group, "PostGIS：两种写法取快者", "PostGIS: the faster of two plans", at_least_times=30.0,
            needs="postgis",
        ),
    )  # fmt: skip


ROWS = (
    *(row for n in STATION_COUNTS for row in _contestants(n)),
    *(Row(f"edit-{op}", "edit", zh, en, at_most_ms=1.0) for op, (zh, en) in EDITS.items()),
    Row("density", "density", "三种空间单元", "all three spatial units", at_most_ms=150.0),
    Row("city", "city", "twin", "twin", at_most_ms=500.0),
    Row("sheet-twin", "sheet", "twin（calamine）", "twin (calamine)"),
    Row("sheet-openpyxl", "sheet", "openpyxl，只读", "openpyxl, read-only"),
    Row("import-dry", "import", "试运行（含读取）", "dry run, reading included", at_most_ms=15_000.0),
    Row("import-apply", "import", "写入", "recording", at_most_ms=15_000.0),
    *(Row(f"offset-{name}", "offset", name, name, at_most_ms=2_000.0) for name in OFFSETS),
    *(Row(f"scaling-{n}", "scaling", f"{n}×", f"{n}×") for n in SCALES),
)
