"""TileJSON 3.0: what a set of vector tiles holds, where, and whom to credit. Values only; ``tiles`` says where the tiles are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

from twin.api.collections import OWN, labels_of, schema, sources_of
from twin.api.mercator import MAX_ZOOM
from twin.api.page_words import WORDS
from twin.api.tile_extent import TileExtent
from twin.coverage.result import Result
from twin.errors import Words
from twin.layers import LayerType
from twin.model import LayerTable, Snapshot, Source

HEX_FIELDS: dict[str, tuple[Words, str | None]] = {
    "cell": (WORDS["cell"], ""),
    "value": (Words("数值", "Value"), None),
    "share": (
        Words("达标或覆盖的面积比例，0 至 1", "Share of the area that is served or meets the target, 0 to 1"),
        "",
    ),
    "status": (Words("状态", "Status"), ""),
    "area_km2": (Words("单元在范围内的面积", "Area of the cell inside the scope"), "km²"),
    "n": (Words("计入的数量", "Counted"), ""),
    "window_km2": (Words("统计窗口的面积", "Area of the window that is counted in"), "km²"),
    "low": (Words("95% 区间下限", "Lower end of the 95 % interval"), None),
    "high": (Words("95% 区间上限", "Upper end of the 95 % interval"), None),
    "nearest_m": (Words("到最近一处的距离", "Distance to the nearest that counts"), "m"),
}
"""What a rule's hexes say, with units; None is the clause's own."""


def described(
    name: str,
    title: str,
    address: str,
    fields: Mapping[str, str],
    extent: TileExtent | None,
    attribution: str,
) -> dict[str, Any]:
    """The document of one layer of vector tiles. ``address`` is their template, ``attribution`` empty where nobody asks for one.

    Without an extent (nothing to show) there are neither bounds nor a centre.
    """
    body: dict[str, Any] = {
        "tilejson": "3.0.0",
        "name": name,
        "description": title,
        "scheme": "xyz",
        "tiles": [address],
        "minzoom": 0,
        "maxzoom": MAX_ZOOM,
        "vector_layers": [
            {"id": name, "description": title, "fields": dict(fields), "minzoom": 0, "maxzoom": MAX_ZOOM}
        ],
    }
    if extent is not None:
        body |= {"bounds": list(extent.box), "center": [*extent.centre, extent.zoom]}
    return {**body, "attribution": attribution} if attribution else body


def layer_fields(kind: LayerType, table: LayerTable, lang: str, features_from: int) -> dict[str, str]:
    """Everything that a layer's tiles may say of a feature, also what only some sources give, with its title and unit.

    Points below zoom ``features_from`` are counts per cell.
    """
    known = schema(kind, "", lang)["properties"]
    titles = {name: _titled(entry["title"], entry.get("x-unit", "")) for name, entry in known.items()}
    names = [*(f.name for f in kind.all_fields()), *OWN, *(str(name) for name in table.frame.columns)]
    fields = {name: titles.get(name, name) for name in names if name not in ("lng", "lat")}
    if kind.geometry == "point":
        fields["point_count"] = f"{WORDS['point_count'].in_language(lang)} (z < {features_from})"
    return fields


def hex_fields(names: Iterable[str], unit: str, lang: str) -> dict[str, str]:
    """What a rule's hexes say; ``unit`` is the clause's."""
    known = {name: _titled(words.in_language(lang), unit if own is None else own) for name, (words, own) in HEX_FIELDS.items()}  # fmt: skip
    return {name: known.get(name, name) for name in names}


def layer_attribution(table: LayerTable, snapshot: Snapshot, lang: str) -> str:
    """Whom to credit for a layer, and what must be said beside it."""
    labels = [label[lang] for label in labels_of(table, snapshot)]
    return attribution(sources_of(table, snapshot), labels)


def hex_attribution(result: Result, layers: Iterable[str], snapshot: Snapshot, lang: str) -> str:
    """The same for a rule's hexes, which are made of ``layers``."""
    tables = [snapshot.layers[name] for name in sorted(layers) if name in snapshot.layers]
    sources = {source.id: source for table in tables for source in sources_of(table, snapshot)}
    return attribution(list(sources.values()), [result.words_of(name).in_language(lang) for name in result.labels])


def attribution(sources: Sequence[Source], labels: Sequence[str]) -> str:
    """Sources that have a licence, with it, and labels, as text that maps may show as HTML."""
    credits_ = [f"{source.title} ({source.licence})" for source in sources if source.licence]
    return escape("; ".join([*credits_, *labels]))


def _titled(title: str, unit: str) -> str:
    return f"{title} ({unit})" if unit else title
