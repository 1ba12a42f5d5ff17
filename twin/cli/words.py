"""What stands in tables for people in Chinese: heads, parameters and codes. In English they are the names that callers use."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from twin.access import ROLE_NAMES
from twin.layers import LAYERS
from twin.layers.states import STATE_WORDS

HEADS = {
    "layer": "图层", "n": "数量", "n_devices": "设备数", "labels": "标注", "quality": "质量", "code": "代码", "name": "名称",
    "level": "层级", "published km²": "公布 km²", "value": "取值", "help": "说明", "version": "版本", "tx": "事务",
    "tx_to": "止于事务", "valid_from": "生效时间", "valid_to": "失效时间", "lifecycle": "生命周期", "lng": "经度", "lat": "纬度",
    "recorded_at": "记录时间", "author": "操作人", "reason": "原因", "at": "时间", "source": "来源", "edits": "改动数",
    "file": "文件", "key": "编号", "did": "操作", "closed": "结束版本", "recorded": "新增版本", "id": "编号", "role": "角色",
    "areas": "区域", "purpose": "用途", "state": "状态", "created_at": "创建时间", "created_by": "创建人", "expires_at": "有效至",
    "caller": "访问者", "asked": "请求", "read": "读取内容",
}  # fmt: skip
PARAMETERS = {
    "account": "计入方式",
    "access": "联网属性", "at_least": "至少几座服务", "classes": "类别数", "concentrated_connectors": "集中站的接口数",
    "denominator": "分母", "domains": "领域", "exclude": "排除", "having": "应满足", "layer": "图层", "layers": "图层",
    "level": "层级", "metric": "距离", "min_connectors": "最少接口数", "min_window_km2": "窗口最小界内面积", "model": "模型",
    "operator": "运营商", "public_only": "计入的站", "radius_m": "半径", "reading": "分区读法", "site_kinds": "站点类型",
    "spatial_unit": "空间单元", "states": "计入状态", "where": "计入的设施", "window_km2": "窗口面积", "zones": "分区",
}  # fmt: skip
LEVELS = {"city": "市", "district": "区", "town": "街镇", "grid": "网格", "zone": "分区", "aoi": "关注区"}
STATES = {name: words.zh for name, words in STATE_WORDS.items()}
CODES: dict[str, Mapping[str, str]] = {
    "access": {"own": "自建联网", "relayed": "已复接", "unlinked": "待复接"},
    "domains": {
        "building": "建筑物", "road": "道路", "water": "水务", "power": "电力", "gas": "燃气", "environment": "环境", "other": "其他",
    },
    "did": {"add": "新增", "change": "变更", "remove": "移除"},
    "level": LEVELS,
    "lifecycle": STATES,
    "metric": {"line": "直线", "network": "沿道路"},
    "model": {"disc": "圆盘"},
    "public_only": {"True": "公共", "False": "全部"},
    "reading": {"demand": "按需求点", "station": "按站点"},
    "role": {role: words.zh for role, words in ROLE_NAMES.items()},
    "site_kinds": {"outdoor": "室外", "indoor": "室内"},
    "spatial_unit": {"mean": "全区平均", "window": "窗口", "cell": "六边形", **LEVELS},
    "state": {"good": "有效", "expired": "已过期", "revoked": "已撤销"},
    "states": STATES,
    "status": {"ok": "完整", "partial": "部分", "no-data": "无数据"},
    "unit": {"share": "比例"},
    "labels": {"synthetic": "模拟", "schematic": "示意", "derived": "推导"},
}  # fmt: skip
DENOMINATORS = {"area": "面积", "population": "人口", "assets": "设施数"}


def heads(names: Sequence[str], lang: str) -> list[str]:
    """The heads of a table's columns."""
    return [HEADS.get(name, name) if lang == "zh" else name for name in names]


def parameter(name: str, lang: str) -> str:
    return PARAMETERS.get(name, name) if lang == "zh" else name


def cell(name: str, value: Any, lang: str) -> str:
    """A code, or several, in the column of that name."""
    if value is None or value in ((), [], ""):
        return "—"
    if isinstance(value, list | tuple):
        return ("、" if lang == "zh" else " ").join(cell(name, each, lang) for each in value)
    return CODES.get(name, {}).get(str(value), str(value)) if lang == "zh" else str(value)


def choice(name: str, value: Any, lang: str) -> str:
    """What was chosen for a parameter."""
    if isinstance(value, list | tuple):
        return ("、" if lang == "zh" else "+").join(choice(name, each, lang) for each in value) or "—"
    if lang == "zh" and isinstance(value, str) and name in ("denominator", "layer", "layers", "exclude"):
        return denominator(value)
    return cell(name, value, lang)


def denominator(name: str) -> str:
    """The Chinese name of a denominator or of a layer."""
    layer, _, kind = name.partition(":")
    if layer not in LAYERS:
        return DENOMINATORS.get(name, name)
    return f"{LAYERS[layer].title.zh}（{kind}）" if kind else LAYERS[layer].title.zh
