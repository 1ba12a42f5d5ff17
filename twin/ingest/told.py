"""An import's report as plain data: what the command line prints as JSON and the API answers."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from twin.ingest.report import ImportReport
from twin.layers.diff import Altered
from twin.layers.file_duplicates import Twice
from twin.layers.frame_check import FrameCheck
from twin.model import Record

N_LISTED = 1000
"""Changed features that are listed one by one; the counts are of all."""


def report_to_json(report: ImportReport) -> dict[str, Any]:
    """The dry run as plain data. With faults there is no difference: nothing of the file would be recorded."""
    checked, difference = report.checked, report.difference
    told: dict[str, Any] = {
        "file": report.table.name, "format": report.table.format, "encoding": report.table.encoding, "sha256": report.table.sha256,
        "read_as": {k: v for k, v in report.table.metadata.items() if isinstance(v, (str, int, float, bool))},
        "layer": checked.layer, "profile": report.profile, "frame": report.frame.name, "mapping": report.mapping.named(),
        "kept_as_extra": list(report.mapping.extra), "dropped": list(report.mapping.dropped),
        "n_rows": checked.n_rows, "n_devices": sum(r.n_devices for r in checked.records),
        "n_without_location": checked.n_without_location, "defaults": dict(checked.defaults),
        "unknown_codes": {k: dict(v) for k, v in checked.unknown_codes.items()},
        "warnings": [{"zh": w.zh, "en": w.en} for w in checked.warnings],
        "faults": [{"where": f.where, "column": f.column, "value": f.value, "zh": f.words.zh, "en": f.words.en} for f in checked.faults],
        "difference": None if checked.faults else difference.counts(),
        "inside": dict(report.where.inside), "n_outside": report.where.n_outside, "n_halo": report.where.n_halo,
        "n_beyond": len(report.where.beyond), "beyond": list(report.where.beyond[:N_LISTED]),
        "frame_check": _frame_check(report.frame_check), "n_duplicates": len(report.twice),
        "duplicates": [_twice(each) for each in report.twice[:N_LISTED]],
    }  # fmt: skip
    if not checked.faults:
        told["changes"] = {
            "added": [_named(r) for r in difference.added[:N_LISTED]],
            "moved": [_altered(a) for a in difference.moved[:N_LISTED]],
            "changed": [_altered(a) for a in difference.changed[:N_LISTED]],
            "removed": [_named(r.record) for r in difference.removed[:N_LISTED]],
        }
    return told


def _frame_check(answer: FrameCheck) -> dict[str, Any]:
    return {
        "verdict": answer.verdict, "declared": answer.declared, "best": answer.best, "n_points": answer.n_points,
        "standings": [{"frame": s.frame, "n_inside": s.n_inside, "share": s.share} for s in answer.standings],
        "basis": list(answer.basis), "zh": answer.words.zh, "en": answer.words.en,
    }  # fmt: skip


def _twice(each: Twice) -> dict[str, Any]:
    return {
        "key": each.key, "other_key": each.other_key, "other_source": each.other_source, "in_file": each.other_position is not None,
        "metres": each.metres, "certain": each.certain, "zh": each.words.zh, "en": each.words.en,
    }  # fmt: skip


def _named(record: Record) -> dict[str, Any]:
    return {"key": record.key, "name": record.name, "lng": record.lng, "lat": record.lat}


def _altered(altered: Altered) -> dict[str, Any]:
    before, after = altered.before, altered.record
    shown = {
        name: (_value(before, name), _value(after, name))
        for name in altered.fields
        if name not in ("location", "geometry")
    }
    return {
        **_named(after), "moved_m": None if altered.moved_m is None else round(altered.moved_m, 3),
        "fields": [{"field": name, "before": was, "after": becomes} for name, (was, becomes) in shown.items()]
        + [{"field": name} for name in altered.fields if name in ("location", "geometry")],
    }  # fmt: skip


def _value(record: Record, name: str) -> Any:
    value = getattr(record, name) if name in Record.__slots__ else record.attributes.get(name)
    return value.isoformat() if isinstance(value, datetime) else value
