"""Boundaries and zones of every kind and level. ``key`` is the area's code."""

from twin.errors import Words
from twin.layers.base import Field, LayerType

LEVELS = ("city", "district", "town", "grid", "zone", "aoi")

AREAS = LayerType(
    "areas",
    Words("区域", "Areas"),
    "polygon",
    (
        Field("code", "text", Words("代码", "Code"), synonyms=("code", "adcode", "代码", "区划代码")),
        Field("name_en", "text", Words("英文名", "English name"), default="", synonyms=("name_en",)),
        Field("level", "enum", Words("层级", "Level"), domain=LEVELS,
              codes={"市": "city", "区": "district", "街镇": "town", "网格": "grid"}, synonyms=("level", "层级")),
        Field("area_km2_published", "float", Words("公布面积", "Published area"), unit="km²", minimum=0,
              synonyms=("area_km2_published", "official_area_km2", "reported_area_km2")),
    ),
    important=("name", "level"),
)  # fmt: skip
