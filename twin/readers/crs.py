"""The coordinate system that a file names: told to whoever declares the frame, never taken as declared."""

from __future__ import annotations

from typing import Any

from pyproj import CRS
from pyproj.exceptions import CRSError

from twin.frames import FRAMES


def crs_metadata(named: Any) -> dict[str, str]:
    """``crs``, the name or text of a coordinate system, and ``crs_frame``, the frame of ours that it is; else nothing.

    A file's word is often wrong in China (a .prj of WGS-84 beside GCJ-02 coordinates): it is no declaration.
    """
    if named is None or not str(named).strip():
        return {}
    try:
        crs = CRS.from_user_input(named)
    except CRSError:
        return {"crs": str(named)}
    authority = crs.to_authority(min_confidence=70)
    told = {"crs": ":".join(authority) if authority else crs.to_wkt()}
    if authority == ("OGC", "CRS84"):
        return {**told, "crs_frame": "wgs84"}
    frame = next((f.name for f in FRAMES.values() if f.epsg is not None and _same(crs, f.epsg)), None)
    return told if frame is None else {**told, "crs_frame": frame}


def _same(crs: CRS, epsg: int) -> bool:
    return crs.to_epsg(min_confidence=70) == epsg or crs.equals(CRS.from_epsg(epsg), ignore_axis_order=True)
