"""The house rules as pure functions over source text: bands, cycles, purity. ``test_architecture.py`` holds twin to them.

Sources are ``{"twin.layers.base": text}``; a package's ``__init__`` has the package's name and is in ``packages``.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter

BANDS: tuple[tuple[str, frozenset[str]], ...] = (
    ("errors", frozenset({"errors"})),
    ("kernel", frozenset({"model", "frames", "offsets", "cells", "plan", "ports", "times"})),
    ("domain", frozenset({"layers", "coverage"})),
    (
        "engine",
        frozenset(
            {
                "engine",
                "ingest",
                "editing",
                "export",
                "kept",
                "access",
                "following",
                "identity",
                "snapshots",
                "seen",
                "sensitive",
            }
        ),
    ),
    ("adapters", frozenset({"store", "readers", "writers", "demo"})),
    ("doors", frozenset({"api", "cli", "maps", "notebook", "opening", "settings", "__main__"})),
)
"""Left to right: a module may import its own band and the bands to its left. ``twin/__init__.py`` stands left of all."""

PURE_BANDS = frozenset({"errors", "kernel", "domain"})

PURE_IMPORTS = frozenset({
    # arrays, frames, geometry, solvers, and JSON as values
    "numpy", "scipy", "numba", "pandas", "geopandas", "shapely", "pyproj", "h3", "h3ronpy", "highspy", "orjson",
    # of the standard library, what knows no file, clock, network, process and no hidden randomness
    "__future__", "abc", "ast", "base64", "binascii", "bisect", "collections", "concurrent", "contextlib", "copy", "dataclasses",
    "datetime", "decimal", "difflib", "enum", "fractions", "functools", "graphlib", "hashlib", "heapq", "itertools",
    "json", "marshal", "math", "numbers", "operator", "re", "statistics", "string", "struct", "textwrap", "tomllib", "types",
    "typing", "unicodedata", "warnings", "zlib", "zoneinfo",
})  # fmt: skip

FORBIDDEN_IN_PURE = {
    r"open|input|print|exec|eval|breakpoint|__import__": "touches the outside",
    r"datetime\.(datetime\.(now|utcnow|today)|date\.today)|pandas\.Timestamp\.(now|utcnow|today)": "reads the clock",
    r"(pandas|geopandas)\.(read_\w+|ExcelFile|ExcelWriter|HDFStore)": "reads or writes a file",
    r"numpy\.(load|save|savez|savez_compressed|savetxt|loadtxt|genfromtxt|fromfile|memmap)": "reads or writes a file",
    r"numpy\.random\.(?!Generator$|default_rng$|SeedSequence$|PCG64$)\w+": "draws from hidden state: take an rng",
}
FORBIDDEN_METHODS = re.compile(r"to_(file|parquet|feather|pickle|excel|sql|hdf|postgis)|tofile")


@dataclass(frozen=True)
class Module:
    name: str
    tree: ast.Module
    is_package: bool

    @property
    def room(self) -> str:
        return room_of(self.name)


def room_of(name: str) -> str:
    """``layers`` for ``twin.layers.base``; empty for ``twin`` itself."""
    return name.partition(".")[2].partition(".")[0]


def parse(sources: Mapping[str, str], packages: Set[str]) -> list[Module]:
    return [Module(name, ast.parse(text, filename=name), name in packages) for name, text in sorted(sources.items())]


def faults(sources: Mapping[str, str], packages: Set[str] = frozenset({"twin"})) -> list[str]:
    """Every breach of the house rules, as sentences; empty when the house is in order."""
    modules = parse(sources, packages)
    imports = {module.name: list(imported_modules(module, sources.keys())) for module in modules}
    return [
        *(fault for module in modules for fault in band_faults(module, imports[module.name])),
        *cycle_faults({name: {target for _, target in found} for name, found in imports.items()}),
        *(fault for module in modules if band_name(module.room) in PURE_BANDS for fault in purity_faults(module)),
    ]


# --- imports ---------------------------------------------------------------------------------------------------------


def imported_modules(module: Module, known: Set[str]) -> Iterator[tuple[int, str]]:
    """(line, module of the project) for every import: at the top, inside functions, under TYPE_CHECKING, by name."""
    for line, name in imported_names(module):
        if name == "twin" or name.startswith("twin."):
            yield line, longest_known(name, known)


def imported_names(module: Module) -> Iterator[tuple[int, str]]:
    """(line, dotted name) of everything imported; ``from a import b`` gives ``a.b``."""
    for node in ast.walk(module.tree):
        match node:
            case ast.Import(names=names):
                yield from ((node.lineno, alias.name) for alias in names)
            case ast.ImportFrom(names=names):
                base = absolute_base(module, node)
                yield from ((node.lineno, f"{base}.{alias.name}" if alias.name != "*" else base) for alias in names)
            case ast.Call(
                func=ast.Attribute(attr="import_module") | ast.Name(id="import_module" | "__import__"),
                args=[ast.Constant(value=str(name)), *_],
            ):
                yield node.lineno, name


def absolute_base(module: Module, node: ast.ImportFrom) -> str:
    """``twin.layers`` for ``from . import …`` in ``twin.layers.base``."""
    if not node.level:
        return node.module or ""
    here = module.name.split(".")
    package = here[: len(here) - node.level + module.is_package]
    return ".".join([*package, *filter(None, [node.module])])


def longest_known(name: str, known: Set[str]) -> str:
    """The module that ``twin.layers.base.Field`` comes from: ``twin.layers.base``; ``twin`` for what is none."""
    while name not in known and "." in name:
        name = name.rpartition(".")[0]
    return name


# --- bands and cycles ------------------------------------------------------------------------------------------------


def band_index(room: str) -> int | None:
    """Position from the left; -1 for ``twin`` itself, None for a room that stands in no band."""
    if not room:
        return -1
    return next((i for i, (_, rooms) in enumerate(BANDS) if room in rooms), None)


def band_name(room: str) -> str:
    index = band_index(room)
    return BANDS[index][0] if index is not None and index >= 0 else ""


def band_faults(module: Module, imports: list[tuple[int, str]]) -> Iterator[str]:
    own = band_index(module.room)
    if own is None:
        yield f"{module.name}: twin/{module.room} stands in no band: place it in BANDS of tests/architecture.py"
        return
    for line, target in imports:
        other = band_index(room_of(target))
        if other is not None and other > own:
            mine = BANDS[own][0] if own >= 0 else "the root package"
            yield f"{module.name}:{line} ({mine}) imports {target} ({BANDS[other][0]}): only bands to the left are allowed"


def cycle_faults(graph: Mapping[str, Set[str]]) -> Iterator[str]:
    try:
        TopologicalSorter({name: targets - {name} for name, targets in graph.items()}).prepare()
    except CycleError as error:
        yield "import cycle: " + " -> ".join(reversed(error.args[1]))
    yield from (f"{name} imports itself" for name, targets in graph.items() if name in targets)


# --- purity ----------------------------------------------------------------------------------------------------------


def purity_faults(module: Module) -> Iterator[str]:
    for line, name in imported_names(module):
        root = name.partition(".")[0]
        if root != "twin" and root not in PURE_IMPORTS:
            yield f"{module.name}:{line} imports {root}: a pure module may not (PURE_IMPORTS in tests/architecture.py)"
    aliases = dict(import_aliases(module))
    for node in ast.walk(module.tree):
        for name, reason in forbidden_uses(node, aliases):
            yield f"{module.name}:{node.lineno} uses {name}, which {reason}: that stands at the rim"


def import_aliases(module: Module) -> Iterator[tuple[str, str]]:
    """(name in this module, dotted name): ``("np", "numpy")``, ``("datetime", "datetime.datetime")``."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                root = alias.name.partition(".")[0]
                yield (alias.asname, alias.name) if alias.asname else (root, root)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield from ((alias.asname or alias.name, f"{node.module}.{alias.name}") for alias in node.names)


def forbidden_uses(node: ast.AST, aliases: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    if isinstance(node, ast.Global):
        yield f"global {', '.join(node.names)}", "is state between calls"
    if not isinstance(node, ast.Attribute | ast.Name) or not isinstance(node.ctx, ast.Load):
        return
    name = dotted_name(node, aliases)
    for pattern, reason in FORBIDDEN_IN_PURE.items():
        if re.fullmatch(pattern, name):
            yield name, reason
    if isinstance(node, ast.Attribute) and FORBIDDEN_METHODS.fullmatch(node.attr):
        yield node.attr, "writes a file or a database"


def dotted_name(node: ast.expr, aliases: Mapping[str, str]) -> str:
    """``numpy.random.rand`` for ``np.random.rand``; empty for what is not a plain chain of names."""
    if isinstance(node, ast.Name):
        return aliases.get(node.id, node.id)
    if isinstance(node, ast.Attribute) and (base := dotted_name(node.value, aliases)):
        return f"{base}.{node.attr}"
    return ""
