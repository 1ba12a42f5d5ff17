"""Shapefile: ten-letter names by a published table, UTF-8 with .cpg; what it would cut off is refused, not cut."""

from __future__ import annotations

import io
import struct
import zipfile
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir

from twin.errors import Unavailable, Words
from twin.export import Export, ExportColumn
from twin.layers.own_columns import LONGEST_SHORT_NAME, short_name
from twin.writers.disk import unwritable
from twin.writers.tables import SIDECAR, json_text, refuse_long, sidecar
from twin.writers.vector import write_with_gdal

MEMBERS = (".shx", ".dbf", ".cpg", ".prj", ".qix", ".sbn", ".sbx", ".idm", ".ind", ".shp.xml")
"""What may belong to a .shp beside it; indexes are made by other programs."""
LONGEST_TEXT = 254
"""Bytes of a text cell in a .dbf."""
LONGEST_NUMBER = 24
LONG_AGO = (1980, 1, 1, 0, 0, 0)

TOO_LONG = Words(
    f"超过 {LONGEST_TEXT} 字节，Shapefile 存不下；请用 .gpkg",
    f"longer than {LONGEST_TEXT} bytes, which a Shapefile cannot hold; use .gpkg",
)


def to_shapefile(export: Export, stem: str) -> dict[str, bytes]:
    """.shx, .dbf, .cpg, .prj (where the frame has a code), the sidecar, and .shp last.

    Raises:
        InvalidInput: text longer than 254 bytes, all of it in ``faults``.
        Unavailable: there is no room for temporary files.
    """
    columns = [_flat(c) for c in export.columns]
    refuse_long(export, columns, LONGEST_TEXT, lambda text: len(text.encode()), TOO_LONG)
    try:
        with TemporaryDirectory() as folder:
            path = Path(folder) / f"{stem}.shp"
            write_with_gdal(str(path), export, columns, driver="ESRI Shapefile", layer=stem)
            made = {file.suffix: file.read_bytes() for file in Path(folder).iterdir()}
    except OSError as problem:
        raise unwritable(Path(gettempdir()), problem) from None
    _refuse_half(made)
    endings = [e for e in made if e != ".shp"]
    return {
        **{stem + e: made[e] for e in sorted(endings)}, f"{stem}.shp{SIDECAR}": sidecar(export, columns), f"{stem}.shp": made[".shp"],
    }  # fmt: skip


def to_zipped_shapefile(export: Export, stem: str) -> dict[str, bytes]:
    """The same files in one archive."""
    out = io.BytesIO()
    inner = stem.removesuffix(".shp")
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in to_shapefile(export, inner).items():
            archive.writestr(zipfile.ZipInfo(name, LONG_AGO), content, zipfile.ZIP_DEFLATED)
    return {f"{stem}.zip": out.getvalue()}


def _flat(column: ExportColumn) -> ExportColumn:
    """A column that a .dbf can hold: yes and no as words, JSON and times as text, numbers that it would round as text."""
    name = short_name(column.name)
    assert len(name) <= LONGEST_SHORT_NAME, name
    match column.kind:
        case "bool":
            values = [None if v is None else "true" if v else "false" for v in column.values]
        case "json":
            values = [json_text(v) for v in column.values]
        case "time":
            values = column.values
        case "float" if not all(v is None or _is_kept(v) for v in column.values):
            values = [None if v is None else repr(v) for v in column.values]
        case _:
            return replace(column, name=name)
    return replace(column, name=name, kind="text", values=values)


def _is_kept(value: float) -> bool:
    text = f"{value:.15f}"
    return len(text) <= LONGEST_NUMBER and float(text) == value


def _refuse_half(made: dict[str, bytes]) -> None:
    """GDAL does not always say that the disk was full; the files' own lengths do."""
    shp, dbf = made.get(".shp", b""), made.get(".dbf", b"")
    whole = len(shp) >= 100 and struct.unpack(">i", shp[24:28])[0] * 2 == len(shp) and len(dbf) >= 32
    if whole:
        n, head, width = struct.unpack("<iHH", dbf[4:12])
        whole = len(dbf) >= head + n * width
    if not whole:
        raise Unavailable("临时文件夹写不下，未写入", "the folder for temporary files is full; nothing was written")
