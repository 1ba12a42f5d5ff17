"""One server and one browser for all browser tests; a fresh page for each."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.browser.stage import CHROMIUM, THINNED, Visit, chromium, reference_twin, served, visit


@pytest.fixture(scope="session")
def address() -> Iterator[str]:
    with served(reference_twin(THINNED)) as url:
        yield url


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    if not Path(CHROMIUM).exists():
        pytest.skip("no chromium is installed")
    with chromium() as found:
        yield found


@pytest.fixture
def blank(browser: Browser, address: str) -> Iterator[Visit]:
    """A page that has not been opened yet. Afterwards: nothing asked elsewhere, nothing complained about."""
    made = visit(browser, address, 1100, 640)
    yield made
    assert made.elsewhere == []
    assert made.complaints == []
    made.page.context.close()


@pytest.fixture
def map_page(blank: Visit) -> Visit:
    """The map as it opens."""
    return blank.open()
