"""Buildings with heights (context)."""

from twin.errors import Words
from twin.layers.base import Field, LayerType

BUILDINGS = LayerType(
    "buildings",
    Words("建筑", "Buildings"),
    "polygon",
    (
        Field("height_m", "float", Words("高度", "Height"), unit="m", minimum=0, synonyms=("height_m", "height")),
        Field("use", "enum", Words("用途", "Use"), domain=("residential", "office", "commercial", "industrial", "public", "unknown"),
              default="unknown", synonyms=("use", "building")),
    ),
    context=True,
    category="use",
    important=("use", "height_m"),
)  # fmt: skip
