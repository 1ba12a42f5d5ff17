"""The words of the pages, by name, and of the codes that fields hold: Chinese and English."""

from __future__ import annotations

import re

from twin.errors import Words
from twin.layers import LayerType

WORDS: dict[str, Words] = {
    name: Words(zh, en)
    for name, zh, en in (
        ("name", "虹桥数字孪生", "Hongqiao Twin"),
        ("home", "首页", "Home"),
        ("collections", "图层", "Collections"),
        ("coverage", "规划条款", "Plan clauses"),
        ("map", "地图", "Map"),
        ("docs", "接口文档", "API"),
        ("conformance", "符合的标准", "Conformance"),
        ("tile_matrix_sets", "瓦片网格", "Tile matrix sets"),
        ("tiles", "瓦片", "Tiles"),
        ("styles", "样式", "Styles"),
        ("items", "要素", "Features"),
        ("item", "要素", "Feature"),
        ("schema", "字段", "Schema"),
        ("queryables", "可查询字段", "Queryables"),
        ("skip", "跳到正文", "Skip to the content"),
        ("other_language", "English", "中文"),
        ("as", "本页的其他格式", "This page as"),
        ("title", "名称", "Title"),
        ("id", "标识", "Id"),
        ("kind", "几何类型", "Geometry"),
        ("point", "点", "points"),
        ("line", "线", "lines"),
        ("polygon", "面", "polygons"),
        ("n_features", "要素数", "Features"),
        ("updated", "更新时间", "Updated"),
        ("frame", "来源坐标系", "Frame of the sources"),
        ("extent", "范围（西、南、东、北，度）", "Extent (west, south, east, north, degrees)"),
        ("interval", "时间范围", "Interval"),
        ("crs", "可输出的坐标系", "Coordinate reference systems"),
        ("sources", "来源", "Sources"),
        ("licence", "许可", "Licence"),
        ("quality", "数据质量", "Data quality"),
        ("share", "比例", "Share"),
        ("threshold", "要求", "Needed"),
        ("passed", "达标", "Passed"),
        ("snapshot", "数据版本", "Snapshot"),
        ("links", "链接", "Links"),
        ("download", "整层下载", "The whole layer"),
        ("first", "第一页", "First page"),
        ("next", "下一页", "Next page"),
        ("prev", "上一页", "Previous page"),
        ("matched", "符合条件", "matched"),
        ("returned", "本页", "on this page"),
        ("nothing", "没有符合条件的要素", "No feature matches"),
        ("geometry", "位置", "Place"),
        ("source", "来源", "Source"),
        ("version", "版本", "Version"),
        ("cell", "H3 单元", "H3 cell"),
        ("point_count", "点数", "Points"),
        ("versions", "历次版本", "Versions"),
        ("field", "字段", "Field"),
        ("type", "类型", "Type"),
        ("unit", "单位", "Unit"),
        ("values", "取值", "Values"),
        ("clause", "条款", "Clause"),
        ("value", "现值", "Value"),
        ("target", "目标", "Target"),
        ("verdict", "判定", "Verdict"),
        ("met", "● 达标", "● met"),
        ("unmet", "▲ 未达标", "▲ not met"),
        ("undecided", "◇ 无法判定", "◇ undecided"),
        ("no_data", "○ 未接入数据", "○ no data"),
        ("direction", "– 不判定（方向性）", "– no verdict (direction)"),
        ("strength", "约束力", "Strength"),
        ("area", "区域", "Area"),
        ("zoom", "级别", "Zoom"),
        ("scale", "比例尺分母", "Scale denominator"),
        ("cell_size", "像元大小（m）", "Cell size (m)"),
        ("matrix", "列 × 行", "Columns × rows"),
        ("columns", "列", "Columns"),
        ("rows", "行", "Rows"),
        ("empty_layer", "此图层尚无数据", "This layer holds nothing yet"),
        ("sign_in", "到地图页登录", "Sign in on the map"),
        ("address", "地址", "Address"),
        ("request_id", "请求编号", "Request id"),
        ("axes_degrees_east", "经度、纬度，度", "longitude, latitude, degrees"),
        ("axes_degrees_north", "纬度、经度，度", "latitude, longitude, degrees"),
        ("axes_plane_east", "东坐标、北坐标，m", "easting, northing, m"),
        ("axes_plane_north", "北坐标、东坐标，m", "northing, easting, m"),
        ("towns", "街镇", "Towns"),
        ("shortfall", "缺口", "Short by"),
        ("cited", "出处", "Source"),
        ("as_of", "数据时点", "Data as of"),
        ("known_at", "台账时点", "Known at"),
        ("parameters", "口径参数", "Parameters of the reading"),
        ("ours", "本系统设定，非规划原文", "our settings, not the plan's"),
        ("rounded", "按权限显示为汇总值", "By permission in sum only"),
        ("recorded", "记录时间", "Recorded"),
        ("author", "记录人", "By"),
        ("reason", "原因", "Reason"),
        ("withdrawn", "撤回时间", "Withdrawn"),
        ("on_map", "在地图上看", "On the map"),
        ("yes", "是", "yes"),
        ("no", "否", "no"),
        ("times", "时间为北京时间（UTC+8）；坐标系为 WGS-84，另有说明者除外。", "Times are of Shanghai (UTC+8); coordinates are WGS-84 unless said otherwise."),
    )
}  # fmt: skip

UNITS = {"个/km²": "per km²", "个": "", "项": "indicators"}
"""Of clauses, in English."""
CODES: dict[str, Words] = {
    code: Words(zh, en)
    for code, zh, en in (
        ("unknown", "未知", "unknown"),
        ("other", "其他", "other"),
        ("zone", "分区", "zone"),
        ("aoi", "重点区域", "area of interest"),
        ("expressway", "快速路", "expressway"),
        ("arterial", "主干路", "arterial"),
        ("secondary", "次干路", "secondary"),
        ("local", "支路", "local"),
        ("residential", "居住", "residential"),
        ("office", "办公", "office"),
        ("commercial", "商业", "commercial"),
        ("industrial", "工业", "industrial"),
        ("public", "公共", "public"),
    )
}
"""Of codes for which their field knows no Chinese word."""
CHINESE = re.compile(r"[\u4e00-\u9fff]+")


def code_words(kind: LayerType, name: str, code: str) -> Words:
    """What a code of an enumeration means: in Chinese the first word by which files say it. Other fields' text stays as it is."""
    field = next((f for f in kind.all_fields() if f.name == name and code in f.domain), None)
    if field is None:
        return Words(code, code)
    said = next((word for word, meant in field.codes.items() if meant == code and CHINESE.fullmatch(word)), None)
    known = CODES.get(code, Words(code, code.replace("_", " ")))
    return Words(said or known.zh, known.en)
