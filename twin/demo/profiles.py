"""What the demo assumes of each 街镇 beyond the published facts. Synthetic, except the English names."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Profile:
    """``cameras_per_km2`` is scaled to the district's total; ``residents`` stands where no figure is published.

    ``urbanity`` (0 to 1) is how dense the centre is, ``spread_m`` how far that reaches.
    """

    name_en: str
    short_name: str
    cameras_per_km2: float
    residents: int
    urbanity: float
    spread_m: float
    industrial: bool = False


PROFILES: dict[str, Profile] = {
    "310112001": Profile("Jiangchuan Road Subdistrict", "江川", 226, 236_000, 0.80, 1700),
    "310112006": Profile("Gumei Road Subdistrict", "古美", 400, 168_000, 1.00, 1500),
    "310112008": Profile("Xinhong Subdistrict", "新虹", 300, 78_000, 0.90, 1600),
    "310112009": Profile("Pujin Subdistrict", "浦锦", 140, 115_000, 0.60, 1500),
    "310112101": Profile("Xinzhuang Town", "莘庄", 330, 298_000, 1.00, 1700),
    "310112102": Profile("Qibao Town", "七宝", 325, 200_000, 0.95, 1700),
    "310112103": Profile("Zhuanqiao Town", "颛桥", 204, 230_000, 0.70, 1500),
    "310112106": Profile("Huacao Town", "华漕", 166, 232_000, 0.60, 1700),
    "310112107": Profile("Hongqiao Town", "虹桥", 415, 74_517, 1.00, 1600),
    "310112108": Profile("Meilong Town", "梅陇", 243, 309_127, 0.85, 1900),
    "310112110": Profile("Wujing Town", "吴泾", 134, 121_200, 0.50, 1600, industrial=True),
    "310112112": Profile("Maqiao Town", "马桥", 118, 146_000, 0.45, 1500),
    "310112114": Profile("Pujiang Town", "浦江", 97, 292_750, 0.55, 1900),
    "310112501": Profile("Xinzhuang Industrial Zone", "莘庄工业区", 196, 101_000, 0.65, 1500, industrial=True),
}
