"""Roads, as centre lines (context)."""

from twin.errors import Words
from twin.layers.base import Field, LayerType

ROADS = LayerType(
    "roads",
    Words("道路", "Roads"),
    "line",
    (
        Field("road_class", "enum", Words("等级", "Class"),
              domain=("expressway", "arterial", "secondary", "local", "unknown"), default="unknown",
              codes={"urban": "arterial"}, synonyms=("road_class", "kind", "highway")),
        Field("width_m", "float", Words("宽度", "Width"), unit="m", minimum=0, synonyms=("width_m", "width")),
    ),
    context=True,
    important=("road_class",),
)  # fmt: skip
