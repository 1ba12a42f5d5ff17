"""Profiles from text, which one is taken, and what it changes of a layer."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.layers.profiled import built_in, document, profile, read, shipped
from tests.layers.sheets import sheet
from twin.errors import InvalidInput, MappingAmbiguous, NotFound
from twin.layers import LAYERS
from twin.layers.mapping import map_columns
from twin.layers.profile import choose_profile, recognises, specialised
from twin.layers.values import code_word, parse_column

MINE = """
id = "mine"
layer = "chargers"
title = "我的表"
title_en = "my sheet"
[recognise]
columns = ["桩站编号|编号", "X坐标", "Y坐标"]
[fields]
key = "桩站编号|编号"
lng = "X坐标"
lat = "Y坐标"
name = ["桩站名", "别名"]
[fields.station_type]
columns = "性质"
codes.public = "对外|A"
codes.bus = ["公交专用", "B"]
"""
ROWS = "编号,X坐标,Y坐标,桩站名,性质\nz1,121.4,31.1,甲站,对外\nz2,121.5,31.2,乙站,公交专用\n"


# What a file of a profile may say ---------------------------------------------------------------------------------------


def test_a_profile_reads_its_sheet() -> None:
    got = read(ROWS, "chargers", profiles=[profile(MINE)])
    assert [(r.key, r.name, r.lng, r.attributes["station_type"]) for r in got.records] == [
        ("z1", "甲站", 121.4, "public"), ("z2", "乙站", 121.5, "bus"),
    ]  # fmt: skip


def test_a_minimal_profile_is_a_layer_and_the_columns_it_is_known_by() -> None:
    made = profile('id = "a"\nlayer = "water"\ntitle = "甲"\ntitle_en = "a"\n[recognise]\ncolumns = "河名"\n')
    assert (made.required, made.path, made.frame, made.fields, made.file) == (
        (("河名",),),
        (".",),
        None,
        {},
        "own.toml",
    )


def faults_of(text: str) -> list[tuple[str, str, str]]:
    with pytest.raises(InvalidInput) as caught:
        profile(text)
    assert all(fault.words.zh and fault.words.en for fault in caught.value.faults)
    return [(fault.where, fault.column, fault.value) for fault in caught.value.faults]


def test_every_fault_of_a_file_comes_at_once_with_its_line() -> None:
    text = """\
id = "Mine!"
layer = "chargers"
title_en = "x"
frame = "wgs72"
colour = "red"
[recognise]
columns = [1]
[[rows.skip]]
column = "A"
pattern = "("
why = "不是"
[rows.group]
count = "n"
[fields]
nmae = "B"
[fields.station_type]
codes.publick = "1"
codes.bus = "2"
codes.taxi = "2"
[fields.max_power_kw]
coded = "C"
codes.fast = "快"
pattern = "x"
[derived.n_connectors]
take = "most"
factor = "much"
"""
    assert faults_of(text) == [
        ("own.toml:1", "title", ""),
        ("own.toml:1", "id", "Mine!"),
        ("own.toml:4", "frame", "wgs72"),
        ("own.toml:5", "colour", "red"),
        ("own.toml:7", "recognise.columns", "[1]"),
        ("own.toml:8", "rows.skip[1].why_en", ""),
        ("own.toml:10", "rows.skip[1].pattern", "("),
        ("own.toml:12", "rows.group.by", ""),
        ("own.toml:15", "fields.nmae", ""),
        ("own.toml:17", "fields.station_type.codes.publick", "publick"),
        ("own.toml:19", "fields.station_type.codes.taxi", "2"),
        ("own.toml:21", "fields.max_power_kw.coded", "c"),
        ("own.toml:22", "fields.max_power_kw.codes.fast", "fast"),
        ("own.toml:23", "fields.max_power_kw.pattern", "x"),
        ("own.toml:24", "derived.n_connectors.value", ""),
        ("own.toml:25", "derived.n_connectors.take", "most"),
        ("own.toml:26", "derived.n_connectors.factor", "much"),
    ]


@pytest.mark.parametrize(
    ("change", "column"),
    [
        (("[fields.station_type]", "[fields.valid_from]\ncodes.x = \"1\"\n[fields.station_type]"), "fields.valid_from.codes.x"),
        (("[fields.station_type]", "[fields.online]\ncodes.yes = \"1\"\n[fields.station_type]"), "fields.online.codes.yes"),
        (('layer = "chargers"', 'layer = "chargres"'), "layer"),
        (('columns = ["桩站编号|编号", "X坐标", "Y坐标"]', "columns = []"), "recognise.columns"),
        (('lng = "X坐标"', "lng = 5"), "fields.lng"),
        (("[recognise]", "rows = 3\n[recognise]"), "rows"),
        (("[recognise]", "[rows]\nskip = 3\n[recognise]"), "rows.skip"),
        (('codes.public = "对外|A"', 'codes.public = "对外|A"\ndefault = "pubic"'), "fields.station_type.default"),
        (("[fields]", "[derived]\nx = 3\n[fields]"), "derived.x"),
    ],
    ids=lambda pair: pair if isinstance(pair, str) else "",
)  # fmt: skip
def test_a_fault_names_its_place(change: tuple[str, str], column: str) -> None:
    assert column in [name for _, name, _ in faults_of(MINE.replace(*change))]


@given(st.recursive(st.one_of(st.text(max_size=5), st.integers(), st.booleans(), st.floats()), lambda inner: st.one_of(
    st.lists(inner, max_size=3),
    st.dictionaries(st.sampled_from("id layer title title_en frame private recognise columns rows skip group by derived "
                                    "fields key online codes true value each take words path".split()), inner, max_size=6))))  # fmt: skip
def test_any_tables_are_a_profile_or_faults_in_words(tables: object) -> None:
    from twin.layers.profile_source import profile_from

    if not isinstance(tables, dict):
        tables = {"fields": tables}
    with pytest.raises(InvalidInput) as caught:
        profile_from(tables, {}, "own.toml")
    assert caught.value.faults


# Which profile ----------------------------------------------------------------------------------------------------------


def test_the_one_that_fits_is_taken_and_none_where_none_does() -> None:
    mine = profile(MINE)
    assert choose_profile([mine, *built_in()], "chargers", sheet(ROWS), None) is mine
    assert choose_profile([mine], "chargers", sheet("id,lon,lat\n1,2,3\n"), None) is None
    assert choose_profile([mine], "cameras", sheet(ROWS), None) is None


def test_two_that_fit_are_a_fault_with_the_choices() -> None:
    mine = profile(MINE)
    with pytest.raises(MappingAmbiguous, match=r"--profile mine / --profile yours") as caught:
        choose_profile([mine, replace(mine, id="yours")], "chargers", sheet(ROWS), None)
    assert "--profile mine / --profile yours" in caught.value.words.zh
    assert choose_profile([mine, replace(mine, id="yours")], "chargers", sheet(ROWS), "yours").id == "yours"  # type: ignore[union-attr]


def test_an_unknown_name_tells_the_names_of_the_layer() -> None:
    with pytest.raises(NotFound, match=r"no profile 'nonesuch'; there are: ocpi, openchargemap, osm, t-cec"):
        choose_profile(built_in(), "chargers", sheet(ROWS), "nonesuch")
    with pytest.raises(NotFound, match=r"cameras has no profile 'ocpi'"):
        choose_profile(built_in(), "cameras", sheet(ROWS), "ocpi")


def test_a_named_profile_that_does_not_fit_says_what_is_missing() -> None:
    with pytest.raises(InvalidInput, match=r"it lacks 桩站编号\|编号, Y坐标"):
        choose_profile([profile(MINE)], "chargers", sheet("X坐标\n1\n"), "mine")
    with pytest.raises(InvalidInput, match=r"it lacks StationID, StationLng, StationLat"):
        choose_profile(built_in(), "chargers", document({"Data": {"StationInfos": []}}), "t-cec")
    with pytest.raises(InvalidInput, match=r"data / \. → \[ \{…\} \]"):
        choose_profile(built_in(), "chargers", replace(document([{"a": []}]), document=[[]]), "ocpi")


def test_a_nested_document_that_nobody_knows_tells_its_keys_and_the_profiles() -> None:
    with pytest.raises(
        InvalidInput, match=r"Keys at its top: result, result\.rows; profiles of chargers: ocpi"
    ) as caught:
        choose_profile(built_in(), "chargers", document({"result": {"rows": [{"a": 1}]}}), None)
    assert "顶层的键：result" in caught.value.words.zh


def test_formats_narrow_what_a_profile_fits() -> None:
    mine = profile(MINE.replace("[recognise]", '[recognise]\nformats = ["xlsx", "xls"]'))
    assert not recognises(mine, sheet(ROWS))
    assert recognises(mine, replace(sheet(ROWS), format="xlsx"))
    with pytest.raises(InvalidInput, match=r"csv ≠ xlsx\|xls"):
        choose_profile([mine], "chargers", sheet(ROWS), "mine")


def test_columns_are_known_without_case_blanks_and_width() -> None:
    assert recognises(profile(MINE), sheet("编号,Ｘ坐标,y 坐标\n1,2,3\n"))


# What it changes --------------------------------------------------------------------------------------------------------


def test_columns_of_a_profile_take_the_place_of_the_layers_synonyms() -> None:
    table = sheet("id,编号,X坐标,Y坐标,lon,lat,别名\n1,z1,121.4,31.1,0,0,甲\n")
    mapping = map_columns(table, specialised(LAYERS["chargers"], profile(MINE)))
    assert mapping.columns == {"lng": "X坐标", "lat": "Y坐标", "key": "编号", "name": "别名"}
    with pytest.raises(MappingAmbiguous, match="--map key=id / --map key=编号"):
        map_columns(table, LAYERS["chargers"])


def test_what_a_profile_does_not_name_stays_as_it_was() -> None:
    base, made = LAYERS["chargers"], specialised(LAYERS["chargers"], profile(MINE))
    before, after = {f.name: f for f in base.all_fields()}, {f.name: f for f in made.all_fields()}
    assert before.keys() == after.keys()
    assert after["owner"] == before["owner"]
    assert after["station_type"].codes == {
        **before["station_type"].codes,
        "对外": "public",
        "a": "public",
        "公交专用": "bus",
        "b": "bus",
    }
    assert base.common == {}


def test_two_columns_of_a_profile_for_the_place_are_still_ambiguous() -> None:
    text = "设备编码,经度,设备经度,纬度,设备状态\n1,121.4,121.5,31.1,在线\n"
    with pytest.raises(MappingAmbiguous, match="--map lng=经度 / --map lng=设备经度"):
        read(text, "cameras")


@pytest.mark.parametrize(
    ("layer", "field", "kept"),
    [
        ("cameras", "access", True),
        ("cameras", "camera_type", True),
        ("areas", "level", False),
        ("chargers", "lifecycle", True),
    ],
)
def test_unknown_codes_are_kept_only_where_a_default_allows_it(layer: str, field: str, kept: bool) -> None:
    made = specialised(LAYERS[layer], replace(profile(MINE), layer=layer, fields={}))
    kind = next(f for f in made.all_fields() if f.name == field)
    parsed = parse_column(sheet("a\n谁知道\n").text("a"), kind)
    assert (list(parsed.unknown.values()), len(parsed.wrong)) == ((["谁知道"], 0) if kept else ([], 1))


@given(st.sampled_from([(v, w) for v, w in shipped("camera-ledger", "cameras").fields["azimuth_deg"].codes.items()]),
       st.sampled_from(["{}", " {}", "{} ", "{}.0"]))  # fmt: skip
def test_a_code_is_read_however_a_sheet_writes_it(code: tuple[str, str], shape: str) -> None:
    word, value = code
    kind = specialised(LAYERS["cameras"], shipped("camera-ledger", "cameras"))
    field = next(f for f in kind.fields if f.name == "azimuth_deg")
    text = sheet("a\nx\n").text("a").map(lambda _: shape.format(word).strip())
    assert parse_column(text, field).values[0] == float(value)
    assert code_word(shape.format(word).strip()) == word
