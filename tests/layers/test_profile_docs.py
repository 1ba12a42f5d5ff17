"""The example of the how-to does what the how-to says."""

from __future__ import annotations

import re
from pathlib import Path

from tests.layers.profiled import built_in, profile, read

TEXT = (Path(__file__).parents[2] / "docs" / "profiles.md").read_text("utf-8")


def example(name: str) -> str:
    (found,) = re.findall(rf"<!-- {name} -->\n```\w+\n(.*?)```", TEXT, re.DOTALL)
    return str(found)


def test_the_example_reads_its_sample() -> None:
    got = read(example("sample"), "chargers", profiles=[*built_in(), profile(example("profile"))])
    assert got.profile is not None
    assert got.profile.id == "sites"
    assert not got.checked.faults
    assert [(r.key, r.lifecycle, r.attributes["station_type"], r.attributes["n_connectors"]) for r in got.records] == [
        ("A-01", "operating", "public", 12), ("A-02", "managed", "bus", 6), ("A-03", "operating", "unknown", 4),
    ]  # fmt: skip
    assert got.records[0].attributes["extra"] == {"备注": "地下二层"}
    assert got.checked.unknown_codes == {"station_type": {"租赁": 1}}
    assert got.mapping.dropped == ("值班电话",)
    assert "未取 1 行：合计行" in got.said


def test_every_built_in_profile_is_in_the_list_with_its_layers_and_frame() -> None:
    rows = dict(re.findall(r"^\| `([\w-]+)` \| (.*)$", TEXT.partition("## The built-in ones")[2], re.MULTILINE))
    assert rows.keys() == {p.id for p in built_in()}
    for made in built_in():
        assert made.layer in rows[made.id]
        assert (made.frame or "declare it") in rows[made.id]


def test_every_key_of_a_profile_is_explained() -> None:
    from twin.layers.profile_source import PARTS, TOP

    assert [key for key in (*TOP, *(key for keys in PARTS.values() for key in keys)) if f"`{key}" not in TEXT and f".{key}" not in TEXT
            and f"{key} =" not in TEXT] == []  # fmt: skip
