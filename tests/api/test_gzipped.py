"""Gzip as it is sent is gzip to everybody, and the same for the same content."""

from __future__ import annotations

import gzip
import zlib

from hypothesis import given
from hypothesis import strategies as st

from twin.api.gzipped import compress, compressed, decompress

CONTENT = st.binary(max_size=300) | st.binary(min_size=1, max_size=40).map(lambda part: part * 5000)


@given(CONTENT)
def test_zlib_reads_what_is_packed_and_it_reads_what_zlib_packs(content: bytes) -> None:
    assert gzip.decompress(compress(content)) == content == decompress(gzip.compress(content))
    assert compress(content) == compress(content)


@given(CONTENT, st.lists(CONTENT, max_size=4))
def test_a_stream_is_one_gzip_member_whose_first_part_can_be_read_at_once(first: bytes, others: list[bytes]) -> None:
    packed = compressed(iter([first, *others]))
    reader = zlib.decompressobj(wbits=31)
    assert reader.decompress(next(packed)) == first
    assert reader.decompress(b"".join(packed)) == b"".join(others)
    assert reader.eof
