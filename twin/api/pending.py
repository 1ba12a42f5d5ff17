"""Imports that wait for somebody's yes, in the data folder: the file, what was asked, how far it is. Knows no table.

Each is a folder ``imports/{id}/`` with the file (``content``), ``request.json``, ``state.json`` and, once it has been
examined, ``report.json``: another worker, or this one started again, finds them. Files are replaced whole, never half.
"""

from __future__ import annotations

import re
import secrets
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import IO, Any, Literal

import orjson
from pydantic import BaseModel, ConfigDict, Field

from twin.errors import NotFound, Unavailable
from twin.store.private import FOLDER_MODE, close_to_others, make_folder
from twin.writers.disk import unwritable

Status = Literal["reading", "examining", "ready", "faulty", "failed", "applying", "applied"]
UNDER_WAY: tuple[Status, ...] = ("reading", "examining", "applying")
KEPT_FOR = timedelta(days=7)
MAX_BYTES = 2 << 30
"""Of all pending imports together."""
ID = re.compile(r"[0-9a-f]{16}")
CONTENT, REQUEST, STATE, REPORT, LOCK, NEW = "content", "request.json", "state.json", "report.json", "lock", ".new-"
LONGEST_NAME = 160


class ImportForm(BaseModel):
    """What is asked of a file, as ``twin import`` takes it. ``map`` and ``where`` are ``name=value`` each.

    ``file`` is its name, which says the format. Blank means that nothing is said. ``by`` and ``reason`` are taken for
    applying where that says none itself.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    file: str = Field(description="the file")
    layer: str = Field(
        default="",
        max_length=80,
        description="a layer's name, or a raster's; blank: the one whose profile fits, or population",
    )
    frame: str = Field(default="", max_length=200, description="of the coordinates; local:NAME is a file of frames/ in the data folder")  # fmt: skip
    profile: str = Field(default="", max_length=80, description="an import profile's name")
    table: str = Field(default="", max_length=400, description="which sheet or layer of the file")
    map: tuple[str, ...] = Field(default=(), max_length=100, description="FIELD=COLUMN, or FIELD==VALUE for a constant")
    where: tuple[str, ...] = Field(default=(), max_length=20, description="COLUMN=TEXT: take only these rows")
    source: str = Field(default="", max_length=400, description="name of the data set; blank: layer and file name")
    synthetic: bool = Field(default=False, description="the data are made up")
    schematic: bool = Field(default=False, description="the boundaries are schematic")
    derived: bool = Field(default=False, description="the boundaries are derived, not official")
    unit: str = Field(default="人", max_length=32, description="what a raster's values count")
    licence: str = Field(default="", max_length=400, description="licence and credit of the data")
    force: bool = Field(default=False, description="take the frame even where another fits better")
    keep_private: bool = Field(default=False, description="keep network addresses and telephones")
    by: str = Field(default="", max_length=200, description="who imports")
    reason: str = Field(default="", max_length=2000, description="why")


@dataclass(frozen=True, slots=True)
class State:
    """How far an import is. ``shown`` is the hash of the difference that was shown, ``problem`` why it failed; ``layer`` is what
    the file was found to be of.

    ``transaction`` is None for an applied import that changed nothing.
    """

    status: Status
    created: str
    progress: float = 0.0
    stage: str = ""
    shown: str = ""
    problem: dict[str, Any] | None = None
    counts: dict[str, int] | None = None
    transaction: dict[str, Any] | None = None
    layer: str = ""


@dataclass
class Hold:
    """The sole right to work on an import, of all processes; it ends with the process."""

    file: IO[bytes] = field(repr=False)

    def release(self) -> None:
        self.file.close()


class Forgotten(NotFound):
    """There is no such pending import, or not any more."""

    @classmethod
    def of(cls, number: str) -> Forgotten:
        return cls(
            f"没有待确认的导入 {number[:40]}；可能已取消或过期（保留 {KEPT_FOR.days} 天），请重新上传",
            f"there is no pending import {number[:40]!r}; it may have been deleted or expired "
            f"(they are kept for {KEPT_FOR.days} days): send the file again",
        )


class Pending:
    """The folder of pending imports. Raises Forgotten for one that is not, or no longer, there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def create(self, content: IO[bytes], form: ImportForm, now: datetime) -> str:
        """Keep a file and what is asked of it; it stands there whole or not at all.

        Raises:
            Unavailable: the folder cannot be written, or is full.
        """
        number = secrets.token_hex(8)
        new = self.folder / f"{NEW}{number}"
        try:
            make_folder(self.folder)
            close_to_others(self.folder)
            new.mkdir(FOLDER_MODE)
            with (new / CONTENT).open("xb") as kept:
                shutil.copyfileobj(content, kept, 1 << 20)
            (new / REQUEST).write_bytes(orjson.dumps(form.model_dump()))
            (new / STATE).write_bytes(orjson.dumps(asdict(State("reading", now.isoformat()))))
            (new / LOCK).touch()
            self._make_room(_size(new))
            new.rename(self.folder / number)
        except OSError as problem:
            shutil.rmtree(new, ignore_errors=True)
            raise unwritable(self.folder, problem) from None
        except Unavailable:
            shutil.rmtree(new, ignore_errors=True)
            raise
        return number

    def numbers(self) -> list[str]:
        """The ids, the newest first."""
        there = self.folder.iterdir() if self.folder.is_dir() else iter(())
        found = [path.name for path in there if ID.fullmatch(path.name)]
        return sorted(found, key=self._created, reverse=True)

    def path(self, number: str) -> Path:
        path = self.folder / number
        if not ID.fullmatch(number) or not path.is_dir():
            raise Forgotten.of(number)
        return path

    def form(self, number: str) -> ImportForm:
        return ImportForm.model_validate_json(self._read(number, REQUEST))

    def state(self, number: str) -> State:
        known = {f.name for f in fields(State)}
        return State(**{k: v for k, v in orjson.loads(self._read(number, STATE)).items() if k in known})

    def report(self, number: str) -> Any:
        """The report as plain data; None before there is one."""
        path = self.path(number) / REPORT
        return orjson.loads(path.read_bytes()) if path.exists() else None

    def content(self, number: str) -> bytes:
        return self._read(number, CONTENT)

    def drop_content(self, number: str) -> None:
        """The file is no longer needed, and may hold what is not to be kept."""
        (self.path(number) / CONTENT).unlink(missing_ok=True)

    def put(self, number: str, name: str, content: bytes) -> None:
        """Replace one of an import's files."""
        path = self.path(number)
        part = path / f".{name}.{secrets.token_hex(4)}"
        try:
            part.write_bytes(content)
            part.replace(path / name)
        except FileNotFoundError:
            self.path(number)
            raise
        except OSError as problem:
            part.unlink(missing_ok=True)
            raise unwritable(self.folder, problem) from None

    def put_state(self, number: str, **changes: Any) -> State:
        """Change some fields of the state."""
        state = replace(self.state(number), **changes)
        self.put(number, STATE, orjson.dumps(asdict(state)))
        return state

    def hold(self, number: str) -> Hold | None:
        """The right to work on it; None while somebody else has it."""
        import fcntl

        path = self.path(number) / LOCK
        try:
            file = path.open("ab")
        except FileNotFoundError:
            self.path(number)
            raise
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            return None
        return Hold(file)

    def remove(self, number: str) -> None:
        """Forget it, at once for whoever asks."""
        gone = self.folder / f"{NEW}{secrets.token_hex(8)}"
        self.path(number).rename(gone)
        shutil.rmtree(gone, ignore_errors=True)

    def clean(self, now: datetime) -> None:
        """Forget what has expired, and uploads that were broken off."""
        for path in self.folder.iterdir() if self.folder.is_dir() else ():
            if path.name.startswith(NEW) and _changed(path) < datetime.now(now.tzinfo) - timedelta(days=1):
                shutil.rmtree(path, ignore_errors=True)
        for number in self.numbers():
            if self._created(number) < (now - KEPT_FOR).isoformat():
                self._forget(number)

    def _make_room(self, wanted: int) -> None:
        """Forget applied and failed imports, the oldest first, until there is room."""
        sizes = {number: _size(self.folder / number) for number in reversed(self.numbers())}
        for number in self._finished(list(sizes)):
            if sum(sizes.values()) + wanted <= MAX_BYTES:
                break
            self._forget(number)
            sizes.pop(number)
        if sum(sizes.values()) + wanted > MAX_BYTES:
            raise Unavailable(
                f"待确认的导入已占 {sum(sizes.values()) >> 20} MiB，上限 {MAX_BYTES >> 20} MiB；请先确认或删除（见 /imports）",
                f"pending imports take {sum(sizes.values()) >> 20} MiB of {MAX_BYTES >> 20} MiB: "
                "apply or delete some first (see /imports)",
            )

    def _finished(self, numbers: list[str]) -> Iterator[str]:
        return (number for number in numbers if self.state(number).status in ("applied", "failed"))

    def _forget(self, number: str) -> None:
        hold = self.hold(number)
        if hold is not None:
            self.remove(number)
            hold.release()

    def _created(self, number: str) -> str:
        try:
            return self.state(number).created
        except (NotFound, ValueError, TypeError):
            return ""

    def _read(self, number: str, name: str) -> bytes:
        try:
            return (self.path(number) / name).read_bytes()
        except FileNotFoundError:
            self.path(number)
            raise


def file_name(said: str) -> str:
    """The name of an uploaded file: no folders, no control characters, not too long; its ending stays."""
    name = re.sub(r"[\x00-\x1f\x7f]", "", said.replace("\\", "/")).rpartition("/")[2].strip()
    stem, dot, ending = name.rpartition(".")
    return f"{stem[:LONGEST_NAME]}{dot}{ending[:LONGEST_NAME]}".lstrip(".") or "upload"


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.iterdir())


def _changed(path: Path) -> datetime:
    return datetime.fromtimestamp(path.stat().st_mtime).astimezone()
