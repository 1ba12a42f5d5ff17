"""What an import refuses though fields would take it: what no store keeps, and keys that are taken."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.layers.sheets import check, sheet, words
from twin.layers import LAYERS
from twin.layers.attributes import MAX_BYTES, MAX_DEPTH


def nested(depth: int) -> dict[str, Any]:
    value: Any = {"x": 1}
    for _ in range(depth - 1):
        value = {"a": value}
    return dict(value)


def with_extra(*extras: Any) -> str:
    rows = [
        f'k{i},121,31,"{json.dumps(extra, ensure_ascii=False).replace(chr(34), chr(34) * 2)}"'
        for i, extra in enumerate(extras)
    ]
    return "\n".join(["id,lon,lat,extra", *rows, ""])


def test_extra_that_is_nested_too_deep_is_a_fault_of_its_row() -> None:
    checked = check(sheet(with_extra(nested(MAX_DEPTH), nested(MAX_DEPTH + 1), nested(900))))
    assert [fault.where for fault in checked.faults] == ["row 3", "row 4"]
    assert {fault.column for fault in checked.faults} == {"extra"}
    assert str(MAX_DEPTH) in checked.faults[0].words.zh
    assert [record.attributes["extra"] for record in checked.records] == [nested(MAX_DEPTH)]


def test_extra_that_is_too_large_is_a_fault_of_its_row_with_its_size() -> None:
    size = len(json.dumps({"extra": {"a": ""}}, separators=(",", ":")))
    fits, too_large = ({"a": "x" * (MAX_BYTES - size + more)} for more in (0, 1))
    checked = check(sheet(with_extra(fits, too_large)))
    (fault,) = checked.faults
    assert (fault.where, f"{MAX_BYTES + 1:,} bytes" in fault.words.en) == ("row 3", True)


@pytest.mark.parametrize("layer", [name for name, kind in LAYERS.items() if kind.geometry == "point"])
def test_keys_of_the_counts_per_town_are_taken_in_the_layers_that_have_such_counts(layer: str) -> None:
    options = ("code==x", "level==zone") if layer == "areas" else ()
    checked = check(sheet("id,lon,lat\n town:310112101,121,31\ntowns,121,31\nx town:,121,31\n"), layer, *options)
    assert ("row 2" in [fault.where for fault in checked.faults]) == LAYERS[layer].sensitive
    assert len(checked.faults) <= 1


def test_a_code_that_nobody_knows_is_still_kept_and_listed_by_an_import() -> None:
    checked = check(sheet("id,lon,lat,station_type\na,121,31,超级充电\n"), "chargers")
    assert words(checked) == []
    assert checked.unknown_codes == {"station_type": {"超级充电": 1}}
    assert checked.records[0].attributes["extra"] == {"station_type": "超级充电"}
