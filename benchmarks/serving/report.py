"""The table of ``make bench-serving``: figures, ratios, targets met or missed; as Markdown and for the README."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field

from benchmarks.serving.measure import Figure, Whole

BEGIN, END = "<!-- bench-serving -->", "<!-- /bench-serving -->"
HEADER = ("", "twin", "tipg", "pygeoapi", "ratio", "target", "")


@dataclass(frozen=True)
class Row:
    """``cells`` by server; ``ratio`` is what ``target`` is about where it is a ratio, else ``value`` is."""

    name: str
    cells: dict[str, str]
    ratio: float | None = None
    target: str = ""
    met: bool | None = None
    figures: dict[str, object] = field(default_factory=dict)

    def markdown(self) -> str:
        verdict = {True: "met", False: "**missed**", None: ""}[self.met]
        ratio = "" if self.ratio is None else f"{three_digits(self.ratio)} ×"
        return bar(
            [
                self.name,
                *(self.cells.get(name, "") for name in ("twin", "tipg", "pygeoapi")),
                ratio,
                self.target,
                verdict,
            ]
        )


def less_cpu(name: str, found: dict[str, Figure], at_least: float) -> Row:
    """How many times less CPU we need than the better of the others, with what their database needs."""
    best = min(figure.all_ms for server, figure in found.items() if server != "twin")
    ratio = best / found["twin"].all_ms
    return Row(
        name, {s: cost(f) for s, f in found.items()}, ratio, f"≥ {at_least:g} ×", ratio >= at_least, as_figures(found)
    )


def more_per_s(name: str, found: dict[str, Figure], at_least: float) -> Row:
    """How many times as many requests a second we answer as the better of the others."""
    best = max(figure.per_s for server, figure in found.items() if server != "twin")
    ratio = found["twin"].per_s / best
    return Row(
        name, {s: cost(f) for s, f in found.items()}, ratio, f"≥ {at_least:g} ×", ratio >= at_least, as_figures(found)
    )


def faster(name: str, found: dict[str, float], at_least: float) -> Row:
    """How many times as fast we are as the better of the others, in seconds."""
    ratio = min(seconds for server, seconds in found.items() if server != "twin") / found["twin"]
    cells = {server: f"{three_digits(seconds)} s" for server, seconds in found.items()}
    return Row(name, cells, ratio, f"≥ {at_least:g} ×", ratio >= at_least, dict(found))


def at_most(name: str, found: dict[str, float], limit: float, unit: str) -> Row:
    """Whether ours is at most so much."""
    cells = {server: f"{three_digits(value)} {unit}" for server, value in found.items()}
    return Row(name, cells, None, f"≤ {limit:g} {unit}", found["twin"] <= limit, dict(found))


def whole_rows(found: dict[str, Whole], seconds: float, first_byte_s: float) -> list[Row]:
    """The whole layer: when all of it is there, and when it begins."""
    total = at_most("whole layer as GeoJSON", {s: w.seconds for s, w in found.items()}, seconds, "s")
    first = at_most("its first byte", {s: w.first_byte_s * 1e3 for s, w in found.items()}, first_byte_s * 1e3, "ms")
    return [
        Row(total.name, total.cells, None, total.target, total.met, {s: asdict(w) for s, w in found.items()}),
        first,
    ]


def as_figures(found: dict[str, Figure]) -> dict[str, object]:
    return {server: asdict(figure) for server, figure in found.items()}


def cost(figure: Figure) -> str:
    """``38 + 41 ms (17 / s)``: the server's CPU time, its database's, and requests a second."""
    database = f" + {three_digits(figure.database_ms)}" if figure.database_ms else ""
    return f"{three_digits(figure.cpu_ms)}{database} ms ({three_digits(figure.per_s)} / s)"


def three_digits(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:#.3g}".rstrip(".")


def bar(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def markdown(rows: Sequence[Row], machine: str, about: str) -> str:
    """The block of the README, without its markers."""
    lines = [bar(HEADER), "|---|--:|--:|--:|--:|--:|---|", *(row.markdown() for row in rows)]
    return "\n".join([f"{machine}. {about}", "", *lines])


def replace_block(text: str, block: str) -> str:
    """``text`` with what stands between the markers replaced.

    Raises:
        ValueError: it has not each marker once, the first one first.
    """
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    if (text.count(BEGIN), text.count(END), rest.count(END)) != (1, 1, 1):
        raise ValueError(
            f"README 中应先后各有一个 {BEGIN} 和 {END} / the README needs {BEGIN} and then {END}, once each"
        )
    return f"{before}{BEGIN}\n{block}\n{END}{after}"
