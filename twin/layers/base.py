"""What a layer type says: its fields, their units and domains, how files name them. Knows no file and no store."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from twin.errors import Words

FieldKind = Literal["text", "int", "float", "bool", "enum", "time"]


@dataclass(frozen=True, slots=True)
class Field:
    """One attribute.

    ``domain`` lists an enum's values; ``codes`` maps other spellings (Chinese words, numbers of a standard) to them.
    ``synonyms`` are column names in files, compared without case, blanks and underscores. ``default`` fills what a
    source lacks (counted in the import's report); None means unknown.

    A profile may say more: ``coded`` are the columns that ``codes`` are for (all, if none is named), ``keeps_unknown``
    keeps and lists a code that nobody knows instead of refusing it, ``pattern`` is what a whole text must match.
    """

    name: str
    kind: FieldKind
    title: Words
    unit: str = ""
    domain: tuple[str, ...] = ()
    codes: Mapping[str, str] = field(default_factory=dict)
    synonyms: tuple[str, ...] = ()
    default: Any = None
    minimum: float | None = None
    maximum: float | None = None
    coded: tuple[str, ...] = ()
    keeps_unknown: bool = False
    pattern: str = ""
    tells_place: bool = False
    """Whether it helps to find a sensitive thing (a name may be an address): not for those who may not see its place."""


@dataclass(frozen=True, slots=True)
class SameThing:
    """When two records of a layer are one thing recorded twice; ``words`` says so for people.

    ``within_m`` is the most metres between them (inclusive); None: wherever they are, if their keys differ only by case,
    blanks and full width. ``equal`` are fields that both must have, with one value. Fields in ``told_apart_by`` make them
    two things where both have a value and these differ (angles by more than ``SAME_ANGLE_DEG``); where one has none, the
    two are possibly the same. Records of one source are different things, as far as that source knows.
    """

    id: str
    words: Words
    within_m: float | None = None
    equal: tuple[str, ...] = ()
    told_apart_by: tuple[str, ...] = ()


SAME_ANGLE_DEG = 5.0
SAME_KEY = SameThing(
    "same-key", Words("编号相同（不计大小写、空格和全角）", "the same key (but for case, blanks, full width)")
)


@dataclass(frozen=True, slots=True)
class LayerType:
    """One kind of thing on the map. ``sensitive``: exact places are not for everybody; ``sensitive_where`` narrows it to rows
    with these values of a field.

    As a denominator, ``category`` names the field that tells its kinds apart, ``amount`` the one that weighs its points.
    ``common`` has the fields of every layer (and ``lng``, ``lat``) where a profile reads them in its own way, ``private``
    the further columns it does not keep.
    ``same`` says when two records are one thing, ``important`` which fields a complete record has, ``review_years`` after
    how many years a state should have been looked at again (None: it holds until it changes, or files give no date).
    """

    name: str
    title: Words
    geometry: Literal["point", "line", "polygon"]
    fields: tuple[Field, ...] = ()
    sensitive: bool = False
    sensitive_where: Mapping[str, frozenset[str]] = field(default_factory=dict)
    context: bool = False
    category: str = ""
    amount: str = "n_devices"
    common: Mapping[str, Field] = field(default_factory=dict)
    private: frozenset[str] = frozenset()
    same: tuple[SameThing, ...] = (SAME_KEY,)
    important: tuple[str, ...] = ("name",)
    review_years: float | None = None

    def all_fields(self) -> tuple[Field, ...]:
        return (*(self.common.get(f.name, f) for f in COMMON), *self.fields)


LIFECYCLE_CODES = {
    "规划": "planned", "建设": "building", "管理": "managed", "运营": "operating", "退役": "retired",
}  # fmt: skip

COMMON: tuple[Field, ...] = (
    Field("key", "text", Words("编号", "Key"),
          synonyms=("key", "id", "site_id", "station_id", "stationid", "设备编码", "设备编号", "编号", "站点号", "cgi", "deviceid")),
    Field("name", "text", Words("名称", "Name"), default="", tells_place=True,
          synonyms=("name", "title", "设备名称", "站点名称", "名称", "基站中文名", "stationname", "点位俗称", "安装地址", "地址", "address", "lot_address", "road_address")),
    Field("lifecycle", "enum", Words("生命周期", "Lifecycle"), domain=("planned", "building", "managed", "operating", "retired"),
          codes=LIFECYCLE_CODES, default="operating", synonyms=("lifecycle", "生命周期", "状态")),
    Field("valid_from", "time", Words("生效时间", "Valid from"), synonyms=("valid_from", "生效时间", "安装时间", "投运时间")),
    Field("valid_to", "time", Words("失效时间", "Valid to"), synonyms=("valid_to", "失效时间")),
    Field("online", "bool", Words("在线", "Online"), synonyms=("online", "在线", "在线状态", "设备状态")),
    Field("n_devices", "int", Words("设备数", "Devices"), default=1, minimum=1,
          synonyms=("n_devices", "camera_count", "设备数", "数量")),
    Field("owner", "text", Words("权属单位", "Owner"), default="", synonyms=("owner", "管理单位", "权属单位", "建设单位")),
)  # fmt: skip
