"""The audit log as services use it: plans and confirmations go in, people read and check it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from quri_console.clock import NANOSECONDS_PER_SECOND, utc_datetime
from quri_console.effects.audit import CONFIRMED, PLANNED, Audit, Event, about_event
from quri_console.effects.audit_check import AuditCheck, verify_log
from quri_console.effects.audit_log import AUDIT_FOLDER, Head, read_events
from quri_console.effects.durable import StateFolderUnusable
from quri_console.effects.operation_audit import about_request
from quri_console.effects.operation_files import OUTCOME, OperationRequest
from quri_console.service.session import Session

if TYPE_CHECKING:
    from quri_console.backup.plan import BackupPlan
    from quri_console.restore.plan import RestorePlan
    from quri_console.restore.rollback import RollbackPlan


def note_confirmed(session: Session, request: OperationRequest) -> None:
    """Tell that an operation was confirmed and is about to start. Raises StateFolderUnusable: then it must not."""
    event = replace(
        about_event(about_request(request), CONFIRMED),
        parameters={"confirmation": request.confirmation, "force": request.force, **request.parameters},
    )
    Audit(session.config.paths.state, session.clock).note(event)


def note_asked(session: Session, request: OperationRequest, action: str) -> None:
    """Tell that something is asked of an operation: to go on, to end, or to give its canisters back.

    Said as far as it can be: it must not keep a canister stopped.
    """
    _told(session, about_event(about_request(request), action))


def note_resolution(
    session: Session, request: OperationRequest, action: str, reason: str, parameters: Mapping[str, object]
) -> Head:
    """Tell that an operation is marked resolved, and why; the head of the log. Raises StateFolderUnusable."""
    event = replace(about_event(about_request(request), action), reason=reason, parameters=dict(parameters))
    return Audit(session.config.paths.state, session.clock).note(event)


def note_plan(
    session: Session,
    kind: str,
    *,
    target: str,
    plan_hash: str = "",
    root_key_hash: bytes = b"",
    cycles: int | None = None,
    parameters: Mapping[str, object] | None = None,
) -> None:
    """Tell that a plan was made and shown; `cycles` is the balance that it found.

    A plan changes nothing, so it is shown also where the log cannot be written; starting it is refused then.
    """
    event = Event(
        PLANNED,
        kind=kind,
        target=target,
        network=session.network.name,
        root_key_sha256=root_key_hash.hex(),
        plan_hash=plan_hash,
        parameters=dict(parameters or {}),
        cycles_before=cycles,
    )
    _told(session, event)


def _told(session: Session, event: Event) -> bool:
    try:
        Audit(session.config.paths.state, session.clock).note(event)
    except StateFolderUnusable:
        return False
    return True


def note_restore_plan(session: Session, plan: RestorePlan) -> None:
    """Tell of a restore's plan."""
    failed = [f"{check.name}: {check.found}" for check in plan.failed_checks]
    parameters: dict[str, object] = {
        "source": plan.source.label,
        "canister": plan.canister.to_str(),
        "bill": plan.cycles,
    }
    if failed:
        parameters["failed_checks"] = failed
    note_plan(
        session,
        "restore",
        target=plan.name,
        plan_hash=plan.hash,
        root_key_hash=plan.root_key_hash,
        cycles=plan.live.cycles,
        parameters=parameters,
    )


def note_rollback_plan(session: Session, plan: RollbackPlan) -> None:
    """Tell of a rollback's plan."""
    from quri_console.restore.plan import plan_hash

    parameters = {
        "undoes": plan.operation,
        "canister": ", ".join(member.canister.to_str() for member in plan.members),
        "snapshot_id": ", ".join(member.snapshot_id.hex() for member in plan.members),
    }
    note_plan(session, "rollback", target=plan.name, plan_hash=plan_hash(plan), parameters=parameters)


def note_backup_plan(session: Session, plan: BackupPlan) -> None:
    """Tell of a backup's plan."""
    names = ", ".join(target.name for target in plan.targets)
    parameters = {"mode": plan.mode, "bill": plan.cycles}
    note_plan(session, "backup", target=names, root_key_hash=plan.root_key_hash, parameters=parameters)


def audit_events(
    session: Session, *, since_seconds: float | None = None, operation: str | None = None
) -> Iterator[dict[str, Any]]:
    """The events of the log, oldest first; of one operation by its name or how that begins, or of late.

    Raises StateFolderUnusable.
    """
    since = ""
    if since_seconds is not None:
        at_ns = max(0, session.clock.now_ns() - round(since_seconds * NANOSECONDS_PER_SECOND))
        since = f"{utc_datetime(at_ns):%Y-%m-%dT%H:%M:%S.%f}Z"
    for event in read_events(session.config.paths.state / AUDIT_FOLDER):
        # times in this form sort as they follow each other
        if str(event.get("ts", "")) < since:
            continue
        if operation is None or str(event.get("operation", "")).startswith(operation):
            yield event


def verify_audit(session: Session) -> AuditCheck:
    """Read the whole log, and look whether it has what the outcomes of operations know of it.

    Raises StateFolderUnusable.
    """
    return verify_log(session.config.paths.state / AUDIT_FOLDER, _witnesses(session))


def _witnesses(session: Session) -> dict[str, Head]:
    """The heads that outcomes keep, by operation; what an outcome keeps in no readable form is no witness."""
    found: dict[str, Head] = {}
    folder = session.config.paths.operations
    for path in sorted(folder.glob(f"*/{OUTCOME}")) if folder.is_dir() else ():
        try:
            kept = json.loads(path.read_bytes()).get("audit") or {}
            found[path.parent.name] = Head(int(kept["seq"]), str(kept["hash"]))
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            continue
    return found
