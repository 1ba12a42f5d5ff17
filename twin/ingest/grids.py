"""Bringing a demand raster in: what it holds and where first, then one transaction. Knows ports, no adapter."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import numpy as np

from twin.coverage.scope import assign_to_areas
from twin.engine import Twin
from twin.errors import BadParameter
from twin.ingest.report import ImportRequest
from twin.layers import LAYERS
from twin.model import DemandGrid, Source, Transaction
from twin.ports import GridFile

NAME = re.compile(r"[a-z][a-z0-9_]{0,39}", re.ASCII)
TAKEN = frozenset((*LAYERS, "area"))


@dataclass(frozen=True)
class GridReport:
    """What importing a raster would do. ``inside`` has the total per loaded district, ``before`` what is held under its
    name."""

    file: GridFile
    source: Source
    grid: DemandGrid
    before: DemandGrid | None
    inside: Mapping[str, float]

    @property
    def is_unchanged(self) -> bool:
        return self.before is not None and self.before.digest == self.grid.digest

    @property
    def total(self) -> float:
        return float(self.grid.values.sum())


def examine_raster(twin: Twin, content: bytes, request: ImportRequest, *, file: str, crs: str, unit: str) -> GridReport:
    """The dry run of a file's bytes: ``request.layer`` is the raster's name, ``crs`` what the file says of its frame."""
    source_id = request.source_id or f"{request.layer}:{file}"
    source = Source(source_id, file, crs[:64], request.synthetic, request.schematic, request.derived, request.licence,
                    sha256(content).hexdigest())  # fmt: skip
    return examine_grid(twin, GridFile(request.layer, unit, source_id, content), source)


def examine_grid(twin: Twin, file: GridFile, source: Source) -> GridReport:
    """The dry run of a raster: nothing is written.

    Raises:
        BadParameter: its name is a layer's, or no plain word.
        InvalidInput: it cannot be read as a demand raster.
    """
    if not NAME.fullmatch(file.name) or file.name in TAKEN:
        raise BadParameter(
            f"栅格名“{file.name}”不可用：应为小写字母开头的英文词，且不与图层同名，如 population",
            f"{file.name!r} cannot name a raster: use a lower-case word that is no layer's name, as population",
        )
    grid, snapshot = twin.read_grid(file), twin.snapshot()
    districts = snapshot.areas_at("district")
    owner = assign_to_areas(districts, grid.lnglat)
    inside = {a.code: float(grid.values[owner == i].sum()) for i, a in enumerate(districts) if (owner == i).any()}
    return GridReport(file, source, grid, snapshot.grids.get(file.name), inside)


def apply_grid(twin: Twin, report: GridReport, *, author: str, reason: str) -> Transaction | None:
    """Record the raster in one transaction; None where it changes nothing, the source included."""
    held = twin.snapshot().sources.get(report.source.id)
    if report.is_unchanged and held == report.source:
        return None
    return twin.commit([], author=author, reason=reason, sources=[report.source], grids=[report.file])


def grid_report_to_json(report: GridReport) -> dict[str, Any]:
    """The dry run as plain data. ``bounds`` are those of the pixels' centres that hold something."""
    lnglat, unchanged = report.grid.lnglat, report.is_unchanged
    bounds = [*lnglat.min(axis=0).tolist(), *lnglat.max(axis=0).tolist()] if len(lnglat) else None
    before = report.before
    return {
        "file": report.source.title, "sha256": report.source.sha256, "layer": report.file.name, "unit": report.file.unit,
        "frame": report.source.frame, "n_values": len(lnglat), "total": report.total, "bounds": bounds,
        "inside": dict(report.inside), "total_outside": report.total - sum(report.inside.values()),
        "before": None if before is None else {"n_values": len(before.values), "total": float(np.sum(before.values))},
        "difference": {"added": int(before is None), "changed": int(before is not None and not unchanged),
                       "unchanged": int(unchanged)},
        "faults": [],
    }  # fmt: skip
