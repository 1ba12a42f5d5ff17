"""Recording an import that has been examined: one transaction, or nothing."""

from __future__ import annotations

from twin.engine import Twin
from twin.errors import FrameDoubtful
from twin.ingest.report import ImportReport
from twin.model import Transaction


def apply(twin: Twin, report: ImportReport, *, author: str, reason: str) -> Transaction | None:
    """Record the import in one transaction; None where it changes nothing, the source included.

    Raises:
        LayerInvalid: the file has faults: nothing of it is recorded.
        FrameDoubtful: the points fit another frame better, and the request does not insist.
        Conflict: somebody changed a record since the dry run.
    """
    refuse_faulty(report)
    edits = report.difference.edits(twin.now())
    if not edits and twin.snapshot().sources.get(report.source.id) in (None, report.source):
        return None
    return twin.commit(edits, author=author, reason=reason, sources=[report.source])


def refuse_faulty(report: ImportReport) -> None:
    """Raise what stands in the way of recording, if anything does."""
    report.checked.raise_if_faulty()
    if report.is_doubtful:
        words = report.frame_check.words
        raise FrameDoubtful(words.zh, words.en)
