"""Number of cameras (视频监控总数). Unlinked ones (待复接) do not count: they are the first remedy for a gap."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from twin.coverage.counting import Count, NoData
from twin.coverage.readings import Alternatives, first
from twin.coverage.result import Evaluation, Scene
from twin.model import BUILT, LayerTable, Lifecycle

LAYER = "cameras"
SPOTS_A_DEGREE = 1e6
"""Spots are the same within 0.1 m, of which …"""
OFF_THE_DIGITS = 0.3137
"""… the limits lie where no coordinate of nine decimals does: a conversion's last digit changes nothing."""
Access = Literal["own", "relayed", "unlinked"]


@dataclass(frozen=True, slots=True)
class CameraCountParameters:
    access: tuple[Access, ...] = ("own", "relayed")
    states: tuple[Lifecycle, ...] = BUILT


def counted_cameras(table: LayerTable, access: tuple[Access, ...], states: tuple[Lifecycle, ...]) -> NDArray[np.bool_]:
    """Which cameras count, wherever they are."""
    return (table.frame["access"].isin(access) & table.frame["lifecycle"].isin(states)).to_numpy(bool)


def readings(_scene: Scene, parameters: CameraCountParameters) -> Alternatives:
    """Which access counts, and in which state."""
    return {
        "access": first(parameters.access, ("own", "relayed"), ("own", "relayed", "unlinked")),
        "states": first(parameters.states, BUILT, ("operating",)),
    }


def unsure_cameras(
    table: LayerTable, access: tuple[Access, ...], states: tuple[Lifecycle, ...]
) -> dict[str, NDArray[np.bool_]]:
    """Cameras that do not count but would if what their record leaves open were known, by cause. Each has one cause."""
    no_access, no_state = (table.frame[name].isna().to_numpy(bool) for name in ("access", "lifecycle"))
    may_count = (table.frame["access"].isin(access).to_numpy(bool) | no_access) & (
        table.frame["lifecycle"].isin(states).to_numpy(bool) | no_state
    )
    return {"unknown_state": may_count & no_state, "unknown_access": may_count & no_access & ~no_state}


def repeated_cameras(table: LayerTable, chosen: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Of the chosen cameras those that may be the same thing as another: at the same spot, with the same azimuth, from
    another source. Where sources differ in number there, those of the one that has most are not repeated. Several on a
    pole look different ways; without an azimuth nothing is said."""
    repeated = np.zeros(len(table), bool)
    columns = table.frame.loc[chosen, ["lng", "lat", "azimuth_deg", "source", "n_devices"]]
    if columns["source"].nunique() < 2:
        return repeated
    spots = np.floor(columns[["lng", "lat"]].to_numpy() * SPOTS_A_DEGREE + OFF_THE_DIGITS)
    columns = columns.assign(lng=spots[:, 0], lat=spots[:, 1], source=columns["source"].astype(str))
    there = ["lng", "lat", "azimuth_deg"]
    devices = columns.dropna(subset=there).groupby([*there, "source"], sort=True)["n_devices"].sum().reset_index()
    most = devices.sort_values("n_devices", ascending=False, kind="stable").drop_duplicates(there)
    kept = columns.merge(most.rename(columns={"source": "kept"})[[*there, "kept"]], on=there, how="left")["kept"]
    repeated[chosen] = (kept.notna() & (kept != columns["source"].to_numpy())).to_numpy(bool)
    return repeated


def evaluate(scene: Scene, parameters: CameraCountParameters) -> Evaluation:
    table = scene.table(LAYER)
    if table is None:
        return NoData(scene, parameters, (LAYER,))
    built = table.frame["lifecycle"].isin(parameters.states).to_numpy(bool) & scene.scope.contains(table.lnglat)
    n = table.frame["n_devices"].to_numpy()
    facts = {
        f"n_{a}": int(n[built & (table.frame["access"] == a).to_numpy()].sum()) for a in ("own", "relayed", "unlinked")
    }
    return Count(scene, table, counted_cameras(table, parameters.access, parameters.states), parameters, facts)
