"""Import profiles: what a known kind of file calls things. Data, not code; who reads the files stands at the rim."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from twin.errors import InvalidInput, MappingAmbiguous, NotFound, Words
from twin.layers.base import COMMON, Field, LayerType
from twin.layers.mapping import LAT, LNG, normal_name
from twin.layers.profile_document import keys_seen, records_at
from twin.layers.table import RawTable, plain_text

Take = Literal["first", "count", "sum", "max", "each"]
EVERY_LAYER = (LNG, LAT, *COMMON)


@dataclass(frozen=True, slots=True)
class ProfileField:
    """How a field is named and coded. ``codes`` is word to value, the words as ``values.code_word`` has them.

    ``written`` is value to the word that stands for it alone; ``coded`` and ``pattern`` as in ``base.Field``.
    """

    name: str
    columns: tuple[str, ...] = ()
    codes: Mapping[str, str] = field(default_factory=dict)
    written: Mapping[str, str] = field(default_factory=dict)
    coded: tuple[str, ...] = ()
    default: str = ""
    pattern: str = ""


@dataclass(frozen=True, slots=True)
class Derived:
    """A column that is worked out of others.

    ``each`` is a path of lists: its parts are what is counted, summed and so on; empty for the record itself.
    ``value`` are ways to a part's value, the first that gives one counts: a path, a product ``a * b``, or a text ``{a}-{b}``.
    ``words`` turns values into others (what is none of them says nothing, unless numbers are taken), ``order`` says which of
    several comes first. Parts are left out ``without`` the path having one of the values, ``rather_without`` only as long
    as others remain.
    """

    name: str
    value: tuple[str, ...] = ()
    each: str = ""
    take: Take = "first"
    order: tuple[str, ...] = ()
    words: Mapping[str, str] = field(default_factory=dict)
    otherwise: str = ""
    pattern: str = ""
    factor: float = 1.0
    without: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    rather_without: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Skip:
    """Rows that are none of the layer: the whole text of ``column`` matches ``pattern``."""

    column: str
    pattern: str
    why: Words


@dataclass(frozen=True, slots=True)
class Grouping:
    """Rows with the same text in the columns ``by`` (the first of which must not be blank) are one feature.

    Each of these is given with its variants. ``count`` names the column that says how many rows they were.
    """

    by: tuple[tuple[str, ...], ...]
    count: str


@dataclass(frozen=True)
class Profile:
    """One kind of file for one layer.

    ``required`` are the columns (of records: keys) that it is recognised by, each with its variants. ``path`` are the
    places where a document may hold its list of records ("." is the document), ``total`` those where it says how many
    there should be. ``frame`` is what the format defines. ``notes`` are worth telling whoever imports with it.
    """

    id: str
    layer: str
    title: Words
    required: tuple[tuple[str, ...], ...]
    formats: tuple[str, ...] = ()
    path: tuple[str, ...] = (".",)
    total: tuple[str, ...] = ()
    frame: str | None = None
    fields: Mapping[str, ProfileField] = field(default_factory=dict)
    derived: tuple[Derived, ...] = ()
    skip: tuple[Skip, ...] = ()
    group: Grouping | None = None
    private: tuple[str, ...] = ()
    file: str = ""
    notes: tuple[Words, ...] = ()


# Which profile --------------------------------------------------------------------------------------------------------


def missing(profile: Profile, table: RawTable) -> tuple[str, ...]:
    """What the table lacks to be of this kind (columns with their variants as ``a|b``); empty if it is."""
    if profile.formats and table.format not in profile.formats:
        return (f"{table.format} ≠ {'|'.join(profile.formats)}",)
    names = {normal_name(str(c)) for c in table.columns.columns}
    if table.document is not None:
        names = {normal_name(name) for name in keys_seen(records_at(table.document, profile.path))}
    required = (*profile.required, *(profile.group.by[:1] if profile.group else ()))
    return tuple("|".join(wanted) for wanted in required if names.isdisjoint(map(normal_name, wanted)))


def recognises(profile: Profile, table: RawTable) -> bool:
    """Whether the table is of this kind."""
    return not missing(profile, table)


def choose_profile(profiles: Iterable[Profile], layer: str, table: RawTable, named: str | None) -> Profile | None:
    """The profile to read a table with; None where none fits, and the layer's own synonyms go on.

    Raises:
        NotFound: ``named`` is not one of the layer's; the message has those.
        InvalidInput: ``named`` does not fit the table, or no profile fits a nested document.
        MappingAmbiguous: more than one fits, and none is named.
    """
    own = [p for p in profiles if p.layer == layer]
    known = ", ".join(p.id for p in own) or "—"
    if named is not None:
        return _named(own, layer, table, named, known)
    fitting = [p for p in own if recognises(p, table)]
    if len(fitting) > 1:
        ways = " / ".join(f"--profile {p.id}" for p in fitting)
        zh = f"{table.name} 符合多个导入模板，请选一：{ways}"
        raise MappingAmbiguous(zh, f"more than one profile fits {table.name}; settle it: {ways}")
    if not fitting and table.document is not None:
        seen = ", ".join(keys_seen(records_at(table.document, (".",)))) or type(table.document).__name__
        raise InvalidInput(
            f"{table.name} 是嵌套的 JSON，没有导入模板能识别它。顶层的键：{seen}；图层 {layer} 的模板：{known}",
            f"{table.name} is nested JSON that no profile recognises. Keys at its top: {seen}; profiles of {layer}: {known}",
        )
    return fitting[0] if fitting else None


def _named(own: Sequence[Profile], layer: str, table: RawTable, named: str, known: str) -> Profile:
    profile = next((p for p in own if p.id == named), None)
    if profile is None:
        zh = f"图层 {layer} 没有导入模板“{named}”。现有：{known}"
        raise NotFound(zh, f"layer {layer} has no profile {named!r}; there are: {known}")
    lacking = missing(profile, table)
    if lacking:
        if table.document is not None and not records_at(table.document, profile.path):
            lacking = (f"{' / '.join(profile.path)} → [ {{…}} ]",)
        said = ", ".join(lacking)
        raise InvalidInput(
            f"{table.name} 不符合模板 {named}，缺少：{said}",
            f"{table.name} does not fit the profile {named}; it lacks {said}",
        )
    return profile


# What it changes ------------------------------------------------------------------------------------------------------


def specialised(layer: LayerType, profile: Profile) -> LayerType:
    """The layer as the profile names and codes it: for ``map_columns`` and ``check_table``.

    Columns that the profile names for a field replace the layer's synonyms; codes come on top of the layer's.
    """
    return replace(
        layer,
        fields=tuple(_specialised(f, profile) for f in layer.fields),
        common={f.name: _specialised(f, profile) for f in EVERY_LAYER},
        private=frozenset(normal_name(name) for name in profile.private),
    )


def _specialised(field: Field, profile: Profile) -> Field:
    said = profile.fields.get(field.name, ProfileField(field.name))
    default = said.default or field.default
    return replace(
        field,
        synonyms=said.columns or field.synonyms,
        codes={**field.codes, **said.codes},
        coded=said.coded,
        default=default,
        pattern=said.pattern,
        keeps_unknown=default is not None if field.kind == "enum" else bool(said.codes),
    )


def words_of(field: str, value: Any, profile: Profile) -> str | None:
    """The word (or code) that a profile writes for a field's value; None where no single one stands for it."""
    said = profile.fields.get(field)
    return None if said is None else said.written.get(plain_text(value))
