"""What holds for every test: no settings of the developer's shell, and Hypothesis repeatable in CI."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

FOR_TESTS = {"TWIN_GOLDEN", "TWIN_REALDATA"}

for name in [name for name in os.environ if name.startswith("TWIN_") and name not in FOR_TESTS]:
    del os.environ[name]

# The first example of a test compiles and imports, so time says nothing: no deadline.
settings.register_profile("developer", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "developer")


@pytest.fixture(scope="session")
def realdata() -> Path:
    """The folder of real data that is not part of the repository; its tests are skipped where it is not named."""
    if not (folder := os.environ.get("TWIN_REALDATA")):
        pytest.skip("TWIN_REALDATA names no folder of real data")
    return Path(folder)


@pytest.fixture(scope="session")
def postgis() -> Iterator[str]:
    """The address of a throw-away database with PostGIS; its tests (``-m postgis``) are skipped where it is not installed."""
    from tests.postgis import PostgisMissing, postgis_cluster

    try:
        with postgis_cluster() as address:
            yield address
    except PostgisMissing as missing:
        pytest.skip(str(missing))
