"""JSON: GeoJSON by its ``type``, a flat list of flat objects as rows; whatever is nested waits for a profile to cut it."""

from __future__ import annotations

from typing import Any

import pandas as pd

from twin.errors import Fault, InvalidInput, Words
from twin.layers.table import RawTable
from twin.readers.geojson import GEOJSON_TYPES, geojson_table, json_cell, parsed_json
from twin.readers.source import SourceFile, refuse_too_many
from twin.readers.text import decode


def read_json(file: SourceFile) -> RawTable:
    """Rows numbered from 1, or the whole as ``document``.

    Raises:
        InvalidInput: not JSON (with line and column), nothing in it, a list of other things than objects (each in
            ``faults``), or GeoJSON with faults.
    """
    text, encoding = decode(file.content, file.name)
    document = parsed_json(text, file.name)
    if isinstance(document, dict) and str(document.get("type")) in GEOJSON_TYPES:
        return geojson_table(document, file.name, encoding, file.sha256)
    if not isinstance(document, (dict, list)) or not document:
        raise InvalidInput(
            f"{file.name} 应为 JSON 对象或对象的列表，且不为空",
            f"{file.name} should be a JSON object or a list of objects, and hold something",
        )
    if isinstance(document, list):
        _refuse_others(document, file.name)
        if not any(isinstance(cell, (dict, list)) for row in document for cell in row.values()):
            return RawTable(file.name, _rows(document, file.name), None, "json", encoding, file.sha256)
    return RawTable(file.name, pd.DataFrame(), None, "json", encoding, file.sha256, document=document)


def _refuse_others(listed: list[Any], name: str) -> None:
    reason = Words("应为对象 {…}", "an object {…} is expected")
    faults = [
        Fault(f"item {i}", "", str(item)[:80], reason) for i, item in enumerate(listed, 1) if not isinstance(item, dict)
    ]
    if faults:
        raise InvalidInput(
            f"{name} 的列表里有 {len(faults)} 项不是对象，首先是第 {faults[0].where[5:]} 项",
            f"{name}: {len(faults)} items of its list are no objects, first {faults[0].where}",
            faults,
        )


def _rows(listed: list[dict[str, Any]], name: str) -> pd.DataFrame:
    names = list(dict.fromkeys(column for row in listed for column in row))
    if not names:
        raise InvalidInput(f"{name} 的对象都是空的", f"{name}: every object of its list is empty")
    refuse_too_many(name, len(listed), len(names))
    columns = {column: [json_cell(row.get(column)) for row in listed] for column in names}
    return pd.DataFrame(columns, index=range(1, len(listed) + 1), dtype=object)
