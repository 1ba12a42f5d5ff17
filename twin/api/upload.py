"""A file and what is asked of it, as a form sends them: read to the disk, never larger than is allowed."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from twin.api.pending import ImportForm, file_name
from twin.errors import Fault, InvalidInput, UnsupportedMedia, Words

MAX_UPLOAD = 512 << 20
MAX_FIELDS = 200
BESIDE = 1 << 20
"""Bytes of a request besides the file."""
LISTS = ("map", "where")


class TooLarge(InvalidInput):
    """More than is taken in one upload."""

    code = "too-large"

    @classmethod
    def of(cls) -> TooLarge:
        mib = MAX_UPLOAD >> 20
        return cls(f"文件超过 {mib} MiB；请拆分后分别导入", f"the file is larger than {mib} MiB: split it")


async def read_upload(request: Request) -> tuple[ImportForm, UploadFile]:
    """What was sent. The file lies on the disk and is to be closed.

    Raises:
        UnsupportedMedia, TooLarge, InvalidInput, RequestValidationError: it is no form, too large, or wrong in itself.
    """
    said = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if said != "multipart/form-data":
        raise UnsupportedMedia(
            f"应为 multipart/form-data，收到 {said or '—'}", f"multipart/form-data is expected, got {said or 'nothing'}"
        )
    length = request.headers.get("content-length", "")
    if length.isdecimal() and int(length) > MAX_UPLOAD + BESIDE:
        raise TooLarge.of()
    try:
        sent = await MultiPartParser(request.headers, _limited(request), max_files=1, max_fields=MAX_FIELDS).parse()
    except MultiPartException as reason:
        raise InvalidInput(f"表单无法读取：{reason.message}", f"the form cannot be read: {reason.message}") from None
    try:
        return _parted(sent)
    except (InvalidInput, RequestValidationError):
        await sent.close()
        raise


def _parted(sent: FormData) -> tuple[ImportForm, UploadFile]:
    """The fields (blank ones say nothing) and the file. Raises InvalidInput and RequestValidationError."""
    found: dict[str, Any] = {}
    faults = []
    for name, value in sent.multi_items():
        if name in LISTS:
            found[name] = (*found.get(name, ()), value)
        elif name in found:
            faults.append(Fault("body", name, str(value)[:80], Words("只能给一次", "may be given once")))
        elif value != "":
            found[name] = value
    upload = found.pop("file", None)
    if not isinstance(upload, UploadFile):
        faults.append(Fault("body", "file", "", Words("缺少文件", "the file is missing")))
    if faults or upload is None:
        zh = "；".join(f"{f.column} {f.words.zh}" for f in faults)
        en = "; ".join(f"{f.column}: {f.words.en}" for f in faults)
        raise InvalidInput(f"表单有误：{zh}", f"bad form: {en}", faults)
    return form_of({**found, "file": file_name(upload.filename or "")}), upload


def form_of(values: dict[str, Any]) -> ImportForm:
    """The fields as they are kept; what is wrong with them is wrong with the request."""
    try:
        return ImportForm.model_validate(values)
    except ValidationError as reason:
        raise RequestValidationError([{**e, "loc": ("body", *e["loc"])} for e in reason.errors()]) from None


async def _limited(request: Request) -> AsyncGenerator[bytes, None]:
    """The body as it comes, until it is too much."""
    size = 0
    async for part in request.stream():
        size += len(part)
        if size > MAX_UPLOAD + BESIDE:
            raise TooLarge.of()
        yield part
