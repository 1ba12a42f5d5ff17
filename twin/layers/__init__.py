"""What is there: one layer type a file. A new layer is a file and its line here."""

from twin.errors import NotFound
from twin.layers.areas import AREAS
from twin.layers.base import COMMON, Field, LayerType
from twin.layers.buildings import BUILDINGS
from twin.layers.cameras import CAMERAS
from twin.layers.candidates import CANDIDATES
from twin.layers.chargers import CHARGERS
from twin.layers.land_use import LAND_USE
from twin.layers.radio_sectors import RADIO_SECTORS
from twin.layers.radio_sites import RADIO_SITES
from twin.layers.roads import ROADS
from twin.layers.sensors import SENSORS
from twin.layers.water import WATER

__all__ = ["COMMON", "LAYERS", "Field", "LayerType", "layer_named"]

LAYERS: dict[str, LayerType] = {
    layer.name: layer
    for layer in (
        AREAS,
        CAMERAS,
        CHARGERS,
        RADIO_SITES,
        RADIO_SECTORS,
        SENSORS,
        CANDIDATES,
        ROADS,
        WATER,
        BUILDINGS,
        LAND_USE,
    )
}


def layer_named(name: str) -> LayerType:
    """The layer type of that name.

    Raises:
        NotFound: naming those there are.
    """
    if name not in LAYERS:
        known = ", ".join(LAYERS)
        raise NotFound(f"没有图层“{name}”。现有：{known}", f"no layer {name!r}; there are: {known}")
    return LAYERS[name]
