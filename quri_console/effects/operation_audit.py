"""A runner's side of the audit: it listens to the journal and tells of each effect, and of the end.

What cannot be audited is not begun: an effect that leads further is not sent while every canister has its status.
Once a canister is stopped its return comes first: what fails from then on is kept, and told with the outcome.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from quri_console.clock import Clock, SystemClock
from quri_console.effects.audit import (
    ADMITTED_ACTION,
    ENDED,
    ENDED_EFFECT,
    INTENDED,
    UPLOAD_BEGUN,
    UPLOADED,
    About,
    Audit,
    Event,
    about_event,
)
from quri_console.effects.calls import DELETE_SNAPSHOT, START, STOP, UPLOAD_CHUNK, UPLOAD_SLICE
from quri_console.effects.durable import Json, StateFolderUnusable
from quri_console.effects.journal import Record
from quri_console.effects.operation_files import OperationRequest, Outcome
from quri_console.effects.replay import (
    ADMITTED,
    DONE,
    INTENT,
    NOT_EXECUTED,
    OUTCOME,
    REJECTED,
    attempts,
    left_stopped,
)

PROBLEM = "problem"
"""The field of an outcome's audit that says why not all of the operation is in the log."""
UPLOADS = (UPLOAD_SLICE.name, UPLOAD_CHUNK.name)
BRINGING_BACK = (START.name, DELETE_SNAPSHOT.name)


@dataclass(frozen=True, slots=True)
class _Open:
    """An effect whose outcome is awaited."""

    effect: str
    canister: str
    at_ns: int


@dataclass(slots=True)
class _Uploads:
    began_ns: int = 0
    count: int = 0
    bytes: int = 0
    canister: str = ""


class OperationAudit:
    """Audits one operation while its runner works on it."""

    def __init__(self, state_folder: Path, request: OperationRequest, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()
        self._audit = Audit(state_folder, self._clock)
        self._about = about_request(request)
        self._began_ns = self._clock.now_ns()
        self._principal = self._root_key = ""
        self._stopped: set[str] = set()
        self._open: dict[int, _Open] = {}
        self._uploads: _Uploads | None = None
        self.problem: StateFolderUnusable | None = None
        """Why something of this operation is not in the audit log; None when all is."""

    def go_on_from(self, records: Sequence[Record]) -> None:
        """Know what earlier processes of the operation left: canisters that are stopped, and open effects."""
        self._stopped = set(left_stopped(records))
        for attempt in attempts(records):
            if attempt.open and attempt.kind.name not in UPLOADS:
                at_ns = records[attempt.sequence].at_ns
                self._open[attempt.sequence] = _Open(attempt.kind.name, attempt.canister, at_ns)

    def before(self, record: Record) -> None:
        """Hear of a record that is about to be journalled. Raises StateFolderUnusable, and then it must not be."""
        if record.event == INTENT:
            self._intended(record)
        elif record.event == ADMITTED:
            self._admitted(record)

    def after(self, record: Record) -> None:
        """Hear of a record that was journalled; raises nothing."""
        if record.event == OUTCOME:
            self._ended(record)

    def end(self, outcome: Outcome) -> Outcome:
        """Tell how the operation ended; the outcome with the head of the audit log, or why it has none."""
        self._sum_up()
        event = replace(
            self._event(ENDED),
            parameters={name: value for name, value in outcome.result.items() if name not in ("notes",)},
            result=_ending(outcome),
            duration_ns=self._clock.now_ns() - self._began_ns,
            cycles_before=_cycles(outcome.result, "cycles_before"),
            cycles_after=_cycles(outcome.result, "cycles_after"),
        )
        try:
            head = self._audit.note(event)
        except StateFolderUnusable as error:
            self.problem = self.problem or error
        else:
            outcome = replace(outcome, audit={"seq": head.seq, "hash": head.hash})
        if self.problem is None:
            return outcome
        return replace(outcome, audit={**outcome.audit, PROBLEM: str(self.problem)})

    def _intended(self, record: Record) -> None:
        effect, canister = str(record.fields["effect"]), str(record.fields["canister"])
        if effect in UPLOADS:
            self._uploading(record, canister)
            return
        self._sum_up()
        hidden = ("effect", "canister", "request")
        parameters = {name: value for name, value in record.fields.items() if name not in hidden}
        event = replace(self._event(INTENDED), target=canister, parameters={"effect": effect, **parameters})
        self._tell(event, required=effect not in BRINGING_BACK and not self._stopped)
        self._open[record.sequence] = _Open(effect, canister, record.at_ns)
        if effect == STOP.name:
            self._stopped.add(canister)

    def _uploading(self, record: Record, canister: str) -> None:
        if self._uploads is None:
            event = replace(self._event(UPLOAD_BEGUN), target=canister)
            self._tell(event, required=not self._stopped)
            self._uploads = _Uploads(record.at_ns, canister=canister)
        self._uploads.count += 1
        self._uploads.bytes += int(record.fields.get("size", 0))

    def _sum_up(self) -> None:
        uploads, self._uploads = self._uploads, None
        if uploads is None:
            return
        event = replace(
            self._event(UPLOADED),
            target=uploads.canister,
            parameters={"requests": uploads.count, "bytes": uploads.bytes},
            duration_ns=self._clock.now_ns() - uploads.began_ns,
        )
        self._tell(event, required=False)

    def _admitted(self, record: Record) -> None:
        self._principal = str(record.fields.get("principal", ""))
        self._root_key = str(record.fields.get("root_key_sha256", ""))
        self._tell(self._event(ADMITTED_ACTION), required=not self._stopped)

    def _ended(self, record: Record) -> None:
        known = self._open.pop(int(record.fields["intent"]), None)
        if known is None:
            return  # an upload
        outcome = str(record.fields["outcome"])
        came_back = known.effect == START.name and outcome == DONE
        if came_back or (known.effect == STOP.name and outcome in (REJECTED, NOT_EXECUTED)):
            self._stopped.discard(known.canister)
        parameters = {name: value for name, value in record.fields.items() if name not in ("intent", "outcome")}
        event = replace(
            self._event(ENDED_EFFECT),
            target=known.canister,
            parameters={"effect": known.effect, **parameters},
            result=outcome,
            duration_ns=record.at_ns - known.at_ns,
        )
        self._tell(event, required=False)

    def _tell(self, event: Event, *, required: bool) -> None:
        try:
            self._audit.note(event)
        except StateFolderUnusable as error:
            if required:
                raise
            self.problem = self.problem or error

    def _event(self, action: str) -> Event:
        return replace(about_event(self._about, action), principal=self._principal, root_key_sha256=self._root_key)


def about_request(request: OperationRequest) -> About:
    """What is told of an operation in all its events."""
    return About(
        request.id,
        request.kind,
        request.network,
        ", ".join(request.canisters),
        request.plan_hash,
        request.reason or "",
    )


def _ending(outcome: Outcome) -> str:
    said = ": ".join(part for part in (outcome.what, outcome.why) if part)
    return f"{'ok' if outcome.ok else f'exit code {int(outcome.exit_code)}'}: {said}"


def _cycles(result: Json, name: str) -> int | None:
    """The balance of the operation's canister, or of all of them together; None where one is not known."""
    value = result.get(name)
    if isinstance(value, int):
        return value
    # of a backup, whose records have 0 where nobody looked
    entries = [entry for entry in result.get("canisters", ()) if isinstance(entry, Mapping)]
    known = [part for entry in entries if isinstance(part := entry.get(name), int) and part > 0]
    return sum(known) if known and len(known) == len(entries) else None
