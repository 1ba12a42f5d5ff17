"""5G base stations: one operator's 站点号. A mast (站址) may carry several."""

from dataclasses import replace

from twin.errors import Words
from twin.layers.base import SAME_KEY, Field, LayerType, SameThing

RADIO_SITES = LayerType(
    "radio_sites",
    Words("5G 基站", "5G base stations"),
    "point",
    (
        Field("site_kind", "enum", Words("站型", "Site kind"), domain=("outdoor", "indoor"), default="outdoor",
              codes={"室外": "outdoor", "室内": "indoor", "宏站": "outdoor", "室分": "indoor"},
              synonyms=("site_kind", "覆盖类型")),
        Field("operator", "text", Words("运营商", "Operator"), default="unknown", synonyms=("operator", "运营商")),
        Field("mast", "text", Words("站址", "Mast"), default="", synonyms=("mast", "站址", "站址编码")),
    ),
    sensitive=True,
    same=(
        replace(SAME_KEY, words=Words("站点号和运营商相同", "the same station number and operator"), equal=("operator",)),
        SameThing("same-place",
                  Words("两个来源，相距不超过 1 m，运营商和站型相同", "two sources, within 1 m, one operator and site kind"),
                  within_m=1.0, told_apart_by=("operator", "site_kind")),
    ),
    important=("name", "lifecycle", "valid_from", "site_kind", "operator", "mast"),
    review_years=8,
)  # fmt: skip
