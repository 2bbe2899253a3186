"""Pins and holds: marks that keep a set from being forgotten and pruned until they end."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from quri_console.clock import NANOSECONDS_PER_SECOND
from quri_console.errors import RefusedBySafetyRule, UsageError
from quri_console.repository.marks import Mark, MarkKind, Standing, put_mark, read_marks, standing
from quri_console.repository.sets import manifest_object
from quri_console.repository.store import Repository


def pin(
    repository: Repository, name: str, *, by: str, reason: str, now: datetime, expires_at: datetime | None = None
) -> Mark:
    """Keep a set until the pin expires (never, when None) or is taken away; a later pin replaces an earlier one.

    A lock is held. Raises UsageError, StorageFailed.
    """
    _require_set(repository, name)
    if expires_at is not None and expires_at <= now:
        raise UsageError(
            f"A pin that ends at {expires_at:%Y-%m-%d %H:%M} UTC would have ended already",
            next_step="Give --expires a later time, or none to keep the backup for good.",
        )
    ends: dict[str, Any] = {} if expires_at is None else {"expires_at": expires_at.astimezone(UTC)}
    return _put_last(repository, name, "pin", now, {"by": by, "reason": _required(reason, "A pin"), **ends})


def unpin(repository: Repository, name: str, *, by: str, reason: str, now: datetime) -> Mark:
    """Take a set's pin away. Raises UsageError when it has none."""
    _require_set(repository, name)
    if not _stands(repository, name, now).pinned:
        raise UsageError(f"Backup {name} is not pinned", next_step="`quri-console list` shows what is.")
    return _put_last(repository, name, "unpin", now, {"by": by, "reason": reason})


def hold(repository: Repository, name: str, *, by: str, reason: str, now: datetime) -> Mark:
    """Keep a set until it is released, whatever its pins say. Raises as `pin`."""
    _require_set(repository, name)
    return _put_last(repository, name, "hold", now, {"by": by, "reason": _required(reason, "A hold")})


def release(repository: Repository, name: str, *, by: str, reason: str, now: datetime) -> Mark:
    """End a set's hold. Raises UsageError when there is none, RefusedBySafetyRule while one of its marks is damaged."""
    _require_set(repository, name)
    _, unreadable = read_marks(repository.backend, name)
    if unreadable:
        raise RefusedBySafetyRule(
            f"Backup {name} cannot be released",
            why=f"{unreadable[0]} cannot be read, and it may be a hold or a pin.",
            next_step="`quri-console check` tells what is damaged, `quri-console repair` what can be done.",
        )
    if not _stands(repository, name, now).held:
        raise UsageError(f"Backup {name} is not on hold", next_step="`quri-console list` shows what is.")
    return _put_last(repository, name, "release", now, {"by": by, "reason": _required(reason, "A release")})


def _require_set(repository: Repository, name: str) -> None:
    if repository.backend.head(manifest_object(name)) is None:
        raise UsageError(f"There is no backup {name}", next_step="`quri-console list` shows the backups.")


def _required(reason: str, what: str) -> str:
    if not reason.strip():
        raise UsageError(f"{what} needs a reason", next_step='Say it with --reason "…", for whoever wonders later.')
    return reason


def _stands(repository: Repository, name: str, now: datetime) -> Standing:
    return standing(*read_marks(repository.backend, name), now)


def _put_last(repository: Repository, name: str, kind: MarkKind, now: datetime, fields: Mapping[str, Any]) -> Mark:
    """A mark that is the newest of the set, although another one may bear this second, or a wrong clock's."""
    marks, _ = read_marks(repository.backend, name)
    newest = max((int(mark.at.timestamp()) + 1 for mark in marks), default=0)
    moment = max(int(now.timestamp()), newest)
    return put_mark(repository.backend, name, kind, moment * NANOSECONDS_PER_SECOND, fields)
