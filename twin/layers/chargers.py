"""Charging stations (充电站). T/CEC 102 station types."""

from twin.errors import Words
from twin.layers.base import SAME_KEY, Field, LayerType, SameThing

CHARGERS = LayerType(
    "chargers",
    Words("充电站", "Charging stations"),
    "point",
    (
        Field("station_type", "enum", Words("站点类型", "Station type"),
              domain=("public", "private", "bus", "sanitation", "logistics", "taxi", "other", "unknown"), default="unknown",
              codes={"1": "public", "50": "private", "100": "bus", "101": "sanitation", "102": "logistics", "103": "taxi",
                     "255": "other", "公共": "public", "个人": "private", "公交": "bus", "环卫": "sanitation",
                     "物流": "logistics", "出租车": "taxi", "其他": "other"},
              synonyms=("station_type", "stationtype", "站点类型")),
        Field("n_connectors", "int", Words("充电接口数", "Connectors"), minimum=0,
              synonyms=("n_connectors", "total_piles", "connectors", "充电桩数", "接口数")),
        Field("max_power_kw", "float", Words("最大功率", "Maximum power"), unit="kW", minimum=0,
              synonyms=("max_power_kw", "power", "最大功率")),
    ),
    same=(
        SAME_KEY,
        SameThing("same-place", Words("两个来源，相距不超过 1 m", "two sources, within 1 m"), within_m=1.0),
        SameThing("same-name", Words("两个来源，名称相同，相距不超过 50 m", "two sources, the same name, within 50 m"),
                  within_m=50.0, equal=("name",)),
    ),
    important=("name", "lifecycle", "valid_from", "owner", "station_type", "n_connectors", "max_power_kw"),
    review_years=8,
)  # fmt: skip
