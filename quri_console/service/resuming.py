"""Going on with operations whose process is gone, and ending those that should not go on."""

from __future__ import annotations

from quri_console.effects.audit import ABORTED, RESUMED
from quri_console.effects.operation_files import OperationFiles
from quri_console.effects.operation_summary import RESOLVED_RESULT
from quri_console.effects.runner import ABORT, CONTINUE, RESUME, start_runner
from quri_console.errors import ExitCode, LockedError, RefusedBySafetyRule
from quri_console.service.audit import note_asked
from quri_console.service.following import OperationHandle, follow
from quri_console.service.operations import (
    RUNNER_MODULE,
    duty_key,
    duty_of,
    require_writable_session,
    with_repository_passphrase,
)
from quri_console.service.session import Session


def resume(session: Session, operation_id: str) -> OperationHandle:
    """Go on with an operation that did not succeed and whose process is gone.

    Raises LockedError while it runs, RefusedBySafetyRule when there is nothing to go on with.
    """
    return _go_on(session, follow(session, operation_id), RESUME)


def proceed(session: Session, operation_id: str) -> OperationHandle:
    """Tell an operation that paused before it stops anything to go on. Raises RefusedBySafetyRule when it has ended."""
    require_writable_session(session, CONTINUE)
    handle = follow(session, operation_id)
    if not handle.running():
        raise RefusedBySafetyRule(
            f"{handle.id} does not run", next_step=f"See: quri-console operations show {handle.id}"
        )
    note_asked(session, handle.request, CONTINUE)
    OperationFiles(handle.directory).ask(CONTINUE)
    return handle


def abort(session: Session, operation_id: str) -> OperationHandle:
    """Ask an operation to end before its next effect; one whose process died is ended in a new one.

    Its canisters get the status back that they had. Raises RefusedBySafetyRule when it has ended.
    """
    require_writable_session(session, ABORT)
    handle = follow(session, operation_id)
    outcome = handle.outcome()
    # a backup that the network left in the middle keeps what it copied, and its snapshot, to go on with
    waits = outcome is not None and handle.request.kind == "backup" and outcome.exit_code == ExitCode.NETWORK
    if outcome is not None and not waits:
        raise RefusedBySafetyRule(f"{handle.id} has ended", next_step=f"See: quri-console operations show {handle.id}")
    if not handle.running():
        return _go_on(session, handle, ABORT)
    note_asked(session, handle.request, ABORTED)
    handle.abort()
    return handle


def _go_on(session: Session, handle: OperationHandle, request: str) -> OperationHandle:
    """Start a new process for an operation, which at once finds `request` among what is asked of it."""
    require_writable_session(session, request)
    files = OperationFiles(handle.directory)
    if files.runner_lives():
        raise LockedError(
            f"{handle.id} is still running", next_step=f"Follow it: quri-console operations show {handle.id}"
        )
    _require_unfinished(files)
    asked = files.request()
    key = duty_key(session, duty_of(asked.duty))
    if request != ABORT:
        # a canister that was left stopped is started without it, so nothing is refused for want of it
        key = with_repository_passphrase(session, key, asked.kind, required=False)
    note_asked(session, asked, ABORTED if request == ABORT else RESUMED)

    def begin() -> None:
        # another process may have finished it meanwhile
        _require_unfinished(files)
        files.remove_outcome()
        files.forget_requests()
        files.ask(request)

    start_runner(files, RUNNER_MODULE, key, begin=begin)
    return handle


def _require_unfinished(files: OperationFiles) -> None:
    outcome = files.outcome()
    if outcome is not None and (
        outcome.exit_code in (ExitCode.OK, ExitCode.PARTIAL) or RESOLVED_RESULT in outcome.result
    ):
        name = files.directory.name
        raise RefusedBySafetyRule(f"{name} has ended: {outcome.what}", next_step="Start a new operation instead.")
