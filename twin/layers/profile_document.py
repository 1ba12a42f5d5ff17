"""Walks in nested documents: lists of records, parts of a record, values by path. Paths are keys with dots between."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from twin.layers.table import plain_text

HERE = "."
LOOKED_AT = 200
"""Records that are looked at to see which keys there are."""
DEEPEST = 5
"""Objects in objects that become columns of their own; what lies deeper stays together as text."""


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a record, and what it stands in: ``chain[k]`` is what the first k keys of the path led to."""

    path: tuple[str, ...]
    chain: tuple[Mapping[str, Any], ...]

    def value(self, path: str) -> Any:
        """A value by its path from the part itself."""
        return value_at(self.chain[-1], path)

    def value_from_record(self, path: str) -> Any:
        """A value by its path from the record, in the branch that this part is in."""
        names = path.split(".")
        k = 0
        while k < min(len(self.path), len(names) - 1) and names[k] == self.path[k]:
            k += 1
        return value_at(self.chain[k], ".".join(names[k:]))


def value_at(record: Mapping[str, Any], path: str) -> Any:
    """A value by its path; None where there is none. A key that holds dots itself comes first."""
    if path in record:
        return record[path]
    value: Any = record
    for name in path.split("."):
        if not isinstance(value, Mapping):
            return None
        value = value.get(name)
    return value


def parts_of(record: Mapping[str, Any], path: str) -> list[Part] | None:
    """The objects at the end of a path of lists; None where none of these is there. An empty path is the record itself.

    A list that is there and empty says that there are no parts.
    """
    names = tuple(path.split(".")) if path else ()
    parts, found = [Part(names, (record,))], not names
    for depth, name in enumerate(names, 1):
        below: list[Part] = []
        for part in parts:
            value = part.chain[-1].get(name)
            found |= value == [] or (depth == len(names) and value is not None)
            below += [Part(names, (*part.chain, item)) for item in _objects(value)]
        parts = below
    return parts if parts or found else None


def records_at(document: Any, paths: Sequence[str]) -> list[Mapping[str, Any]]:
    """The records at the first of the paths that has any; lists on the way are gone through."""
    for path in paths:
        values = [document]
        for name in [] if path == HERE else path.split("."):
            values = [item[name] for value in values for item in _objects(value) if name in item]
        records = [item for value in values for item in _objects(value)]
        if records:
            return records
    return []


def keys_seen(records: Sequence[Mapping[str, Any]]) -> list[str]:
    """The keys of the first records, those of objects in them with dots, in the order they appear."""
    found: dict[str, None] = {}
    for record in islice(records, LOOKED_AT):
        found.update((key, None) for key in record)
        found.update((key, None) for key in flat(record))
    return list(found)


def flat(record: Mapping[str, Any]) -> dict[str, Any]:
    """A record with the objects in it laid out under dotted keys; lists stay what they are."""
    return dict(_laid_out(record, ""))


def without_keys(value: Any, unwanted: Callable[[str], bool]) -> Any:
    """A nested value without the keys that are unwanted, wherever they stand."""
    if isinstance(value, Mapping):
        return {key: without_keys(item, unwanted) for key, item in value.items() if not unwanted(key)}
    return [without_keys(item, unwanted) for item in value] if isinstance(value, list) else value


def cell_of(value: Any) -> Any:
    """A value as a table's cell: text, yes or no, or a number that JSON can carry on; lists become text."""
    if value is None:
        return ""
    huge = isinstance(value, int | float) and not abs(value) < 2.0**53
    return plain_text(value) if huge or isinstance(value, dict | list) else value


def _laid_out(record: Mapping[str, Any], before: str) -> Iterator[tuple[str, Any]]:
    for key, value in record.items():
        if isinstance(value, Mapping) and value and before.count(".") < DEEPEST:
            yield from _laid_out(value, f"{before}{key}.")
        else:
            yield f"{before}{key}", value


def _objects(value: Any) -> list[Mapping[str, Any]]:
    if isinstance(value, list):
        return [item for item in value if isinstance(item, Mapping)]
    return [value] if isinstance(value, Mapping) else []
