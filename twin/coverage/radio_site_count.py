"""Number of 5G base stations (5G 基站数): one operator's 站点号 is one station; indoor systems are counted apart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from twin.coverage.counting import Count, NoData
from twin.coverage.readings import Alternatives, first
from twin.coverage.result import Evaluation, Scene
from twin.model import BUILT, Lifecycle

LAYER = "radio_sites"


@dataclass(frozen=True, slots=True)
class RadioSiteCountParameters:
    site_kinds: tuple[Literal["outdoor", "indoor"], ...] = ("outdoor",)
    states: tuple[Lifecycle, ...] = BUILT


def readings(_scene: Scene, parameters: RadioSiteCountParameters) -> Alternatives:
    """Whether indoor systems count, and in which state."""
    return {
        "site_kinds": first(parameters.site_kinds, ("outdoor",), ("outdoor", "indoor")),
        "states": first(parameters.states, BUILT, ("operating",)),
    }


def evaluate(scene: Scene, parameters: RadioSiteCountParameters) -> Evaluation:
    table = scene.table(LAYER)
    if table is None:
        return NoData(scene, parameters, (LAYER,))
    frame = table.frame
    built = frame["lifecycle"].isin(parameters.states).to_numpy(bool)
    here = frame[built & scene.scope.contains(table.lnglat)]
    sectors = scene.table("radio_sectors")
    facts = {
        "n_outdoor": int(here.loc[here["site_kind"] == "outdoor", "n_devices"].sum()),
        "n_indoor": int(here.loc[here["site_kind"] == "indoor", "n_devices"].sum()),
        "n_masts": int(here.loc[here["mast"] != "", "mast"].nunique()),
        "n_sectors": None if sectors is None else int(sectors.frame["site"].isin(here["key"]).sum()),
        "by_operator": {
            str(k): int(v) for k, v in here.groupby(here["operator"].astype(str))["n_devices"].sum().items()
        },
    }
    counts = built & frame["site_kind"].isin(parameters.site_kinds).to_numpy(bool)
    return Count(scene, table, counts, parameters, facts)
