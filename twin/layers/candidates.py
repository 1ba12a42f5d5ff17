"""Places where something could be built: car parks, poles (context for siting)."""

from twin.errors import Words
from twin.layers.base import Field, LayerType

CANDIDATES = LayerType(
    "candidates",
    Words("候选点", "Candidates"),
    "point",
    (
        Field("candidate_kind", "enum", Words("类型", "Kind"), domain=("car_park", "pole", "other"), default="other",
              codes={"停车场": "car_park", "灯杆": "pole"}, synonyms=("candidate_kind", "kind", "类型")),
        Field("capacity", "int", Words("车位数", "Capacity"), minimum=0, synonyms=("capacity", "车位数")),
    ),
    context=True,
    category="candidate_kind",
    amount="capacity",
    important=("name", "candidate_kind"),
)  # fmt: skip
