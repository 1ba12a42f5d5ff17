"""Bringing a file in: mapping, checks and the difference first (dry run), then one transaction. Knows ports, no adapter."""

from twin.ingest.apply import apply
from twin.ingest.examine import examine
from twin.ingest.report import ImportReport, ImportRequest, Progress

__all__ = ["ImportReport", "ImportRequest", "Progress", "apply", "examine"]
