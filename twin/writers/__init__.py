"""How data go out: an export to the bytes of a file, a format a module; then all of its files onto the disk, or none."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from twin.errors import BadParameter, Conflict
from twin.export import Export
from twin.writers.disk import write_files
from twin.writers.geojson import to_geojson
from twin.writers.ocpi import to_ocpi
from twin.writers.parquet import to_parquet
from twin.writers.shapefile import MEMBERS, to_shapefile, to_zipped_shapefile
from twin.writers.tables import SIDECAR, to_csv
from twin.writers.vector import to_flatgeobuf, to_geopackage
from twin.writers.xlsx import to_xlsx

__all__ = ["FORMATS", "PROFILES", "Target"]


@dataclass(frozen=True, slots=True)
class Format:
    """``encode`` gives the files by name, the one that was asked for last. ``others`` are the endings, from the asked
    file's stem, of the files that may stand beside it; an older one would be taken for a part of the new."""

    name: str
    encode: Callable[[Export, str], Mapping[str, bytes]]
    others: tuple[str, ...] = ()


FORMATS: dict[str, Format] = {
    ".geojson": Format("GeoJSON", to_geojson),
    ".gpkg": Format("GeoPackage", to_geopackage),
    ".fgb": Format("FlatGeobuf", to_flatgeobuf),
    ".csv": Format("CSV", to_csv, (f".csv{SIDECAR}",)),
    ".xlsx": Format("Excel", to_xlsx),
    ".parquet": Format("GeoParquet", to_parquet),
    ".shp": Format("Shapefile", to_shapefile, (*MEMBERS, f".shp{SIDECAR}")),
    ".zip": Format("Shapefile (zip)", to_zipped_shapefile),
}
"""By a file name's ending, in lower case."""
PROFILES: dict[str, dict[str, Format]] = {"ocpi": {".json": Format("OCPI 2.2.1", to_ocpi)}}
"""Formats of other systems, by name and ending."""


@dataclass(frozen=True, slots=True)
class Target:
    """A file that may be written, in a format."""

    path: Path
    format: Format

    @classmethod
    def choose(
        cls, path: Path, *, profile: str | None = None, force: bool = False, store: Path | None = None
    ) -> Target:
        """The format by the file's ending, and whether the file may be written at all.

        Args:
            path: where to.
            profile: one of ``PROFILES``.
            force: whether a file that is there may be replaced.
            store: the live store's own file, which is never written to.

        Raises:
            BadParameter: unknown ending or profile, a folder, or the store itself.
            Conflict: a file is there and ``force`` is off.
        """
        found = _format(path, profile)
        if store is not None and any(
            _same_file(path, store.with_name(store.name + tail)) for tail in ("", "-wal", "-shm")
        ):
            raise BadParameter(
                f"{path} 是正在使用的存储，不能导出到这里", f"{path} is the live store: export to another file"
            )
        if path.is_dir():
            raise BadParameter(f"{path} 是文件夹，应为文件", f"{path} is a folder; name a file")
        there = [p for p in (path, *(path.with_name(path.stem + other) for other in found.others)) if p.exists()]
        if there and not force:
            said = ", ".join(str(p) for p in there)
            raise Conflict(f"已有文件 {said}，未作改动；如需替换请加 --force", f"{said} exists; --force replaces it")
        return cls(path, found)

    def write(self, export: Export) -> tuple[Path, ...]:
        """Write the file and those beside it; all of them, or none. The file that was asked for comes last.

        Raises:
            InvalidInput: the format cannot hold something, all of it in ``faults``.
            Unavailable: the folder cannot be written.
        """
        *others, (_, main) = self.format.encode(export, self.path.stem).items()
        files = {**dict(others), self.path.name: main}
        stale = [self.path.stem + other for other in self.format.others]
        return write_files(self.path.parent, files, [name for name in stale if name not in files])


def _format(path: Path, profile: str | None) -> Format:
    if profile is not None and profile not in PROFILES:
        known = ", ".join(PROFILES)
        raise BadParameter(
            f"没有导出格式“{profile}”；现有：{known}", f"no export profile {profile!r}; there are: {known}"
        )
    formats = FORMATS if profile is None else PROFILES[profile]
    found = formats.get(path.suffix.lower())
    if found is None:
        known = ", ".join(formats)
        raise BadParameter(
            f"不能写 {path.name}；文件名应以此结尾：{known}", f"cannot write {path.name!r}; endings that work: {known}"
        )
    return found


def _same_file(path: Path, other: Path) -> bool:
    try:
        return path.resolve() == other.resolve() or path.samefile(other)
    except OSError:
        return False
