"""What the engine needs of the outside, as protocols. Adapters implement them; one contract suite tests them all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from twin.model import Edit, Record, Source, Transaction


@dataclass(frozen=True, slots=True)
class GridFile:
    """A demand raster as it is kept: the bytes of a GeoTIFF and what its values are."""

    name: str
    unit: str
    source: str
    content: bytes


@dataclass(frozen=True, slots=True)
class StoredState:
    """What holds at ``as_of`` as known at ``known_at``: per layer the rows, sorted by key, as
    ``(key, name, lifecycle, valid_from, valid_to, online, n_devices, owner, source, version, lng, lat, geometry,
    attributes)`` with ISO times in UTC, geometry as WKB and attributes as JSON bytes."""

    rows: dict[str, list[tuple[Any, ...]]]
    sources: dict[str, Source]
    grids: list[GridFile]
    next_change: datetime | None
    """The first moment after ``as_of`` at which a recorded validity begins or ends."""
    head: int = 0
    """The last transaction that is in it."""


@dataclass(frozen=True, slots=True)
class StoredNews:
    """What is no longer as it was: per layer the keys touched, sorted, and of these the rows that hold now, as in
    :class:`StoredState`. ``next_change`` concerns them alone, or all that is held if time had passed a change."""

    keys: dict[str, list[str]]
    rows: dict[str, list[tuple[Any, ...]]]
    sources: dict[str, Source]
    next_change: datetime | None
    head: int


PlaceTouched = tuple[str, str, float | None, float | None, bytes | None, bytes]
"""``(layer, key, lng, lat, geometry, attributes)`` of one version, geometry as WKB and attributes as JSON bytes."""


class Store(Protocol):
    """Versioned records. Every method is atomic; readers never see half a transaction."""

    def head(self) -> int:
        """The number of the last transaction; 0 for an empty store."""
        ...

    def state(self, as_of: datetime, known_at: datetime | None) -> StoredState:
        """What holds at ``as_of`` as known at ``known_at``; None: by all that is recorded."""
        ...

    def since(
        self, head: int, as_of: datetime, was: datetime | None, most: int, *, back: bool = False
    ) -> StoredNews | None:
        """What holds at ``as_of`` of the keys that transactions after ``head`` touched; where ``was`` is given, also of those
        whose validity began or ended after that moment. None if these are more than ``most`` keys, or a raster changed: then
        all is to be read anew. With ``back`` what held of these keys at ``was``, by the transactions up to ``head``."""
        ...

    def elsewhen(
        self, tx: int, moment: datetime, start: datetime | None, end: datetime | None
    ) -> dict[str, list[tuple[Any, ...]]]:
        """What, by the transactions up to ``tx``, holds at some moment from ``start`` to ``end`` (both included; None = open) but
        not at ``moment``: rows as in :class:`StoredState`, sorted by key and ``valid_from``."""
        ...

    def attributes(self, layer: str, after: int) -> list[tuple[str, bytes]]:
        """Key and attributes (JSON) of every version of a layer that transactions after that number recorded."""
        ...

    def sources(self) -> list[tuple[int, Source]]:
        """Every description of a source with the transaction that recorded it, oldest first."""
        ...

    def commit(
        self,
        edits: Sequence[Edit],
        *,
        author: str,
        reason: str,
        at: datetime,
        sources: Sequence[Source] = (),
        grids: Sequence[GridFile] = (),
        replace_all: bool = False,
    ) -> Transaction:
        """Record all edits in one transaction, or none. Its time is ``at``, or just after the last transaction's if that is
        later: what is recorded later is never known earlier.

        ``replace_all`` first ends every record now held (``twin demo --replace``).

        Raises:
            InvalidInput: with all faults: a key, text, number, geometry or JSON that cannot be kept on every store.
            Conflict: an ``expected_version`` is no longer the current one, or a new key exists.
            Unavailable: the store cannot be written now.
        """
        ...

    def revert(self, tx: int, *, author: str, reason: str, at: datetime) -> Transaction:
        """Undo a transaction by a new one: what it closed is recorded again, what it recorded is closed.

        Raises:
            NotFound: there is no such transaction.
            Conflict: what it recorded has been changed since; the keys are named.
            Unavailable: the store cannot be written now.
        """
        ...

    def touched(self, tx: int) -> list[tuple[str, str, list[Record], list[Record]]]:
        """What a transaction did: per key ``(layer, key, versions it closed, versions it recorded)``, sorted.

        Raises:
            NotFound: there is no such transaction.
        """
        ...

    def places(self, tx: int) -> tuple[Transaction, list[PlaceTouched]]:
        """A transaction, and where the versions lie that it closed or recorded: ``touched`` for who asks only where.

        Raises:
            NotFound: there is no such transaction.
        """
        ...

    def wait(self, head: int, timeout_s: float) -> int:
        """The number of the last transaction as soon as it is no longer ``head``, at the latest after the timeout."""
        ...

    def transactions(self) -> list[Transaction]: ...

    def open_versions(self, layer: str) -> list[tuple[int, Record]]:
        """The present timelines of a layer's keys: every version that no transaction has closed, as
        ``(version, record)``, sorted by key and ``valid_from``. What an import is compared with."""
        ...

    def versions(self, layer: str, key: str) -> list[tuple[int, int, int | None, Record]]:
        """Every recorded version of one key as ``(version, tx, tx_to, record)``, oldest first."""
        ...
