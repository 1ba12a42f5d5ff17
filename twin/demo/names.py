"""Plausible Chinese street names. Some exist in Minhang, but never where the schematic streets lie."""

from __future__ import annotations

import itertools

import numpy as np

FAMILIAR = (
    "沪闵路 春申路 莘松路 七莘路 都市路 剑川路 东川路 银都路 顾戴路 吴中路 虹梅南路 漕宝路 北翟路 申长路 申虹路 浦星公路 三鲁公路 "
    "陈行公路 江月路 鲁南路 联航路 景联路 颛兴路 元江路 放鹤路 北松公路 华宁路 龙吴路 曲吴公路 莲花南路 报春路 古美路 平阳路 合川路 "
    "中春路 疏影路 畹町路 罗锦路 朱梅路 梅陇西路 闵瑞路 富永路 浦锦路 浦驰路 苏召路 沈杜公路 恒南路 永德路 兴梅路 金都路"
).split()
FIRST = "申莘春沪银景联金浦江虹华鹤颛元双曙永友安"
SECOND = "松川庄梅建谷泾塘桥园星丰和江城明新文平秀"
EXPRESSWAYS = (
    "沪常高速公路 嘉闵高架路 沪闵高架路 虹梅高架路 沪金高速公路 沪昆高速公路 外环高速公路 申嘉湖高速公路 浦星高架路 绕城高速公路"
).split()


def street_names(rng: np.random.Generator, n: int) -> list[str]:
    """``n`` different names of ordinary streets, the familiar ones among them, in random order; n ≤ 350."""
    composed = [f"{a}{b}路" for a, b in itertools.product(FIRST, SECOND)]
    others = [composed[i] for i in rng.permutation(len(composed)) if composed[i] not in FAMILIAR]
    names = [*FAMILIAR, *others][:n]
    return [names[i] for i in rng.permutation(n)]
