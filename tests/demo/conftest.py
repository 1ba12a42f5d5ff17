"""The reference twin, built once for all tests of this folder."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from twin.demo.build import ReferenceTwin, build_reference_twin

SEED = 1
"""What ``twin demo`` takes when nothing is said."""
NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="session")
def geodata() -> Path:
    return Path(__file__).resolve().parents[2] / "geodata"


@pytest.fixture(scope="session")
def reference(geodata: Path) -> ReferenceTwin:
    return build_reference_twin(SEED, NOW, geodata)
