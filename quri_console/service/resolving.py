"""Marking an operation resolved: somebody looked after what it left, and nobody is to go on with it.

Nothing is undone by it, and but for starting what the operation left stopped nothing is changed on the network. The
order is: journal, audit log, outcome. Killed before the outcome is there, the operation is still interrupted, and
marking it again finishes the work; resuming it instead is possible as well.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from quri_console.effects.audit import MARKED_RESOLVED, RESOLVE_ASKED
from quri_console.effects.gate import REPLACING, Intention, OperationKind, check_wanted, require_reason
from quri_console.effects.journal import JOURNAL_NAME, Journal, Record, read_records
from quri_console.effects.loads import loaded_states
from quri_console.effects.lockdown import this_operator
from quri_console.effects.operation_files import OperationFiles, OperationRequest, Outcome
from quri_console.effects.operation_summary import RESOLVED_RESULT
from quri_console.effects.replay import RESOLVED, left_stopped, safety_snapshots, status_before
from quri_console.errors import ExitCode, LockedError, RefusedBySafetyRule, UsageError
from quri_console.service.operations import reason_rule, refusals_audited, require_writable_session
from quri_console.service.resolution_look import plan_resolution
from quri_console.service.session import Session

if TYPE_CHECKING:
    from quri_console.restore.resolution import Resolution

VERB: OperationKind = "resolve"


@dataclass(frozen=True, slots=True)
class Resolved:
    """What marking came to: what was looked at before, and the names of what was started and of what was not."""

    resolution: Resolution
    by: str
    started: tuple[str, ...]
    left_stopped: tuple[str, ...]


async def resolve(
    session: Session,
    operation_id: str,
    *,
    reason: str,
    confirmation: str = "",
    force: bool = False,
    leave_stopped: bool = False,
) -> Resolved:
    """Mark an operation resolved, once nothing that it stopped is left so by accident.

    What it stopped and is not seen running is started first; with `leave_stopped` it is left as it is, on purpose.
    On a production network `force` and the typed NETWORK/NAME are needed. Raises as `plan_resolution`,
    RefusedBySafetyRule, StateFolderUnusable when it cannot be journalled and audited: it is not marked then.
    """
    require_writable_session(session, VERB)
    resolution = await plan_resolution(session, operation_id)
    _require_wanted(session, resolution, reason, confirmation, force=force)
    files = OperationFiles(session.config.paths.operations / resolution.operation)
    left, started = tuple(item.name for item in resolution.to_start), ()
    if left and not leave_stopped:
        await _start(session, resolution, files)
        left, started = (), left
    marked = Resolved(resolution, this_operator(), started, left)
    with _alone(files):
        _mark(session, files, marked, reason.strip())
    return marked


def _require_wanted(session: Session, resolution: Resolution, reason: str, confirmation: str, *, force: bool) -> None:
    if not reason.strip():
        raise UsageError(
            f"marking {resolution.operation} resolved needs a reason",
            next_step="Add --reason TEXT: what was done about it, or the number of the incident or ticket.",
        )
    with refusals_audited(session, VERB, resolution.name):
        require_reason(VERB, resolution.network, reason_rule(session.network), reason)
    check_wanted(
        Intention(
            kind=VERB,
            network=resolution.network,
            production=resolution.production,
            read_only=session.read_only,
            canister=resolution.name,
            confirmation=confirmation,
            force=force,
            state_folder=session.config.paths.state,
            # it leads nowhere further, so lockdown does not hold it up
            bringing_back=True,
        )
    )


async def _start(session: Session, resolution: Resolution, files: OperationFiles) -> None:
    """Start what the operation left stopped. Raises RefusedBySafetyRule with why it does not run."""
    from quri_console.service.left_stopped import bring_back_one

    told = await bring_back_one(session, files)
    if told is None or told.ended:
        return
    names = " and ".join(item.name for item in resolution.to_start)
    raise RefusedBySafetyRule(
        f"{names} was stopped by {resolution.operation} and could not be started, so nothing was marked resolved",
        why=told.problem,
        next_step="Put that right and try again; or add --leave-stopped if it is to stay as it is.",
    )


@contextlib.contextmanager
def _alone(files: OperationFiles) -> Iterator[None]:
    """Keep every runner of the operation away meanwhile. Raises LockedError."""
    lock = files.lock_runner()
    if lock is None:
        name = files.directory.name
        raise LockedError(f"{name} has just been gone on with", next_step=f"quri-console operations show {name}")
    try:
        yield
    finally:
        os.close(lock)


def _require_still_open(request: OperationRequest, outcome: Outcome | None) -> None:
    """Raise RefusedBySafetyRule when another process has finished it, or marked it resolved, meanwhile."""
    if outcome is not None and (outcome.ok or RESOLVED_RESULT in outcome.result):
        raise RefusedBySafetyRule(f"{request.id} has ended meanwhile: {outcome.what}")


def _require_nothing_new_stopped(files: OperationFiles, resolution: Resolution) -> None:
    """Raise RefusedBySafetyRule when a process went on with it after the look, and stopped what was not stopped then.

    What is marked is started by nobody any more.
    """
    path = files.directory / JOURNAL_NAME
    records = read_records(path)[0] if path.exists() else ()
    seen = {item.canister.to_str() for item in resolution.canisters if item.held}
    new = [item for item in left_stopped(records) if status_before(records, item) == "running" and item not in seen]
    if new:
        raise RefusedBySafetyRule(
            f"{resolution.operation} has stopped {' and '.join(new)} meanwhile, so nothing was marked resolved",
            why="a process went on with it after it was looked at",
            next_step=f"Look again: quri-console operations resolve {resolution.operation} --dry-run",
        )


def _mark(session: Session, files: OperationFiles, marked: Resolved, reason: str) -> None:
    from quri_console.service.audit import note_resolution

    request, earlier = files.request(), files.outcome()
    _require_still_open(request, earlier)
    _require_nothing_new_stopped(files, marked.resolution)
    note_resolution(session, request, RESOLVE_ASKED, reason, {"left_stopped": marked.left_stopped})
    journal = Journal(files.directory / JOURNAL_NAME, clock=session.clock)
    try:
        journal.append(RESOLVED, by=marked.by, reason=reason, left_stopped=marked.left_stopped, seen=_seen(marked))
        records = journal.records
    finally:
        journal.close()
    head = note_resolution(session, request, MARKED_RESOLVED, reason, {"seen": _seen(marked)})
    outcome = _outcome(session, request, records, earlier, marked, reason)
    files.write_outcome(dataclasses.replace(outcome, audit={"seq": head.seq, "hash": head.hash}))
    files.forget_requests()


def _seen(marked: Resolved) -> dict[str, str]:
    """Every canister with its status as it was seen, and after it was started."""
    return {
        item.canister.to_str(): "running" if item.name in marked.started else item.now or "not seen"
        for item in marked.resolution.canisters
    }


def _outcome(
    session: Session,
    request: OperationRequest,
    records: Sequence[Record],
    earlier: Outcome | None,
    marked: Resolved,
    reason: str,
) -> Outcome:
    """How the operation ended: not done, marked resolved; with the way back where there is one."""
    now_ns = session.clock.now_ns()
    kept = safety_snapshots(records)
    result: dict[str, object] = {
        **({} if earlier is None else earlier.result),
        **_state_left(records, request),
        RESOLVED_RESULT: {"by": marked.by, "at_ns": now_ns, "reason": reason, "left_stopped": marked.left_stopped},
    }
    if kept:
        result["safety_snapshot"] = kept[0].hex()
    undoable = request.kind in REPLACING and kept and any(s != "old" for s in loaded_states(records).values())
    return Outcome(
        ExitCode.CANCELLED,
        now_ns,
        f"it was marked resolved by {marked.by}",
        reason if earlier is None else f"{reason}. Before that: {earlier.what}",
        f"To bring the state before it back: quri-console rollback {request.id}" if undoable else "",
        result,
    )


def _state_left(records: Sequence[Record], request: OperationRequest) -> dict[str, str]:
    from quri_console.restore.swap_target import MIXED_STATE, NEW_STATE, OLD_STATE, UNKNOWN_STATE

    if request.kind not in REPLACING:
        return {}
    states = set(loaded_states(records).values()) or {"old"}
    words = {"old": OLD_STATE, "new": NEW_STATE, "unknown": UNKNOWN_STATE}
    return {"state": words[states.pop()] if len(states) == 1 else MIXED_STATE}
