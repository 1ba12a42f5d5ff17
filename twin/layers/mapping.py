"""Which column of a file feeds which field of a layer. Decides from names alone; what is in the cells is checked later.

A column named for another frame (``lon_bd09_raw``) or ``raw`` does not compete with a plain one. Longitude, latitude and
the key must be unambiguous; for other fields the first synonym in the layer type's order wins, and every choice is shown.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from twin.errors import BadParameter, Fault, MappingAmbiguous, Words
from twin.layers.base import COMMON, Field, LayerType
from twin.layers.own_columns import own_columns, with_short_name
from twin.layers.table import RawTable

LNG = Field("lng", "float", Words("经度", "Longitude"),
            synonyms=("lng", "lon", "longitude", "long", "经度", "设备经度", "站点经度", "stationlng", "x", "东坐标", "easting"))  # fmt: skip
LAT = Field("lat", "float", Words("纬度", "Latitude"),
            synonyms=("lat", "latitude", "纬度", "维度", "设备纬度", "设备维度", "站点纬度", "站点维度", "stationlat", "y",
                      "北坐标", "northing"))  # fmt: skip
GEOMETRY_X, GEOMETRY_Y, ROW = "@x", "@y", "@row"
"""Columns every file has without naming them: the coordinates of a point geometry, and the row's number."""
FRAME_TOKENS = {
    "bd09ll": "bd09", "bd09": "bd09", "百度": "bd09", "gcj02": "gcj02", "gcj": "gcj02", "火星": "gcj02", "高德": "gcj02",
    "wgs84": "wgs84", "wgs": "wgs84", "cgcs2000": "cgcs2000",
}  # fmt: skip
RAW_TOKENS = ("原始", "raw")
PRIVATE = frozenset((
    "ip", "ipv4", "ipv6", "ip地址", "ipv4地址", "ipv6地址", "mac", "mac地址", "macaddress", "ipaddress", "phone",
    "telephone", "tel", "电话", "手机", "手机号", "联系电话", "联系方式", "管理单位联系方式",
))  # fmt: skip
"""Columns that are not kept (network addresses, telephones, what signs somebody in or names a person)."""
WORD = re.compile(r"[A-Z]?[a-z0-9]+|[A-Z0-9]+(?![a-z])")
PRIVATE_WORDS = frozenset(
    "ip ipv4 ipv6 ipaddr ipaddress mac macaddr macaddress gateway netmask phone telephone tel mobile cellphone fax password passwd pwd "
    "email".split()
)
PRIVATE_PART = re.compile("电话|手机|座机|传真|联系方式|邮箱|身份证|密码|网关|子网掩码|物理地址")
ORIGINS = frozenset(("安装时间", "投运时间", "建成时间"))
"""Columns for ``valid_from`` that say when a thing began to be there, not since when it is as it is."""
AREA_KEYS = ("zone",)


@dataclass(frozen=True)
class ColumnMap:
    """``columns`` is field to column, ``constants`` field to text for every row, ``where`` which rows to take.

    ``extra`` are the columns kept under ``extra``, ``dropped`` the private ones that are not, ``ours`` those that our own
    exports have for people.
    """

    columns: Mapping[str, str]
    constants: Mapping[str, str] = field(default_factory=dict)
    where: Mapping[str, str] = field(default_factory=dict)
    extra: tuple[str, ...] = ()
    dropped: tuple[str, ...] = ()
    ours: tuple[str, ...] = ()

    def named(self) -> list[str]:
        """The choices as ``--map`` would write them."""
        return [f"{f}={c}" for f, c in self.columns.items()] + [f"{f}=={v}" for f, v in self.constants.items()]


def parse_pairs(option: str, texts: Iterable[str]) -> dict[str, str]:
    """``name=value`` options as a dictionary; ``level==zone`` gives the value ``=zone``. Raises BadParameter."""
    pairs = [(text, *(part.strip() for part in text.partition("="))) for text in texts]
    faults = [
        Fault(option, "", text, Words("应写作 名称=值", "write name=value"))
        for text, n, eq, _ in pairs
        if not (n and eq)
    ]
    if faults:
        raise BadParameter(f"{option} 应写作 名称=值", f"{option} takes name=value, got {faults[0].value!r}", faults)
    return {name: value for _, name, _, value in pairs}


def normal_name(name: str) -> str:
    """A column name without case, blanks, underscores, hyphens, bracketed units and full-width forms."""
    text = re.sub(r"[\s_\-]+", "", unicodedata.normalize("NFKC", name).casefold())
    return re.sub(r"\((?:°|度|m|米|km|千米|kw|千瓦|km²|km2|mhz|dbm|dbi)\)", "", text)


def column_frame(name: str) -> str | None:
    """The frame that a column's name says, if it says one."""
    return next((frame for token, frame in FRAME_TOKENS.items() if token in normal_name(name)), None)


def _plain_name(name: str) -> str:
    text = normal_name(name)
    for token in (*FRAME_TOKENS, *RAW_TOKENS):
        text = text.replace(token, "")
    return text.replace("()", "")


def map_columns(
    table: RawTable,
    layer: LayerType,
    overrides: Mapping[str, str] | None = None,
    where: Mapping[str, str] | None = None,
    *,
    keep_private: bool = False,
) -> ColumnMap:
    """Decide the mapping.

    Args:
        table: the file; only its column names and whether it has geometry are looked at.
        layer: whose fields are to be fed.
        overrides: field to column; a value starting with ``=`` is a constant, an empty one leaves the field unmapped.
        where: column to the exact text its rows must have.
        keep_private: keep network addresses and telephones, too.

    Raises:
        BadParameter: a field or column that an override or filter names does not exist (all in ``faults``).
        MappingAmbiguous: nothing, or more than one column, fits longitude, latitude or the key.
    """
    overrides, where = dict(overrides or {}), dict(where or {})
    targets = {name: with_short_name(target, table.format) for name, target in _targets(layer).items()}
    if "code" in targets and "key" in overrides:
        overrides.setdefault("code", overrides.pop("key"))
    known = [str(c) for c in table.columns.columns]
    overrides, where = _resolved(overrides, where, targets, known, table)
    columns = {f: c for f, c in overrides.items() if c and not c.startswith("=")}
    constants = {f: c[1:] for f, c in overrides.items() if c.startswith("=")}
    problems = _without_shapes(table, layer)
    taken: set[str] = set()
    for name, target in targets.items():
        if name in overrides:
            continue
        choice = _choose(target, [c for c in known if c not in taken], problems, table)
        if choice is not None:
            columns[name] = choice
            taken.add(choice)
    if problems:
        raise MappingAmbiguous(";".join(p.zh for p in problems), "; ".join(p.en for p in problems))
    ours = tuple(c for c in own_columns(known, table.format) if c not in columns.values())
    left = [c for c in known if c not in columns.values() and c not in ours]
    dropped = tuple(c for c in left if not keep_private and is_private(c, layer))
    extra = tuple(c for c in left if c not in dropped)
    return ColumnMap(columns=columns, constants=constants, where=where, extra=extra, dropped=dropped, ours=ours)


def says_origin(mapping: ColumnMap) -> bool:
    """Whether the dates of a file are those of its things' beginning."""
    return normal_name(mapping.columns.get("valid_from", "")) in ORIGINS


def is_private(column: str, layer: LayerType) -> bool:
    """Whether a column is named for what is not kept: a whole name, or a word within it (``设备IP``, ``contactPhone``)."""
    names = {normal_name(column), normal_name(column.rpartition(".")[2])}
    plain = unicodedata.normalize("NFKC", column)
    words = {word.casefold() for word in WORD.findall(plain)}
    return not (
        names.isdisjoint(PRIVATE | layer.private) and words.isdisjoint(PRIVATE_WORDS) and not PRIVATE_PART.search(plain)
    )


def _targets(layer: LayerType) -> dict[str, Field]:
    """What columns may feed, the layer's own fields first. An area's key is its code."""
    own = {f.name: f for f in layer.fields}
    common = {f.name: layer.common.get(f.name, f) for f in COMMON if not (f.name == "key" and "code" in own)}
    places = {f.name: layer.common.get(f.name, f) for f in (LNG, LAT)} if layer.geometry == "point" else {}
    return {**places, **own, **common}


def _without_shapes(table: RawTable, layer: LayerType) -> list[Words]:
    if layer.geometry == "point" or table.geometry is not None:
        return []
    zh = f"图层 {layer.name} 需要{'面' if layer.geometry == 'polygon' else '线'}，{table.format} 文件没有几何；请用 GeoJSON"
    return [
        Words(zh, f"layer {layer.name} takes {layer.geometry}s, which a {table.format} file does not have; use GeoJSON")
    ]


def _resolved(
    overrides: dict[str, str],
    where: dict[str, str],
    targets: Mapping[str, Field],
    known: Sequence[str],
    table: RawTable,
) -> tuple[dict[str, str], dict[str, str]]:
    """Overrides and filters with the column names as the file spells them; every unknown name is a fault."""
    implied = (ROW, *((GEOMETRY_X, GEOMETRY_Y) if table.geometry is not None else ()))
    spelled = {normal_name(c): c for c in reversed(known)} | {c: c for c in (*known, *implied)}
    faults: list[Fault] = []

    def column(option: str, name: str) -> str:
        if name not in spelled and normal_name(name) not in spelled:
            words = Words(f"没有这一列；有：{'、'.join(known)}", f"no such column; there are: {', '.join(known)}")
            faults.append(Fault(option, name, name, words))
        return str(spelled.get(name) or spelled.get(normal_name(name), name))

    for name in overrides.keys() - targets.keys():
        words = Words(f"没有这个字段；有：{'、'.join(targets)}", f"no such field; there are: {', '.join(targets)}")
        faults.append(Fault("--map", name, overrides[name], words))
    mapped = {f: c if not c or c.startswith("=") else column("--map", c) for f, c in overrides.items()}
    filters = {column("--where", c): value for c, value in where.items()}
    if faults:
        zh = f"{faults[0].where} {faults[0].column}:{faults[0].words.zh}"
        raise BadParameter(zh, f"{faults[0].where} {faults[0].column}: {faults[0].words.en}", faults)
    return mapped, filters


def _choose(target: Field, columns: Sequence[str], problems: list[Words], table: RawTable) -> str | None:
    """The column for one field, or None; what cannot be decided is added to ``problems``."""
    known = [str(c) for c in table.columns.columns]
    if target.name in ("lng", "lat"):
        if table.geometry is not None:
            return GEOMETRY_X if target.name == "lng" else GEOMETRY_Y
        return _only_one(target, columns, target.synonyms, problems, known)
    if target.name in ("key", "code"):
        own = next((c for c in columns if normal_name(c) == target.name), None)
        return own or _only_one(target, columns, _key_synonyms(target, columns), problems, known)
    for synonym in (target.name, *target.synonyms):
        for column in columns:
            if normal_name(column) == normal_name(synonym):
                return column
    return None


def _key_synonyms(target: Field, columns: Sequence[str]) -> tuple[str, ...]:
    """An area without a column for its code takes another id column."""
    names = {normal_name(c) for c in columns}
    if target.name == "key" or any(normal_name(s) in names for s in target.synonyms):
        return target.synonyms
    return (*COMMON[0].synonyms, *AREA_KEYS)


def _only_one(
    target: Field, columns: Sequence[str], synonyms: Iterable[str], problems: list[Words], known: Sequence[str]
) -> str | None:
    wanted = {normal_name(s) for s in synonyms}
    fits = [c for c in columns if normal_name(c) in wanted] or [c for c in columns if _plain_name(c) in wanted]
    if len(fits) == 1:
        return fits[0]
    field_name, there = target.name, ", ".join(known)
    ways = " / ".join(f"--map {field_name}={c}" for c in fits)
    if fits:
        problems.append(
            Words(
                f"{field_name} 有多列可选，请选一：{ways}", f"more than one column fits {field_name}; settle it: {ways}"
            )
        )
    else:
        zh = f"没有能作 {field_name} 的列，请用 --map {field_name}=<列名>；现有列：{there}"
        problems.append(Words(zh, f"no column fits {field_name}; say --map {field_name}=<column>; there are: {there}"))
    return None
