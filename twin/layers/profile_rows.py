"""A file of a known kind as flat rows: records of a document, columns worked out, rows of no concern left out, grouped."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from twin.errors import BadParameter, Fault, FrameUndeclared, InvalidInput, Words
from twin.layers.base import LayerType
from twin.layers.mapping import is_private, normal_name
from twin.layers.profile import Derived, Profile, missing
from twin.layers.profile_derive import derive, paths_read
from twin.layers.profile_document import cell_of, flat, records_at, value_at, without_keys
from twin.layers.profile_group import grouped
from twin.layers.table import RawTable, plain_text, positions

SHOWN = 3


def shape(
    profile: Profile,
    table: RawTable,
    layer: LayerType,
    where: Mapping[str, str] | None = None,
    *,
    keep_private: bool = False,
) -> RawTable:
    """The table as ``map_columns`` and ``check_table`` take it.

    Args:
        profile: of the table's kind.
        table: as read; of a nested document the records become rows, numbered from 1 in the document's order.
        layer: from ``profile.specialised``.
        where: column to the exact text its rows must have, applied before rows are grouped.
        keep_private: keep network addresses and telephones within lists, too.

    Raises:
        InvalidInput: the table is not of the profile's kind, or no row is left.
        BadParameter: ``where`` names a column that is not there.
        FrameUndeclared: the profile's frame is not the one the file's format defines.
    """
    lacking = missing(profile, table)
    if lacking:
        said = ", ".join(lacking)
        raise InvalidInput(
            f"{table.name} 不符合模板 {profile.id}，缺少：{said}",
            f"{table.name} does not fit the profile {profile.id}; it lacks {said}",
        )
    table = replace(table, declared_frame=_frame(profile, table))
    try:
        table = (
            _laid_out(profile, table, layer, keep_private) if table.document is not None else _widened(profile, table)
        )
    except RecursionError:
        raise InvalidInput(f"{table.name} 嵌套过深", f"{table.name} is nested too deep") from None
    table = _without_skipped(profile, table.only(_spelled(table, where or {})))
    table = _without_helpers(profile, table)
    return table if profile.group is None else grouped(profile, profile.group, table)


def _frame(profile: Profile, table: RawTable) -> str | None:
    if profile.frame and table.declared_frame and profile.frame != table.declared_frame:
        raise FrameUndeclared(
            f"模板 {profile.id} 规定坐标系 {profile.frame}，而文件格式规定 {table.declared_frame}；请用 --profile 选别的模板",
            f"the profile {profile.id} defines the frame {profile.frame}, but the file's format {table.declared_frame}; "
            "choose another with --profile",
        )
    return profile.frame or table.declared_frame


# Rows -----------------------------------------------------------------------------------------------------------------


def _laid_out(profile: Profile, table: RawTable, layer: LayerType, keep_private: bool) -> RawTable:
    """The records of a document as rows."""
    records = records_at(table.document, profile.path)

    def unwanted(key: str) -> bool:
        return not keep_private and is_private(key, layer)

    rows = []
    for record in records:
        row = {key: _cell(value, unwanted) for key, value in flat(record).items()}
        for rule in profile.derived:
            _put(row, rule, derive(rule, {**row, **record}))
        rows.append(row)
    names = list(dict.fromkeys(key for row in rows for key in row))
    index = range(1, len(rows) + 1)
    columns = {name: pd.Series([row.get(name, "") for row in rows], index=index, dtype=object) for name in names}
    return replace(
        table,
        columns=pd.DataFrame(columns, index=index),
        document=None,
        warnings=(*table.warnings, *_shortage(profile, table.document, len(rows))),
    )


def _cell(value: Any, unwanted: Callable[[str], bool]) -> Any:
    return cell_of(without_keys(value, unwanted) if isinstance(value, list | dict) else value)


def _put(row: dict[str, Any], rule: Derived, value: Any) -> None:
    """What the file says itself stands."""
    if plain_text(row.get(rule.name)) == "":
        row[rule.name] = value


def _shortage(profile: Profile, document: Any, n_rows: int) -> list[Words]:
    """A document that says itself that there are more records than it holds: a page of several."""
    tops = document if isinstance(document, list) else [document]
    said = [plain_text(value_at(top, path)) for top in tops if isinstance(top, Mapping) for path in profile.total]
    expected = max((int(text) for text in said if re.fullmatch(r"\d{1,15}", text, re.ASCII)), default=0)
    if expected <= n_rows:
        return []
    return [
        Words(
            f"文件自称共 {expected} 条，实有 {n_rows} 条：可能只是其中一页；缺的记录会被当作已移除",
            f"the file says there are {expected} records and holds {n_rows}: it may be one page of several, and the "
            "records it lacks would count as removed",
        )
    ]


def _widened(profile: Profile, table: RawTable) -> RawTable:
    """A sheet with the columns worked out."""
    columns = table.columns.copy(deep=False)
    for rule in profile.derived:
        spelled = _spelling(columns)
        paths = [path for path in paths_read(rule) if normal_name(path) in spelled]
        if not paths or rule.each:
            continue
        cells = zip(*(columns[spelled[normal_name(path)]] for path in paths), strict=True)
        values = [derive(rule, dict(zip(paths, row, strict=True))) for row in cells]
        own = columns.get(rule.name)
        if own is not None:
            values = [value if plain_text(said) == "" else said for said, value in zip(own, values, strict=True)]
        columns[rule.name] = pd.Series(values, index=columns.index, dtype=object)
    return replace(table, columns=columns)


def _without_helpers(profile: Profile, table: RawTable) -> RawTable:
    """Without the columns named ``@…`` that were worked out and that no field is read from."""
    spelled = _spelling(table.columns)
    firsts = (
        next((spelled[name] for c in said.columns if (name := normal_name(c)) in spelled), None)
        for said in profile.fields.values()
    )
    idle = {rule.name for rule in profile.derived if rule.name.startswith("@")} - {*firsts}
    return replace(table, columns=table.columns.drop(columns=[c for c in table.columns.columns if c in idle]))


# Which rows -----------------------------------------------------------------------------------------------------------


def _spelling(columns: pd.DataFrame) -> dict[str, str]:
    """Column names as they stand in the file, by their normal names; the first of several."""
    return {normal_name(str(c)): str(c) for c in reversed(columns.columns)}


def _spelled(table: RawTable, where: Mapping[str, str]) -> dict[str, str]:
    spelled, known = _spelling(table.columns), [str(c) for c in table.columns.columns]
    words = Words(f"没有这一列；有：{'、'.join(known)}", f"no such column; there are: {', '.join(known)}")
    faults = [Fault("--where", name, name, words) for name in where if normal_name(name) not in spelled]
    if faults:
        zh = f"--where {faults[0].column}：{words.zh}"
        raise BadParameter(zh, f"--where {faults[0].column}: {words.en}", faults)
    return {name if name in known else spelled[normal_name(name)]: text for name, text in where.items()}


def _without_skipped(profile: Profile, table: RawTable) -> RawTable:
    """Without the rows that are none of the layer; how many they are is a warning."""
    keep, warnings = np.ones(table.n_rows, bool), list(table.warnings)
    for rule in profile.skip:
        spelled = _spelling(table.columns).get(normal_name(rule.column))
        if spelled is None:
            continue
        text, pattern = table.text(spelled), re.compile(rule.pattern)
        out = keep & text.map(lambda cell, pattern=pattern: pattern.fullmatch(cell) is not None).to_numpy(bool)
        if out.any():
            examples = list(dict.fromkeys(text.iloc[positions(out)]))[:SHOWN]
            n, said = int(out.sum()), ", ".join(repr(example) for example in examples)
            warnings.append(
                Words(
                    f"未取 {n} 行：{rule.why.zh}（{spelled}，如 {said}）",
                    f"left out {n} rows: {rule.why.en} ({spelled}, as {said})",
                )
            )
        keep &= ~out
    if not keep.any():
        reasons = warnings[-1] if warnings else Words("", "")
        raise InvalidInput(f"{table.name} 没有可用的行。{reasons.zh}", f"{table.name} has no row of use; {reasons.en}")
    geometry = None if table.geometry is None else table.geometry[keep]
    return replace(table, columns=table.columns[keep], geometry=geometry, warnings=tuple(warnings))
