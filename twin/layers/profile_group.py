"""Rows that are parts of one thing (sectors of a station) as one row: mean place, first texts, how many they were."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from twin.errors import Words
from twin.frames import geodesic_distance_m
from twin.layers.mapping import LAT, LNG, normal_name
from twin.layers.profile import Grouping, Profile
from twin.layers.table import RawTable, narrow

APART_M = 50.0
"""Rows of one thing that lie further apart are worth a warning."""
SHOWN = 5
MANY = 50
"""Places of one thing of which not every pair is measured."""
BETWEEN = "；"
DIGITS = 9


def grouped(profile: Profile, grouping: Grouping, table: RawTable) -> RawTable:
    """One row for each group, in the order of their first rows, whose numbers they keep.

    The place is the mean of the distinct places that are not blank or 0. Of a column that the profile names for a field
    the first text counts, and differing ones are a warning; any other column keeps all its different texts.
    """
    text = pd.DataFrame({c: table.text(c) for c in table.columns.columns}, dtype=object)
    names = {normal_name(c): c for c in reversed(text.columns)}
    by = [names[normal_name(fits[0])] for c in grouping.by if (fits := [v for v in c if normal_name(v) in names])]
    group = _numbers(text, by)
    first = np.unique(group, return_index=True)[1]
    rows = text.iloc[first].copy()
    places = _place_columns(profile, names)
    fields = {normal_name(c) for said in profile.fields.values() for c in said.columns}
    warnings = [*table.warnings]
    for column in text.columns:
        if column in by or column in places:
            continue
        taken, several = _texts(text[column], group)
        if several and normal_name(column) in fields:
            warnings.append(_differing(column, {rows[by[0]].iloc[n]: texts for n, texts in several.items()}))
        elif several:
            for n, texts in several.items():
                taken[n] = BETWEEN.join(texts)
        rows[column] = taken
    if places:
        means, apart = _means(text, group, places)
        for column, values in zip(places, means, strict=True):
            rows[column] = values
        far = {rows[by[0]].iloc[n]: metres for n, metres in apart.items() if metres > APART_M}
        warnings += [_far(far)] if far else []
    rows[grouping.count] = np.bincount(group).astype(object)
    return replace(table, columns=rows.astype(object), geometry=None, warnings=tuple(warnings))


def _numbers(text: pd.DataFrame, by: Sequence[str]) -> NDArray[np.intp]:
    """(n,) which group a row is in, numbered by first appearance; a row without a key is one of its own."""
    keys = [
        tuple(row) if row[0] else (position,)
        for position, row in enumerate(zip(*(text[column] for column in by), strict=True))
    ]
    return np.asarray(pd.factorize(pd.Series(keys, dtype=object))[0], np.intp)


def _texts(cells: pd.Series[str], group: NDArray[np.intp]) -> tuple[NDArray[Any], dict[int, list[str]]]:
    """The first text of each group that is not blank, and the groups with several different ones."""
    different = pd.DataFrame({"group": group, "text": cells.to_numpy()})
    different = different[different["text"] != ""].drop_duplicates()
    taken = np.full(int(group.max()) + 1, "", dtype=object)
    first = different.drop_duplicates("group")
    taken[first["group"].to_numpy()] = first["text"].to_numpy()
    repeated = different[different["group"].duplicated(keep=False)]
    several: dict[int, list[str]] = {}
    for n, said in zip(repeated["group"].tolist(), repeated["text"].tolist(), strict=True):
        several.setdefault(n, []).append(said)
    return taken, several


def _place_columns(profile: Profile, names: dict[str, str]) -> list[str]:
    """The columns of x and y, if there is exactly one for each; else the mapping has to settle it, on first texts."""
    found = []
    for field in (LNG, LAT):
        said = profile.fields.get(field.name)
        known = (said.columns if said else ()) or field.synonyms
        fits = {names[normal_name(c)] for c in known if normal_name(c) in names}
        found += list(fits) if len(fits) == 1 else []
    return found if len(found) == 2 else []


def _means(
    text: pd.DataFrame, group: NDArray[np.intp], places: Sequence[str]
) -> tuple[list[NDArray[Any]], dict[int, float]]:
    """Mean x and y of each group's distinct places, and how far apart these are at most.

    One place stays as it is written; what is no number at all stays, too, and is a fault later.
    """
    numbers = [pd.to_numeric(text[c].map(narrow), errors="coerce").to_numpy(np.float64) for c in places]
    out = [_texts(text[c], group)[0] for c in places]
    rows = pd.DataFrame({"group": group, "x": numbers[0], "y": numbers[1]})
    rows = rows[rows["x"].notna() & rows["y"].notna() & (rows["x"] != 0) & (rows["y"] != 0)]
    rows = rows.drop_duplicates()
    for cells, column in zip(out, places, strict=True):
        cells[rows["group"].to_numpy()[::-1]] = text[column].to_numpy()[rows.index.to_numpy()[::-1]]
    several = rows[rows["group"].duplicated(keep=False)]
    means = several.groupby("group")[["x", "y"]].mean().round(DIGITS)
    for cells, axis in zip(out, ("x", "y"), strict=True):
        cells[means.index.to_numpy()] = means[axis].astype(object)
    for cells, column, number in zip(out, places, numbers, strict=True):
        wrong = np.isnan(number) & (text[column] != "").to_numpy(bool)
        cells[group[wrong]] = text[column].to_numpy()[wrong]
    return out, _widest_m(several)


def _widest_m(rows: pd.DataFrame) -> dict[int, float]:
    """The greatest distance within each group of places (``group``, ``x``, ``y``), in degrees of any frame or in metres.

    Of a group with very many places, the diagonal of the box round them.
    """
    box = rows.groupby("group")[["x", "y"]].agg(["min", "max"])
    crowd = box[rows.groupby("group").size() > MANY]
    pairs = rows[~rows["group"].isin(crowd.index)].merge(rows, on="group", suffixes=("", "_b"))
    group = np.concatenate([pairs["group"].to_numpy(), crowd.index.to_numpy()])
    a = np.concatenate([pairs[["x", "y"]].to_numpy(), crowd[[("x", "min"), ("y", "min")]].to_numpy()])
    b = np.concatenate([pairs[["x_b", "y_b"]].to_numpy(), crowd[[("x", "max"), ("y", "max")]].to_numpy()])
    degrees = len(a) and np.abs(a).max() <= 360
    metres = geodesic_distance_m(a, b) if degrees else np.hypot(*(a - b).T)
    widest = pd.Series(metres).groupby(group).max()
    return dict(zip(widest.index.tolist(), widest.tolist(), strict=True))


def _differing(column: str, texts: dict[str, list[str]]) -> Words:
    shown = "；".join(f"{key}：{'、'.join(values)}" for key, values in list(texts.items())[:SHOWN])
    shown_en = "; ".join(f"{key}: {', '.join(values)}" for key, values in list(texts.items())[:SHOWN])
    return Words(
        f"{len(texts)} 个对象的“{column}”前后不一，取第一个：{shown}",
        f"{column} differs within {len(texts)} of them, the first is taken: {shown_en}",
    )


def _far(apart: dict[str, float]) -> Words:
    shown = "、".join(f"{key}（{metres:.0f} m）" for key, metres in list(apart.items())[:SHOWN])
    shown_en = ", ".join(f"{key} ({metres:.0f} m)" for key, metres in list(apart.items())[:SHOWN])
    return Words(
        f"{len(apart)} 个对象的各行相距超过 {APART_M:.0f} m，位置取平均，请核对：{shown}",
        f"rows of {len(apart)} of them lie more than {APART_M:.0f} m apart; their mean is taken, check them: {shown_en}",
    )
