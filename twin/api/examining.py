"""The work on pending imports: one examination at a time, so that the server goes on answering; applying what was shown."""

from __future__ import annotations

import io
import logging
import time
from collections import OrderedDict
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from threading import BoundedSemaphore, Lock, Thread
from typing import Any

import orjson

from twin.api.fingerprint import fingerprint
from twin.api.import_choices import (
    Refused,
    frame_of,
    frames_known,
    guessed_layer,
    is_local,
    known_layer,
    local_file,
    mapping_choices,
    problem_of,
)
from twin.api.pending import REPORT, REQUEST, UNDER_WAY, Forgotten, Hold, ImportForm, Pending, State, Status
from twin.api.problems import INTERNAL
from twin.api.replies import dumps
from twin.coverage.demand import POPULATION
from twin.engine import Twin
from twin.errors import Conflict, FrameUndeclared, InvalidInput, MappingAmbiguous, TwinError, Unavailable
from twin.ingest import ImportReport, ImportRequest, apply, examine
from twin.ingest.apply import refuse_faulty
from twin.ingest.grids import GridReport, apply_grid, examine_raster, grid_report_to_json
from twin.ingest.told import report_to_json
from twin.layers.mapping import parse_pairs
from twin.model import Transaction
from twin.opening import open_profiles
from twin.readers.raster import RASTERS, inspect_grid
from twin.settings import Settings
from twin.writers.annotated import write_annotated

MOST_WAITING = 12
N_IN_MEMORY = 2
FRESH_FOR = timedelta(minutes=10)
"""An examination is applied as it stands for so long; afterwards it is done again, so that “now” is now."""
TELL_EVERY_S = 0.25
READ_SHARE = 0.2

log = logging.getLogger("twin.api")


@dataclass(frozen=True)
class Held:
    """A report in memory: the store's last transaction when it was made, and when that was."""

    report: ImportReport | GridReport
    head: int
    at: datetime


class Examiner:
    """Examines and applies pending imports. One a process; several processes may share the folder."""

    def __init__(self, twin: Twin, settings: Settings) -> None:
        self.twin, self.settings = twin, settings
        self.pending, self.frames_folder = Pending(settings.data / "imports"), settings.data / "frames"
        self._turn, self._waiting = Lock(), BoundedSemaphore(MOST_WAITING)
        self._reports: OrderedDict[str, Held] = OrderedDict()

    def begin(self, number: str, *, background: bool) -> None:
        """Examine it: when this returns it has been done, or is under way; the state says how it ends.

        Raises:
            Unavailable: too many are waiting already.
        """
        hold = self.pending.hold(number)
        if hold is None:
            return
        if self.pending.state(number).status not in UNDER_WAY:
            hold.release()
            return
        if not self._waiting.acquire(blocking=False):
            hold.release()
            raise Unavailable("正在预检的文件过多，请稍后再试", "too many files are being examined: try again later")
        if background:
            Thread(target=self._work, args=(number, hold), daemon=True).start()
        else:
            self._work(number, hold)

    def look(self, number: str) -> State:
        """The state; what a stopped process left half done is begun again."""
        state = self.pending.state(number)
        if state.status in UNDER_WAY:
            self.begin(number, background=True)
        return state

    def ask_otherwise(self, number: str, form: ImportForm) -> None:
        """Ask something else of the file; ``begin`` examines it anew.

        Raises:
            Conflict: it is being worked on, or has been applied.
        """
        hold = self._only_mine(number)
        try:
            if self.pending.state(number).status == "applied":
                raise _applied(number)
            self._reports.pop(number, None)
            self.pending.put(number, REQUEST, orjson.dumps(form.model_dump()))
            self.pending.put_state(
                number, status="reading", progress=0.0, stage="", problem=None, counts=None, layer=""
            )
        finally:
            hold.release()

    def apply(self, number: str, author: str, reason: str) -> State:
        """Record what was shown, in one transaction.

        Raises:
            Conflict: it has been applied, is being worked on, or is not what was shown any more; then the report is new.
            InvalidInput: the file has faults, or another frame fits better and that was not forced.
        """
        hold = self._only_mine(number)
        try:
            state = self.pending.state(number)
            if state.status == "applied":
                raise _applied(number)
            if state.problem is not None:
                raise InvalidInput(state.problem["zh"], state.problem["en"])
            held = self._fresh(number)
            if isinstance(held.report, ImportReport):
                refuse_faulty(held.report)
            if state.shown != self.pending.state(number).shown:
                raise _look_again()
            return self._record(number, held, author, reason)
        finally:
            hold.release()

    def workbook(self, number: str, lang: str) -> Path:
        """The file's rows with what was found of each, as an .xlsx beside the report.

        Raises:
            Conflict: there is no report, or it has been applied and none was made before.
        """
        name = f"annotated.{lang}.xlsx"
        path = self.pending.path(number) / name
        if path.exists():
            return path
        hold = self._only_mine(number)
        try:
            state = self.pending.state(number)
            if state.status == "applied":
                raise Conflict(
                    "该导入已写入，不再生成标注表；请在确认导入之前下载",
                    "it has been applied, so rows cannot be told against what was held: download it before applying",
                )
            if state.problem is not None:
                raise InvalidInput(state.problem["zh"], state.problem["en"])
            report = (self._reports.get(number) or self._fresh(number)).report
            if isinstance(report, GridReport):
                raise InvalidInput("栅格没有逐行标注表", "a raster has no rows to be marked")
            out = io.BytesIO()
            write_annotated(report, out, lang)
            self.pending.put(number, name, out.getvalue())
        finally:
            hold.release()
        return path

    def forget(self, number: str) -> None:
        """Delete it; an examination under way ends.

        Raises:
            Conflict: it is being applied.
        """
        hold = self.pending.hold(number)
        try:
            if hold is None and self.pending.state(number).status == "applying":
                raise _busy()
            self.pending.remove(number)
            self._reports.pop(number, None)
        finally:
            if hold is not None:
                hold.release()

    # Work -------------------------------------------------------------------------------------------------------------

    def _only_mine(self, number: str) -> Hold:
        hold = self.pending.hold(number)
        if hold is None:
            raise _busy()
        return hold

    def _work(self, number: str, hold: Hold) -> None:
        try:
            with suppress(Forgotten):
                self._examined(number)
        finally:
            hold.release()
            self._waiting.release()

    def _examined(self, number: str) -> Held | None:
        """Examine and keep the report; None where the file cannot be, and the state says why."""
        with self._turn:
            try:
                return self._examine(number)
            except Forgotten:
                raise
            except Refused as refused:
                problem = problem_of(refused.error, refused.choices)
            except TwinError as error:
                problem = problem_of(error, {})
            except Exception:
                log.exception("examining import %s failed", number)
                problem = {"code": "internal", "status": 500, "zh": INTERNAL.zh, "en": INTERNAL.en, "errors": [], "choices": {}}  # fmt: skip
            self.pending.put_state(number, status="failed", progress=1.0, stage="", problem=problem)
            return None

    def _examine(self, number: str) -> Held:
        form = self.pending.form(number)
        tell = Teller(self.pending, number)
        tell("reading", 0.0)
        head, now = self.twin.store.head(), self.twin.now()
        report = self._report(form, self.pending.content(number), tell)
        told = grid_report_to_json(report) if isinstance(report, GridReport) else report_to_json(report)
        for path in self.pending.path(number).glob("annotated.*"):
            path.unlink(missing_ok=True)
        self.pending.put(number, REPORT, dumps(told))
        self.pending.put_state(
            number, status="faulty" if told["faults"] else "ready", progress=1.0, stage="", problem=None,
            shown=fingerprint(report), counts=told["difference"], layer=told.get("layer", ""),
        )  # fmt: skip
        held = self._reports[number] = Held(report, head, now)
        self._reports.move_to_end(number)
        while len(self._reports) > N_IN_MEMORY:
            self._reports.popitem(last=False)
        return held

    def _report(self, form: ImportForm, content: bytes, tell: Teller) -> ImportReport | GridReport:
        if Path(form.file).suffix.lower() in RASTERS:
            return self._raster(form, content)
        return self._table(form, content, tell)

    def _raster(self, form: ImportForm, content: bytes) -> GridReport:
        request = ImportRequest(
            form.layer or POPULATION, None, form.source, synthetic=form.synthetic, schematic=form.schematic,
            derived=form.derived, licence=form.licence,
        )  # fmt: skip
        crs = inspect_grid(content, form.file).crs
        return examine_raster(self.twin, content, request, file=form.file, crs=crs, unit=form.unit)

    def _table(self, form: ImportForm, content: bytes, tell: Teller) -> ImportReport:
        from twin.readers import read_table
        from twin.readers.local_frame import read_local_frame

        layer = known_layer(form)
        try:
            table = read_table(content, form.file, table=form.table or None, layer=layer or None)
        except MappingAmbiguous as error:
            raise Refused(error, {"table": error.tables}) from None
        profiles, frame = open_profiles(self.settings), frame_of(form.frame, self.frames_folder)
        request = ImportRequest(
            layer=layer or guessed_layer(form, table, profiles),
            frame=frame,
            source_id=form.source,
            overrides=parse_pairs("map", form.map),
            where=parse_pairs("where", form.where),
            synthetic=form.synthetic,
            schematic=form.schematic,
            derived=form.derived,
            licence=form.licence,
            profile=form.profile or None,
            local=read_local_frame(local_file(frame, self.frames_folder)) if is_local(frame) else None,
            force=form.force,
            keep_private=form.keep_private,
        )
        tell("examining", READ_SHARE)
        try:
            return examine(
                self.twin, table, request, allow_datum_inverse=self.settings.allow_datum_inverse, profiles=profiles,
                progress=lambda stage, share: tell("examining", READ_SHARE + (1 - READ_SHARE) * share, stage),
            )  # fmt: skip
        except FrameUndeclared as error:
            raise Refused(
                error, {"frame": [table.declared_frame] if table.declared_frame else frames_known(self.frames_folder)}
            ) from None
        except MappingAmbiguous as error:
            raise Refused(error, mapping_choices(error, request.layer, table, profiles)) from None

    def _fresh(self, number: str) -> Held:
        """The report on what is held now."""
        held = self._reports.get(number)
        if held is None or held.head != self.twin.store.head() or self.twin.now() - held.at > FRESH_FOR:
            held = self._examined(number)
        if held is None:
            raise _look_again()
        return held

    def _record(self, number: str, held: Held, author: str, reason: str) -> State:
        before = self.pending.put_state(number, status="applying")
        try:
            if isinstance(held.report, GridReport):
                transaction = apply_grid(self.twin, held.report, author=author, reason=reason)
            else:
                transaction = apply(self.twin, held.report, author=author, reason=reason)
        except Conflict:
            self._examined(number)
            raise _look_again() from None
        except BaseException:
            self.pending.put_state(number, status="ready")
            raise
        self._reports.pop(number, None)
        told = None if transaction is None else transaction_to_json(transaction)
        with suppress(Forgotten):
            applied = self.pending.put_state(number, status="applied", transaction=told)
            self.pending.drop_content(number)
            return applied
        return replace(before, status="applied", transaction=told)


class Teller:
    """Writes an examination's progress into its state, not too often. Raises Forgotten where it has been deleted."""

    def __init__(self, pending: Pending, number: str) -> None:
        self._pending, self._number = pending, number
        self._told_at, self._told = 0.0, ("", "")

    def __call__(self, status: Status, progress: float, stage: str = "") -> None:
        now = time.monotonic()
        if (status, stage) == self._told and now - self._told_at < TELL_EVERY_S:
            return
        self._told_at, self._told = now, (status, stage)
        self._pending.put_state(self._number, status=status, progress=progress, stage=stage)


def transaction_to_json(t: Transaction) -> dict[str, Any]:
    return {"tx": t.tx, "at": t.at.isoformat(), "author": t.author, "reason": t.reason, "source": t.source, "n_edits": t.n_edits}  # fmt: skip


def _busy() -> Conflict:
    return Conflict("正在预检或写入，请稍候再试", "it is being examined or applied: try again in a moment")


def _applied(number: str) -> Conflict:
    return Conflict(f"导入 {number} 已写入，不能再写一次", f"import {number} has been applied already")


def _look_again() -> Conflict:
    return Conflict(
        "预检之后数据已有变动，结果与所见不同；未写入。报告已更新，请重新核对后再确认",
        "what is held has changed since, and the difference is another one; nothing was written. "
        "The report is new: look again, then apply",
    )
