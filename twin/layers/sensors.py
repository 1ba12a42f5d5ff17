"""City sensing nodes (城市神经元感知节点)."""

from twin.errors import Words
from twin.layers.base import SAME_KEY, Field, LayerType, SameThing

SENSORS = LayerType(
    "sensors",
    Words("感知节点", "Sensors"),
    "point",
    (
        Field("domain", "enum", Words("领域", "Domain"),
              domain=("building", "road", "water", "power", "gas", "environment", "other"), default="other",
              codes={"建筑物": "building", "道路": "road", "水务": "water", "电力": "power", "燃气": "gas",
                     "环境监测": "environment", "其他": "other"},
              synonyms=("domain", "领域")),
        Field("sensor_type", "text", Words("类型", "Type"), default="", synonyms=("sensor_type", "类型")),
    ),
    sensitive=True,
    sensitive_where={"domain": frozenset(("gas", "power", "water"))},
    same=(
        SAME_KEY,
        SameThing("same-place",
                  Words("两个来源，相距不超过 1 m，领域和类型相同", "two sources, within 1 m, one domain and type"),
                  within_m=1.0, told_apart_by=("domain", "sensor_type")),
    ),
    important=("name", "lifecycle", "valid_from", "owner", "domain", "sensor_type"),
    review_years=8,
)  # fmt: skip
