"""5G base stations: one operator's 站点号. A mast (站址) may carry several."""

from twin.errors import Words
from twin.layers.base import Field, LayerType

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
)  # fmt: skip
