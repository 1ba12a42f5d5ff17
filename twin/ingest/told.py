"""An import's report as plain data: what the command line prints as JSON and the API answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from twin.layers.diff import Altered
from twin.model import Record

if TYPE_CHECKING:
    from twin.ingest import ImportReport

N_LISTED = 1000
"""Changed features that are listed one by one; the counts are of all."""


def report_to_json(report: ImportReport) -> dict[str, Any]:
    """The dry run as plain data. With faults there is no difference: nothing of the file would be recorded."""
    checked, difference = report.checked, report.difference
    told: dict[str, Any] = {
        "file": report.table.name, "format": report.table.format, "encoding": report.table.encoding, "sha256": report.table.sha256,
        "layer": checked.layer, "frame": report.frame.name, "mapping": report.mapping.named(),
        "kept_as_extra": list(report.mapping.extra), "dropped": list(report.mapping.dropped),
        "n_rows": checked.n_rows, "n_devices": sum(r.n_devices for r in checked.records),
        "n_without_location": checked.n_without_location, "defaults": dict(checked.defaults),
        "unknown_codes": {k: dict(v) for k, v in checked.unknown_codes.items()},
        "warnings": [{"zh": w.zh, "en": w.en} for w in checked.warnings],
        "faults": [{"where": f.where, "column": f.column, "value": f.value, "zh": f.words.zh, "en": f.words.en} for f in checked.faults],
        "difference": None if checked.faults else difference.counts(), "inside": dict(report.inside), "n_outside": report.n_outside,
    }  # fmt: skip
    if not checked.faults:
        told["changes"] = {
            "added": [_named(r) for r in difference.added[:N_LISTED]],
            "moved": [_altered(a) for a in difference.moved[:N_LISTED]],
            "changed": [_altered(a) for a in difference.changed[:N_LISTED]],
            "removed": [_named(r.record) for r in difference.removed[:N_LISTED]],
        }
    return told


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
    return value.isoformat() if hasattr(value, "isoformat") else value
