"""Makes the README's picture of the map: ``python -m tests.browser.screenshot`` writes docs/map.png."""

from __future__ import annotations

import io
from pathlib import Path

from PIL import Image

from tests.browser.stage import Visit, chromium, reference_twin, served, visit

PICTURE = Path(__file__).resolve().parents[2] / "docs" / "map.png"
WIDTH, HEIGHT = 1366, 768
N_COLOURS = 192


def main() -> None:
    with served(reference_twin({})) as address, chromium() as browser:
        shown = visit(browser, address, WIDTH, HEIGHT).open()
        shown.until("document.getElementById('sentence').textContent.includes('差距最大')")
        save(shown.ready(), PICTURE)


def save(shown: Visit, path: Path) -> None:
    """The whole page as a PNG of few colours: a quarter of the size, no visible difference."""
    image = Image.open(io.BytesIO(shown.page.screenshot())).convert("RGB")
    path.parent.mkdir(exist_ok=True)
    image.quantize(N_COLOURS, dither=Image.Dither.NONE).save(path, optimize=True)


if __name__ == "__main__":
    main()
