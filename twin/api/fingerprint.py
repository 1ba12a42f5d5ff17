"""Whether an import would still do what was shown."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any

import orjson

from twin.ingest import ImportReport
from twin.ingest.grids import GridReport
from twin.model import Record

ANY_TIME = datetime(2000, 1, 1, tzinfo=UTC)


def fingerprint(report: ImportReport | GridReport) -> str:
    """A hash of what the difference would do. Whatever holds from the moment of the import on has no date in it."""
    if isinstance(report, GridReport):
        held = b"" if report.before is None else report.before.digest
        return blake2b(
            report.grid.digest + held + _packed([report.source, report.file.name]), digest_size=16
        ).hexdigest()
    checked, difference = report.checked, report.difference
    dated = checked.given.get("valid_from")
    undated = {r.key for i, r in enumerate(checked.records) if dated is None or not dated[i]}

    def plain(record: Record) -> Record:
        return replace(record, valid_from=ANY_TIME) if record.key in undated else record

    digest = blake2b(digest_size=16)
    for record in difference.added:
        digest.update(b"+" + _packed(plain(record)))
    for each in difference.altered:
        digest.update(b"~" + _packed([each.before, plain(each.record), each.fields]))
    for gone in difference.removed:
        digest.update(b"-" + _packed(gone.record.key))
    digest.update(_packed([report.source, sorted(map(str, checked.faults))]))
    return digest.hexdigest()


def _packed(value: Any) -> bytes:
    return orjson.dumps(value, default=_as_text, option=orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NON_STR_KEYS)


def _as_text(value: Any) -> str:
    return value.hex() if isinstance(value, bytes) else repr(value)
