"""An operation is rolled back once; what a second attempt is told."""

from __future__ import annotations

from collections.abc import Mapping

from quri_console.clock import utc_datetime
from quri_console.effects.operation_summary import Rollback
from quri_console.errors import LockedError, RefusedBySafetyRule
from quri_console.service.following import OperationHandle, rollbacks


def require_not_rolled_back(handle: OperationHandle) -> None:
    """Raise RefusedBySafetyRule when the operation was rolled back, or half so; LockedError while it is.

    Asked before the network: the snapshot that a rollback used is gone, and it was nobody else who deleted it.
    """
    known = rollbacks(handle.directory.parent)
    rollback = known.get(handle.id)
    if rollback is None:
        return
    if rollback.state == "running":
        raise LockedError(
            f"{rollback.id} is rolling {handle.id} back now",
            next_step=f"Follow it: quri-console operations show {rollback.id}",
        )
    if not rollback.done:
        raise RefusedBySafetyRule(
            f"{handle.id} is half rolled back, by {rollback.id}, which was interrupted",
            why="how far that one came is in its own journal",
            next_step=f"Run `quri-console operations resume {rollback.id}`, or abort it, first.",
        )
    raise RefusedBySafetyRule(
        f"{handle.id} was already rolled back, by {rollback.id} on "
        f"{utc_datetime(rollback.finished_at_ns):%Y-%m-%d at %H:%M:%S} UTC",
        why="the safety snapshot that it left was loaded then, and deleted after that",
        next_step=_next_step(handle.id, known),
    )


def _next_step(operation: str, known: Mapping[str, Rollback]) -> str:
    """Which rollback leads on: the last one of the chain, since each can be rolled back in turn."""
    newest, what = known[operation], "To undo that"
    while (later := known.get(newest.id)) is not None and later.done:
        newest, what = later, "That was rolled back in turn; to undo the newest rollback"
    return f"{what}: quri-console rollback {newest.id} --dry-run"
