"""Any bytes under any ending: a table, or one of our own errors; never a traceback, a hang or all memory."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.readers.samples import LAYER, samples
from twin.errors import TwinError
from twin.layers.table import RawTable
from twin.readers import READERS, read_table

ENDINGS = sorted(READERS)
FEW = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def read(content: bytes, ending: str) -> RawTable:
    return read_table(content, f"a{ending}", layer=LAYER)


@pytest.mark.parametrize("ending", [e for e in ENDINGS if e != ".shp"])
def test_every_sample_is_read_as_it_is(ending: str) -> None:
    assert read(samples()[ending], ending).n_rows == 2


def test_every_ending_has_a_sample() -> None:
    assert set(samples()) == set(READERS)


@st.composite
def damaged(draw: st.DrawFn, content: bytes) -> bytes:
    """A file cut short, with bytes changed, a part repeated, or one taken out."""
    spoiled = bytearray(content)
    for _ in range(draw(st.integers(1, 4))):
        if not spoiled:
            break
        at = draw(st.integers(0, len(spoiled) - 1))
        end = min(len(spoiled), at + draw(st.integers(1, 64)))
        what = draw(st.sampled_from(("flip", "flip", "byte", "fill", "cut", "repeat", "drop")))
        if what == "flip":
            spoiled[at] ^= 1 << draw(st.integers(0, 7))
        elif what == "byte":
            spoiled[at] = draw(st.sampled_from((0, 1, 0x7F, 0x80, 0xFF)))
        elif what == "fill":
            spoiled[at:end] = bytes([draw(st.sampled_from((0, 0xFF)))]) * (end - at)
        elif what == "cut":
            del spoiled[at:]
        elif what == "repeat":
            spoiled[at:at] = spoiled[at:end]
        else:
            del spoiled[at:end]
    return bytes(spoiled)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("ending", ENDINGS)
@FEW
@given(data=st.data())
def test_damaged_files_give_a_table_or_an_error_of_ours(ending: str, data: st.DataObject) -> None:
    with contextlib.suppress(TwinError):
        read(data.draw(damaged(samples()[ending])), ending)


@pytest.mark.parametrize("ending", ENDINGS)
@FEW
@given(content=st.binary(max_size=400))
def test_any_bytes_give_a_table_or_an_error_of_ours(ending: str, content: bytes) -> None:
    with contextlib.suppress(TwinError):
        read(content, ending)


@pytest.mark.parametrize("ending", ENDINGS)
@FEW
@given(data=st.data())
def test_a_file_under_anothers_ending_gives_a_table_or_an_error_of_ours(ending: str, data: st.DataObject) -> None:
    with contextlib.suppress(TwinError):
        read(samples()[data.draw(st.sampled_from(ENDINGS))], ending)
