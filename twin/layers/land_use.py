"""Land by its use (context): what a share may be a share of."""

from twin.errors import Words
from twin.layers.base import Field, LayerType

LAND_USE = LayerType(
    "land_use",
    Words("用地", "Land use"),
    "polygon",
    (
        Field("use", "enum", Words("用途", "Use"),
              domain=("residential", "commercial", "industrial", "public", "transport", "parking", "green", "water", "other"),
              default="other",
              codes={"居住": "residential", "住宅": "residential", "商业": "commercial", "工业": "industrial", "公共": "public",
                     "交通": "transport", "停车": "parking", "绿地": "green", "水域": "water", "其他": "other"},
              synonyms=("use", "landuse", "land_use", "用地性质", "用途", "用地类型")),
    ),
    context=True,
    category="use",
    important=("use",),
)  # fmt: skip
