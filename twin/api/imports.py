"""Imports over HTTP: a file is examined and kept, nothing is written until it is applied. The same as ``twin import``."""

from __future__ import annotations

from contextlib import suppress
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Depends, Header, Request, Response
from fastapi.responses import FileResponse
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile

from twin.api.allowed import author_of, caller_of, check_layer
from twin.api.examining import Examiner
from twin.api.import_choices import frames_known
from twin.api.language import Lang, Language
from twin.api.params import bad
from twin.api.pending import Forgotten, ImportForm, State
from twin.api.problems import problem, problem_members
from twin.api.replies import json_reply, url
from twin.api.upload import MAX_UPLOAD, TooLarge, form_of, read_upload
from twin.api.world import World, view_of
from twin.errors import Fault, TwinError, Words
from twin.frames import FRAMES
from twin.layers import LAYERS, LayerType
from twin.layers.mapping import LAT, LNG
from twin.readers import READERS

router = APIRouter(tags=["imports"])
FRESH = {"cache-control": "no-store"}
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


class Confirmation(BaseModel):
    """Who applies an import, and why."""

    model_config = ConfigDict(extra="forbid")

    by: str = Field(default="", max_length=200)
    reason: str = Field(default="", max_length=2000)


async def _examiner(request: Request) -> Examiner:
    """The app's own, made when first asked for."""
    state = request.app.state
    if not hasattr(state, "examiner"):
        world: World = state.world
        state.examiner = Examiner(world.twin, world.settings)
        await run_in_threadpool(state.examiner.pending.clean, world.twin.now())
    examiner: Examiner = state.examiner
    return examiner


Imports = Annotated[Examiner, Depends(_examiner)]
DESCRIBED = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    **ImportForm.model_json_schema(),
                    "properties": {
                        **ImportForm.model_json_schema()["properties"],
                        "file": {"type": "string", "format": "binary", "description": f"one of {', '.join(READERS)}"},
                    },
                }
            }
        },
    }
}


@router.post("/imports", status_code=201, openapi_extra=DESCRIBED)
async def add_import(
    request: Request, examiner: Imports, lang: Language, prefer: Annotated[str, Header()] = ""
) -> Response:
    """Send a file and see what importing it would do: 201 with the report, also of a file with faults.

    With ``Prefer: respond-async`` 202 at once; ``GET /imports/{id}`` then says how far it is.
    """
    try:
        form, upload = await read_upload(request)
    except TooLarge as error:
        return problem(request, 413, error.code, error.words)
    try:
        check_layer(caller_of(request), form.layer)
        number = await run_in_threadpool(_keep, examiner, upload, form)
    finally:
        await upload.close()
    background = "respond-async" in prefer.lower()
    try:
        await run_in_threadpool(examiner.begin, number, background=background)
    except TwinError:
        await run_in_threadpool(examiner.forget, number)
        raise
    return await run_in_threadpool(_begun, request, examiner, number, lang, background)


@router.get("/imports")
def list_imports(request: Request, examiner: Imports) -> Response:
    """The pending imports, the newest first, and what may be named when asking for one."""
    listed = []
    for number in examiner.pending.numbers():
        with suppress(Forgotten):
            listed.append(_outline(examiner, number, examiner.pending.state(number)))
    local = [name for name in frames_known(examiner.frames_folder) if name not in FRAMES]
    choices = {
        "layer": [_layer_told(kind) for kind in LAYERS.values()],
        "frame": [{"id": f.name, "zh": f.title.zh, "en": f.title.en} for f in FRAMES.values()]
        + [{"id": name, "zh": name, "en": name} for name in local],
        "endings": list(READERS),
        "max_bytes": MAX_UPLOAD,
    }
    return json_reply(request, {"imports": listed, "choices": choices}, headers=FRESH)


@router.get("/imports/{number}")
def one_import(request: Request, examiner: Imports, lang: Language, number: str) -> Response:
    """How far it is, what was asked and, once it has been examined, the report."""
    state = examiner.look(number)
    return json_reply(request, _told(request, examiner, number, state, lang), headers=FRESH)


@router.patch("/imports/{number}")
def ask_otherwise(request: Request, examiner: Imports, lang: Language, number: str, body: dict[str, Any],
                  prefer: Annotated[str, Header()] = "") -> Response:  # fmt: skip
    """Ask something else of the same file (another frame, sheet, mapping …) and have it examined anew."""
    if "file" in body:
        raise bad("body", "file", "", "文件不能更换，请重新上传", "the file cannot be another: send it anew")
    check_layer(caller_of(request), str(body.get("layer", "")))
    examiner.ask_otherwise(number, form_of({**examiner.pending.form(number).model_dump(), **body}))
    background = "respond-async" in prefer.lower()
    examiner.begin(number, background=background)
    return _begun(request, examiner, number, lang, background, created=False)


@router.get("/imports/{number}/report.xlsx", response_class=FileResponse)
def workbook(request: Request, examiner: Imports, lang: Language, number: str) -> Response:
    """The file's own rows, each with its faults and with what it would come to."""
    _note_read(request, examiner, number)
    path = examiner.workbook(number, lang)
    stem = examiner.pending.form(number).file.rpartition(".")[0]
    name = f"{stem}_{'预检' if lang == 'zh' else 'examined'}.xlsx"
    headers = {"content-disposition": f"attachment; filename*=UTF-8''{quote(name)}", **FRESH}
    return FileResponse(path, media_type=XLSX, headers=headers)


@router.post("/imports/{number}/apply")
def apply_import(request: Request, examiner: Imports, number: str, body: Confirmation | None = None) -> Response:
    """Record what was shown, in one transaction."""
    form, said = examiner.pending.form(number), body or Confirmation()
    check_layer(caller_of(request), examiner.pending.state(number).layer)
    state = examiner.apply(
        number, author_of(request, said.by or form.by or "api"), said.reason or form.reason or f"import {form.file}"
    )
    return json_reply(request, _outline(examiner, number, state) | {"transaction": state.transaction}, headers=FRESH)


@router.delete("/imports/{number}", status_code=204)
def forget_import(examiner: Imports, number: str) -> Response:
    """Forget it. What has been applied stays."""
    examiner.forget(number)
    return Response(status_code=204)


def _keep(examiner: Examiner, upload: UploadFile, form: ImportForm) -> str:
    now = examiner.twin.now()
    examiner.pending.clean(now)
    return examiner.pending.create(upload.file, form, now)


# The answers ----------------------------------------------------------------------------------------------------------


def _begun(
    request: Request, examiner: Examiner, number: str, lang: Lang, background: bool, created: bool = True
) -> Response:
    """The first answer; a file that cannot be examined, sent by somebody who waits for the answer, is a problem."""
    state = examiner.pending.state(number)
    headers = {**FRESH, "location": url(request, f"/imports/{number}")}
    if background:
        told = _outline(examiner, number, state)
        answer = json_reply(request, told, headers={**headers, "preference-applied": "respond-async"})
        answer.status_code = 202
        return answer
    if state.problem is not None:
        if created:
            examiner.forget(number)
        status, code, words, faults, more = _parts(state.problem)
        return problem(request, status, code, words, faults, more=more)
    answer = json_reply(request, _told(request, examiner, number, state, lang), headers=headers)
    answer.status_code = 201 if created else 200
    return answer


def _outline(examiner: Examiner, number: str, state: State) -> dict[str, Any]:
    form = examiner.pending.form(number)
    return {
        "id": number, "status": state.status, "progress": state.progress, "stage": state.stage, "created": state.created,
        "file": form.file, "layer": form.layer, "counts": state.counts,
    }  # fmt: skip


def _note_read(request: Request, examiner: Examiner, number: str) -> None:
    """A report tells where things stand, and how far the file's rows are from there."""
    form, state = examiner.pending.form(number), examiner.pending.state(number)
    layer = state.layer or form.layer
    if layer in LAYERS:
        view_of(request).read(layer, f"import {form.file}", sum((state.counts or {}).values()))


def _told(request: Request, examiner: Examiner, number: str, state: State, lang: Lang) -> dict[str, Any]:
    form = examiner.pending.form(number)
    _note_read(request, examiner, number)
    told = _outline(examiner, number, state) | {"request": form.model_dump(), "problem": None, "report": None}
    if state.problem is not None:
        told["problem"] = problem_members(lang, *_parts(state.problem))
    elif state.status not in ("reading", "examining"):
        told["report"] = examiner.pending.report(number)
    return told | ({"transaction": state.transaction} if state.status == "applied" else {})


def _layer_told(kind: LayerType) -> dict[str, Any]:
    fields = {f.name: {"zh": f.title.zh, "en": f.title.en} for f in (LNG, LAT, *kind.all_fields())}
    return {"id": kind.name, "zh": kind.title.zh, "en": kind.title.en, "fields": fields}


def _parts(kept: dict[str, Any]) -> tuple[int, str, Words, list[Fault], dict[str, Any]]:
    """A problem of the state as a problem document's parts: status, code, words, faults and further members."""
    faults = [Fault(f["where"], f["column"], f["value"], Words(**f["words"])) for f in kept["errors"]]
    return kept["status"], kept["code"], Words(kept["zh"], kept["en"]), faults, {"choices": kept["choices"]}
