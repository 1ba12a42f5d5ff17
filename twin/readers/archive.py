"""Zip archives from anybody: opened only when what they unpack to stays within bounds."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator

from twin.errors import InvalidInput
from twin.readers.source import MAX_BYTES, said_in_words

MAX_RATIO, FREE_BYTES = 200, 100 << 20
CHUNK = 8 << 20


class Archive:
    """A zip archive whose members are named, sized and whole.

    Raises:
        InvalidInput: the bytes are no zip archive, it is encrypted, or it would unpack to more than ``MAX_BYTES`` (or,
            above ``FREE_BYTES``, to more than ``MAX_RATIO`` times its size).
    """

    def __init__(self, content: bytes, name: str, kind: str = "zip") -> None:
        self.name, self.kind = name, kind
        with said_in_words(name, kind):
            self._zip = zipfile.ZipFile(io.BytesIO(content))
            self._members = [info for info in self._zip.infolist() if not info.is_dir()]
        total = sum(info.file_size for info in self._members)
        if total > MAX_BYTES or (total > FREE_BYTES and total > MAX_RATIO * len(content)):
            raise InvalidInput(
                f"{name} 解压后有 {total} 字节，超过限制；请拆分",
                f"{name} would unpack to {total} bytes, more than is allowed: split it",
            )
        if any(info.flag_bits & 1 for info in self._members):
            raise InvalidInput(f"{name} 已加密；请去除密码", f"{name} is encrypted: save it without a password")

    @property
    def names(self) -> list[str]:
        return [info.filename for info in self._members]

    def read(self, member: str) -> bytes:
        """A member's bytes. Raises InvalidInput where it is damaged."""
        return b"".join(self.chunks(member))

    def chunks(self, member: str) -> Iterator[bytes]:
        """A member's bytes, a few MiB at a time. Raises InvalidInput where it is damaged or longer than it says."""
        with said_in_words(self.name, self.kind), self._zip.open(member) as file:
            while chunk := file.read(CHUNK):
                yield chunk
