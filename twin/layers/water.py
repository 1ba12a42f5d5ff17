"""Rivers and lakes (context; an exclusion where a rule is told so)."""

from twin.errors import Words
from twin.layers.base import LayerType

WATER = LayerType("water", Words("水系", "Water"), "polygon", context=True)
