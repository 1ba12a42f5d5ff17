"""Gzip as it is sent: by ISA-L, which takes a sixth of zlib's time for about the same size. Knows bytes, no HTTP."""

from __future__ import annotations

from collections.abc import Iterator

from isal import isal_zlib

LEVEL = 2
"""Of 0 to 3; the last one takes four times as long for 3 % fewer bytes."""
GZIP_FORMAT = 31


def compress(content: bytes) -> bytes:
    """The same content gives the same bytes."""
    return isal_zlib.compress(content, LEVEL, GZIP_FORMAT)


def decompress(packed: bytes) -> bytes:
    return isal_zlib.decompress(packed, GZIP_FORMAT)


def compressed(parts: Iterator[bytes]) -> Iterator[bytes]:
    """A stream of one, the first part flushed so that it goes at once."""
    packer = isal_zlib.compressobj(LEVEL, wbits=GZIP_FORMAT)
    yield packer.compress(next(parts)) + packer.flush(isal_zlib.Z_SYNC_FLUSH)
    for part in parts:
        if packed := packer.compress(part):
            yield packed
    yield packer.flush()
