"""Profiles from parsed TOML: every fault of a file at once, each with its line. Who reads the files stands at the rim."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import Any, get_args

from twin.errors import Fault, InvalidInput, Words
from twin.frames import FRAMES
from twin.layers import LAYERS
from twin.layers.base import Field
from twin.layers.mapping import normal_name
from twin.layers.profile import EVERY_LAYER, Derived, Grouping, Profile, ProfileField, Skip, Take
from twin.layers.toml_source import Source, variants
from twin.layers.values import code_word
from twin.plan import KeyPath

ID = re.compile(r"[a-z0-9][a-z0-9_-]*")
TOP = ("id", "layer", "title", "title_en", "frame", "private", "recognise", "rows", "derived", "fields")
PARTS = {
    "recognise": ("formats", "columns"),
    "rows": ("path", "total", "skip", "group"),
    "skip": ("column", "pattern", "why", "why_en"),
    "group": ("by", "count"),
    "derived": (
        "value",
        "each",
        "take",
        "order",
        "words",
        "otherwise",
        "pattern",
        "factor",
        "without",
        "rather_without",
    ),
    "field": ("columns", "codes", "coded", "default", "pattern"),
}


def profile_from(tables: Mapping[str, Any], lines: Mapping[KeyPath, int], name: str = "") -> Profile:
    """The profile that a parsed TOML file holds.

    Args:
        tables: as a TOML reader gives them.
        lines: the line (from 1) of each key by its path.
        name: of the file, for faults and for ``Profile.file``.

    Raises:
        InvalidInput: with every fault, each with ``name:line``.
    """
    source = Source(name, tables, lines)
    profile = _profile(source)
    if source.faults:
        raise profile_invalid(sorted(source.faults, key=lambda fault: source.line(fault.path)))
    return profile


def profile_invalid(faults: list[Fault]) -> InvalidInput:
    """One error for all of them."""
    n, first = len(faults), faults[0]
    zh = f"导入模板有 {n} 处错误，第一处：{first.where} {first.column}：{first.words.zh}"
    return InvalidInput(zh, f"the profiles have {n} fault(s), first: {first}", faults)


def _profile(source: Source) -> Profile:
    top = source.table(source.tables, (), TOP)
    said = {key: source.text(top, (key,), needed=True) for key in ("id", "layer", "title", "title_en")}
    if said["id"] and not ID.fullmatch(said["id"]):
        zh, en = "应为小写字母、数字和连字符", "must be lower-case letters, digits and hyphens"
        source.fault(("id",), said["id"], zh, en)
    _one_of(source, ("layer",), said["layer"], tuple(LAYERS))
    frame = source.text(top, ("frame",))
    _one_of(source, ("frame",), frame, tuple(FRAMES))
    recognise = source.table(top.get("recognise", {}), ("recognise",), PARTS["recognise"])
    required = source.texts(recognise.get("columns"), ("recognise", "columns"))
    if not required and not source.faults:
        source.fault(("recognise", "columns"), None, "缺少：凭哪些列识别", "missing: the columns it is known by")
    rows = source.table(top.get("rows", {}), ("rows",), PARTS["rows"])
    return Profile(
        id=said["id"],
        layer=said["layer"],
        title=Words(said["title"], said["title_en"]),
        required=tuple(variants(text) for text in required),
        formats=source.texts(recognise.get("formats"), ("recognise", "formats")),
        path=source.texts(rows.get("path"), ("rows", "path")) or (".",),
        total=source.texts(rows.get("total"), ("rows", "total")),
        frame=frame or None,
        fields=_fields(source, top.get("fields", {}), said["layer"]),
        derived=_derived(source, top.get("derived", {})),
        skip=_skips(source, rows.get("skip", [])),
        group=_group(source, rows["group"]) if "group" in rows else None,
        private=source.texts(top.get("private"), ("private",)),
        file=source.name,
    )


def _one_of(source: Source, path: KeyPath, text: str, choices: tuple[str, ...]) -> None:
    if text and text not in choices:
        said = ", ".join(choices)
        source.fault(path, text, f"应为其中之一：{said}", f"must be one of {said}")


def _skips(source: Source, value: Any) -> tuple[Skip, ...]:
    if not isinstance(value, list):
        source.fault(("rows", "skip"), value, "应写作 [[rows.skip]]", "must be written as [[rows.skip]]")
        return ()
    found = []
    for number, row in enumerate(value):
        at: KeyPath = ("rows", "skip", number)
        table = source.table(row, at, PARTS["skip"])
        column, why, why_en = (source.text(table, (*at, key), needed=True) for key in ("column", "why", "why_en"))
        found.append(Skip(column, source.pattern(table, (*at, "pattern"), needed=True), Words(why, why_en)))
    return tuple(found)


def _group(source: Source, value: Any) -> Grouping:
    at: KeyPath = ("rows", "group")
    table = source.table(value, at, PARTS["group"])
    by = source.texts(table.get("by"), (*at, "by"))
    if not by:
        source.fault((*at, "by"), None, "缺少：按哪些列归并", "missing: the columns to group by")
    return Grouping(tuple(map(variants, by)), source.text(table, (*at, "count")) or "n_rows")


# Columns worked out ---------------------------------------------------------------------------------------------------


def _derived(source: Source, value: Any) -> tuple[Derived, ...]:
    return tuple(_one_derived(source, name, row) for name, row in source.table(value, ("derived",), None).items())


def _one_derived(source: Source, name: str, value: Any) -> Derived:
    at: KeyPath = ("derived", name)
    table = source.table(value, at, PARTS["derived"])
    take, factor = source.text(table, (*at, "take")) or "first", table.get("factor", 1)
    _one_of(source, (*at, "take"), take, get_args(Take))
    if isinstance(factor, bool) or not isinstance(factor, int | float) or not math.isfinite(factor):
        source.fault((*at, "factor"), factor, "应为数字", "must be a number")
        factor = 1
    ways = source.texts(table.get("value"), (*at, "value"))
    if not ways and take != "count":
        source.fault((*at, "value"), None, "缺少：取哪个值", "missing: which value to take")
    read, _ = _codes(source, table.get("words", {}), (*at, "words"), lambda _: "")
    return Derived(
        name=name,
        value=ways,
        each=source.text(table, (*at, "each")),
        take=take,  # type: ignore[arg-type]
        order=source.texts(table.get("order"), (*at, "order")),
        words=read,
        otherwise=source.text(table, (*at, "otherwise")),
        pattern=source.pattern(table, (*at, "pattern")),
        factor=float(factor),
        without=_conditions(source, table.get("without", {}), (*at, "without")),
        rather_without=_conditions(source, table.get("rather_without", {}), (*at, "rather_without")),
    )


def _conditions(source: Source, value: Any, at: KeyPath) -> Mapping[str, tuple[str, ...]]:
    return {path: source.texts(said, (*at, path)) for path, said in source.table(value, at, None).items()}


# Fields ---------------------------------------------------------------------------------------------------------------


def _fields(source: Source, value: Any, layer: str) -> Mapping[str, ProfileField]:
    """Every field by its name. ``name = "column"`` is short for a table with ``columns``."""
    known = {f.name: f for f in (*EVERY_LAYER, *(LAYERS[layer].fields if layer in LAYERS else ()))}
    found = {}
    for name, said in source.table(value, ("fields",), None).items():
        at: KeyPath = ("fields", name)
        if name not in known:
            there = ", ".join(known)
            if layer in LAYERS:
                source.fault(
                    at, None, f"图层 {layer} 没有这个字段；有：{there}", f"{layer} has no such field; it has {there}"
                )
            continue
        table = said if isinstance(said, Mapping) else {"columns": said}
        found[name] = _one_field(source, known[name], source.table(table, at, PARTS["field"]), at)
    return found


def _one_field(source: Source, kind: Field, table: Mapping[str, Any], at: KeyPath) -> ProfileField:
    where = at if not isinstance(source.tables["fields"][kind.name], Mapping) else (*at, "columns")
    columns = tuple(part for text in source.texts(table.get("columns"), where) for part in variants(text))
    coded = tuple(part for text in source.texts(table.get("coded"), (*at, "coded")) for part in variants(text))
    for name in {*map(normal_name, coded)} - {*map(normal_name, columns)}:
        source.fault((*at, "coded"), name, "不在 columns 中", "is not among the columns")
    codes, written = _codes(source, table.get("codes", {}), (*at, "codes"), lambda value: _value_fault(kind, value))
    default = source.text(table, (*at, "default"))
    if default and (fault := _value_fault(kind, default)):
        source.fault((*at, "default"), default, *fault)
    pattern = source.pattern(table, (*at, "pattern"))
    if pattern and kind.kind != "text":
        source.fault((*at, "pattern"), pattern, "只用于文本字段", "is for text fields only")
    return ProfileField(kind.name, columns, codes, written, coded, default, pattern)


def _value_fault(kind: Field, value: str) -> tuple[str, str] | tuple[()]:
    """Why a value cannot be the field's; empty if it can."""
    if kind.kind == "enum" and value not in kind.domain:
        said = ", ".join(kind.domain)
        return f"应为其中之一：{said}", f"must be one of {said}"
    if kind.kind == "bool" and value not in ("true", "false"):
        return "应为 true 或 false", "must be true or false"
    if kind.kind in ("int", "float") and not re.fullmatch(r"-?\d+(\.\d+)?", value, re.ASCII):
        return "应为数字", "must be a number"
    if kind.kind == "time":
        return "时间字段没有代码", "a time has no codes"
    return ()


def _codes(
    source: Source, value: Any, at: KeyPath, fault_of: Callable[[str], tuple[str, str] | tuple[()] | str]
) -> tuple[Mapping[str, str], Mapping[str, str]]:
    """Words to values, and values to the word that alone stands for them.

    ``value = "word|synonym"`` is one meaning, ``value = ["word", "other|synonym"]`` are several that become one value.
    """
    codes: dict[str, str] = {}
    written: dict[str, str] = {}
    for name, said in source.table(value, at, None).items():
        path = (*at, name)
        if fault := fault_of(name):
            source.fault(path, name, *fault)
        meanings = [variants(text) for text in source.texts(said, path)]
        for word in (word for words in meanings for word in words):
            before = codes.setdefault(code_word(word), name)
            if before != name:
                zh, en = f"“{word}”已用于 {before}", f"{word!r} stands for {before} already"
                source.fault(path, word, zh, en)
        if len(meanings) == 1 and meanings[0]:
            written[name] = meanings[0][0]
    return codes, written
