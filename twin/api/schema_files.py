"""JSON Schemas that callers check answers with. They lie beside this module, in ``schemas/``."""

from __future__ import annotations

from functools import lru_cache
from importlib.resources import files

from fastapi import APIRouter, Request, Response

from twin.api.replies import SCHEMA_JSON, Packed, packed_reply
from twin.errors import NotFound

router = APIRouter(prefix="/schemas", tags=["schemas"])


@router.get("/{name}", response_class=Response, responses={200: {"content": {SCHEMA_JSON: {}}}})
def schema_file(request: Request, name: str) -> Response:
    """A JSON Schema (draft 2020-12) of what an answer holds: ``cover.json`` of ``twin cover RULE --json``."""
    known = schema_files()
    if name not in known:
        said = ", ".join(known)
        raise NotFound(f"没有模式文件 {name}。现有：{said}", f"there is no schema {name!r}; there are: {said}")
    return packed_reply(request, known[name], SCHEMA_JSON)


@lru_cache(maxsize=1)
def schema_files() -> dict[str, Packed]:
    found = [file for file in files("twin.api").joinpath("schemas").iterdir() if file.name.endswith(".json")]
    return {file.name: Packed(file.read_bytes()) for file in sorted(found, key=lambda file: file.name)}
