"""What a file's import lacks to be examined, and what there is to choose from: so that whoever asked can be asked back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from twin.api.pending import ImportForm
from twin.errors import BadParameter, Fault, FrameUndeclared, MappingAmbiguous, TwinError, Unavailable, Words
from twin.frames import FRAMES, LOCAL
from twin.layers import LAYERS
from twin.layers.profile import Profile, recognises
from twin.layers.table import RawTable

N_FAULTS_KEPT = 1000


class Refused(Exception):
    """A file that cannot be examined as asked, and what there is to choose from, by the name of what must be said."""

    def __init__(self, error: TwinError, choices: Mapping[str, Sequence[str]]) -> None:
        super().__init__(str(error))
        self.error, self.choices = error, choices


def problem_of(error: TwinError, choices: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """Why a file cannot be examined, as the state keeps it. What the request names and is not there is the request's fault."""
    return {
        "code": "bad-parameter" if error.code == "not-found" else error.code,
        "status": 503 if isinstance(error, Unavailable) else 400,
        "zh": error.words.zh,
        "en": error.words.en,
        "errors": [asdict(fault) for fault in error.faults[:N_FAULTS_KEPT]],
        "choices": {name: list(values) for name, values in choices.items()},
    }


def frames_known(folder: Path) -> list[str]:
    """The frames that may be named: the usual ones, and ``local:NAME`` for every definition in a folder."""
    local = sorted(path.name for path in folder.iterdir() if path.is_file()) if folder.is_dir() else []
    return [*FRAMES, *(f"{LOCAL}{name}" for name in local)]


def frame_of(said: str, folder: Path) -> str | None:
    """What was named; of a local frame its definition in the folder, and no other file of this machine.

    Raises:
        Refused: there is no such definition.
    """
    text = said.strip()
    if not is_local(text):
        return text or None
    name, choices = text[len(LOCAL) :].strip(), frames_known(folder)
    if f"{LOCAL}{name}" not in choices:
        there = ", ".join(choices)
        error = FrameUndeclared(
            f"没有地方坐标系定义“{name[:80]}”；其文件须先放入数据目录的 frames 文件夹。现有：{there}",
            f"there is no local frame {name[:80]!r}; put its file into the folder frames of the data folder first. "
            f"There are: {there}",
        )
        raise Refused(error, {"frame": choices})
    return f"{LOCAL}{name}"


def is_local(frame: str | None) -> bool:
    return frame is not None and frame.lower().startswith(LOCAL)


def local_file(frame: str | None, folder: Path) -> Path:
    """The definition of a local frame that ``frame_of`` has let pass."""
    return folder / (frame or "")[len(LOCAL) :]


def known_layer(form: ImportForm) -> str:
    if form.layer and form.layer not in LAYERS:
        known = ", ".join(LAYERS)
        words = Words(f"没有图层“{form.layer}”。现有：{known}", f"no layer {form.layer!r}; there are: {known}")
        raise Refused(
            BadParameter(words.zh, words.en, [Fault("body", "layer", form.layer, words)]), {"layer": list(LAYERS)}
        )
    return form.layer


def guessed_layer(form: ImportForm, table: RawTable, profiles: Sequence[Profile]) -> str:
    """The one layer whose profiles recognise the file.

    Raises:
        Refused: there is none, or more than one.
    """
    fitting = [p for p in profiles if (p.id == form.profile if form.profile else recognises(p, table))]
    layers = list(dict.fromkeys(p.layer for p in fitting))
    if len(layers) == 1:
        return layers[0]
    choices = layers or list(LAYERS)
    words = Words(
        f"请指明 {form.file} 是哪个图层：{', '.join(choices)}",
        f"say which layer {form.file} is of: {', '.join(choices)}",
    )
    raise Refused(BadParameter(words.zh, words.en, [Fault("body", "layer", "", words)]), {"layer": choices})


def mapping_choices(
    error: MappingAmbiguous, layer: str, table: RawTable, profiles: Sequence[Profile]
) -> dict[str, list[str]]:
    """The columns that an undecided field could have, or the profiles that fit; all columns where none fits."""
    columns = [str(c) for c in table.columns.columns]
    fields = [name for name in ("lng", "lat", "key", "code") if f"--map {name}=" in error.words.en]
    if fields:
        return {
            f: [c for c in columns if any(f"--map {f}={c}{end}" in f"{error.words.en};" for end in (" /", ";"))]
            or columns
            for f in fields
        }
    fitting = [p.id for p in profiles if p.layer == layer and recognises(p, table)]
    return {"profile": fitting} if len(fitting) > 1 else {}
