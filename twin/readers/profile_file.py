"""Import profiles' files (TOML): the built-in ones, and the planner's own from another folder."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from twin.errors import Fault, InvalidInput, Words
from twin.layers.profile import Profile
from twin.layers.profile_source import profile_from, profile_invalid
from twin.readers.toml_file import TomlFault, read_toml


def read_profiles(folder: Path, more: Path | None = None) -> tuple[Profile, ...]:
    """All profiles of a folder, and then those of another one, by file name; there need be no such folders.

    One of ``more`` replaces that of the same id and layer of ``folder``, and has a note that says so.

    Raises:
        InvalidInput: files have faults. All of them are listed, each with its file and line.
    """
    faults: list[Fault] = []
    built_in = _read(folder, faults)
    own = _read(more, faults) if more is not None else {}
    if faults:
        raise profile_invalid(faults)
    for key in own.keys() & built_in.keys():
        note = Words(
            f"模板 {key[0]}（{key[1]}）取自 {own[key].file}，替换了内置模板",
            f"the profile {key[0]} ({key[1]}) of {own[key].file} replaces the built-in one",
        )
        own[key] = replace(own[key], notes=(*own[key].notes, note))
    return tuple({**built_in, **own}.values())


def _read(folder: Path, faults: list[Fault]) -> dict[tuple[str, str], Profile]:
    found: dict[tuple[str, str], Profile] = {}
    for path in sorted(folder.glob("*.toml")):
        try:
            tables, lines = read_toml(path)
            profile = profile_from(tables, lines, str(path))
        except TomlFault as reason:
            faults.append(Fault(f"{path}:{reason.line}", "", "", reason.words))
        except InvalidInput as reason:
            faults += reason.faults
        else:
            key = (profile.id, profile.layer)
            if key in found:
                words = Words(f"与 {found[key].file} 的编号和图层相同", f"has the id and layer of {found[key].file}")
                faults.append(Fault(f"{path}:{lines.get(('id',), 1)}", "id", profile.id, words))
            found.setdefault(key, profile)
    return found
