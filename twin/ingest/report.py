"""What an import is asked, and what its dry run found."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from twin.frames import Frame
from twin.layers.check import Checked
from twin.layers.diff import ImportDiff
from twin.layers.file_duplicates import Twice
from twin.layers.frame_check import FrameCheck
from twin.layers.mapping import ColumnMap
from twin.layers.table import RawTable
from twin.model import Source

Progress = Callable[[str, float], None]
"""Told while the work goes on: a stage's name and the share of the whole that is done."""


@dataclass(frozen=True, slots=True)
class ImportRequest:
    """What the caller declares. ``overrides`` and ``where`` as in ``layers.mapping.map_columns``.

    ``source_id`` names the set the records belong to: keys that it had before and that the file lacks are removed.
    ``profile`` names one; None takes the one that recognises the file. ``local`` is the frame that ``local:<file>`` stands
    for. ``force`` imports although the points fit another frame better. ``keep_private`` keeps addresses of the network
    and telephones.
    """

    layer: str
    frame: str | None
    source_id: str = ""
    overrides: Mapping[str, str] | None = None
    where: Mapping[str, str] | None = None
    synthetic: bool = False
    schematic: bool = False
    derived: bool = False
    licence: str = ""
    profile: str | None = None
    local: Frame | None = None
    force: bool = False
    keep_private: bool = False


@dataclass(frozen=True)
class Whereabouts:
    """Where the located points lie: ``inside`` counts them per loaded district, ``n_outside`` those in none (未落区), of
    which ``n_halo`` are near enough to serve and ``beyond`` has the keys of the rest. None and empty without a district."""

    inside: Mapping[str, int] = field(default_factory=dict)
    n_outside: int | None = None
    n_halo: int | None = None
    beyond: tuple[str, ...] = ()


@dataclass(frozen=True)
class ImportReport:
    """What an import would do. ``raw`` is the file as read, ``table`` as the profile shaped it; ``profile`` is its id."""

    request: ImportRequest
    raw: RawTable
    table: RawTable
    profile: str | None
    frame: Frame
    mapping: ColumnMap
    checked: Checked
    difference: ImportDiff
    source: Source
    frame_check: FrameCheck
    twice: Sequence[Twice]
    where: Whereabouts

    @property
    def is_doubtful(self) -> bool:
        """Whether the points fit another frame better than the declared one, and nobody insists."""
        return self.frame_check.verdict == "fits worse" and not self.request.force
