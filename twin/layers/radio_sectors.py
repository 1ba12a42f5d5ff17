"""5G sectors (扇区): one antenna direction and carrier of a station."""

from twin.errors import Words
from twin.layers.base import SAME_KEY, Field, LayerType, SameThing

RADIO_SECTORS = LayerType(
    "radio_sectors",
    Words("5G 扇区", "5G sectors"),
    "point",
    (
        Field("site", "text", Words("所属基站", "Station"), default="", synonyms=("site", "所属站点", "站点号")),
        Field("azimuth_deg", "float", Words("方位角", "Azimuth"), unit="°", minimum=0, maximum=360, tells_place=True,
              synonyms=("azimuth_deg", "azimuth", "方向角", "方位角")),
        Field("frequency_mhz", "float", Words("频率", "Frequency"), unit="MHz", minimum=0,
              synonyms=("frequency_mhz", "frequency")),
        Field("bandwidth_mhz", "float", Words("带宽", "Bandwidth"), unit="MHz", minimum=0, synonyms=("bandwidth_mhz", "bandwidth")),
        Field("tx_power_dbm", "float", Words("发射功率", "Transmit power"), unit="dBm", synonyms=("tx_power_dbm",)),
        Field("antenna_gain_dbi", "float", Words("天线增益", "Antenna gain"), unit="dBi", synonyms=("antenna_gain_dbi",)),
        Field("height_m", "float", Words("天线挂高", "Antenna height"), unit="m", synonyms=("height_m", "天线挂高")),
        Field("downtilt_deg", "float", Words("下倾角", "Downtilt"), unit="°", synonyms=("downtilt_deg", "下倾角")),
    ),
    sensitive=True,
    same=(
        SAME_KEY,
        SameThing("same-place",
                  Words("两个来源，同一基站，相距不超过 1 m，方位角相差不超过 5°，频率相同",
                        "two sources, one station, within 1 m, azimuths within 5°, one frequency"),
                  within_m=1.0, equal=("site",), told_apart_by=("azimuth_deg", "frequency_mhz")),
    ),
    important=("lifecycle", "valid_from", "site", "azimuth_deg", "frequency_mhz", "height_m", "downtilt_deg"),
    review_years=8,
)  # fmt: skip
