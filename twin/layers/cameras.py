"""Cameras (视频监控). GB/T 28181 names and codes."""

from twin.errors import Words
from twin.layers.base import SAME_KEY, Field, LayerType, SameThing

CAMERAS = LayerType(
    "cameras",
    Words("视频监控", "Cameras"),
    "point",
    (
        Field("camera_type", "enum", Words("摄像机类型", "Camera type"),
              domain=("dome", "half_dome", "fixed", "remote", "unknown"), default="unknown",
              codes={"1": "dome", "2": "half_dome", "3": "fixed", "4": "remote",
                     "球机": "dome", "半球": "half_dome", "固定枪机": "fixed", "遥控枪机": "remote"},
              synonyms=("camera_type", "摄像机类型", "ptztype")),
        Field("indoor", "bool", Words("室内", "Indoor"), codes={"1": "false", "2": "true", "室外": "false", "室内": "true"},
              synonyms=("indoor", "摄像机位置类型", "roomtype")),
        Field("access", "enum", Words("联网属性", "Access"), domain=("own", "relayed", "unlinked"), default="own",
              codes={"自建联网": "own", "已复接": "relayed", "待复接": "unlinked"}, synonyms=("access", "联网属性")),
        Field("azimuth_deg", "float", Words("方位角", "Azimuth"), unit="°", minimum=0, maximum=360, tells_place=True,
              synonyms=("azimuth_deg", "azimuth", "方位角")),
        Field("hfov_deg", "float", Words("水平视场角", "Horizontal field of view"), unit="°", minimum=0, maximum=360,
              synonyms=("hfov_deg", "hfov")),
        Field("range_m", "float", Words("可视距离", "Range"), unit="m", minimum=0, synonyms=("range_m",)),
    ),
    sensitive=True,
    same=(
        SAME_KEY,
        SameThing("same-place",
                  Words("两个来源，相距不超过 1 m，方位角相差不超过 5°", "two sources, within 1 m, azimuths within 5°"),
                  within_m=1.0, told_apart_by=("azimuth_deg",)),
    ),
    important=("name", "lifecycle", "valid_from", "owner", "camera_type", "indoor", "access", "azimuth_deg"),
    review_years=8,
)  # fmt: skip
