"""A sheet of cameras as authorities keep it (一机一档), made up from a seed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import xlsxwriter

N_CAMERAS = 70_000
HEADER = (
    "设备编码 设备名称 设备厂商 行政区域 监控点位类型 设备型号 点位俗称 IPV4地址 MAC地址 摄像机类型 安装地址 经度 纬度 "
    "摄像机位置类型 监控方位 联网属性 安装时间 管理单位 管理单位联系方式 设备状态"
).split()  # fmt: skip
KINDS, SPOTS, WAYS = ("球机", "半球", "固定枪机", "遥控枪机"), ("室外", "室内"), tuple("东南西北")
LINKS, STATES = ("自建联网", "已复接", "待复接"), ("在线", "离线")


def write_ledger(path: Path, lnglat: np.ndarray, seed: int = 1) -> None:
    """A workbook with a row for each of (n, 2) places."""
    rng = np.random.default_rng(seed)
    choices = [rng.integers(0, len(c), len(lnglat)).tolist() for c in (KINDS, SPOTS, WAYS, LINKS, STATES)]
    with xlsxwriter.Workbook(path, {"constant_memory": True}) as book:
        sheet = book.add_worksheet()
        sheet.write_row(0, 0, HEADER)
        for i, ((lng, lat), kind, spot, way, linked, state) in enumerate(zip(lnglat.tolist(), *choices, strict=True)):
            sheet.write_row(i + 1, 0, [
                f"3101120000132{i:07d}", f"摄像机 {i}", "某厂", "闵行区", "治安", "某型", f"路口 {i % 500}", "10.0.0.1", "00:00:00:00:00:00",
                KINDS[kind], f"某路 {i} 号", round(lng, 6), round(lat, 6), SPOTS[spot], WAYS[way], LINKS[linked], "2020-05-01", "某单位",
                "00000000", STATES[state],
            ])  # fmt: skip
