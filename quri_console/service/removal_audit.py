"""Tells the audit log which backups were forgotten, brought back and deleted: their own marks go with them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from quri_console.effects.audit import Audit, Event
from quri_console.effects.durable import StateFolderUnusable
from quri_console.repository.prune_plan import PrunePlan
from quri_console.service.session import Session

FORGOTTEN, BROUGHT_BACK, PRUNED = "forgotten", "brought back", "pruned"


def note_forgotten(session: Session, names: Sequence[str], reason: str) -> None:
    """Tell that backups were hidden."""
    _note(session, FORGOTTEN, names, reason)


def note_brought_back(session: Session, names: Sequence[str]) -> None:
    """Tell that backups that had been hidden are there again."""
    _note(session, BROUGHT_BACK, names, "")


def note_pruned(session: Session, plan: PrunePlan) -> None:
    """Tell which backups a prune is about to delete for good, one event for those of one reason."""
    if plan.refusals:
        return
    by_reason: dict[str, list[str]] = {}
    for removal in plan.sets:
        by_reason.setdefault(removal.why, []).append(removal.name)
    for reason, names in by_reason.items():
        _note(session, PRUNED, names, reason)


def _note(session: Session, action: str, names: Iterable[str], reason: str) -> None:
    target = ", ".join(sorted(names))
    if not target:
        return
    event = Event(action, kind="repository", target=target, reason=reason)
    try:
        Audit(session.config.paths.state, session.clock).note(event)
    except StateFolderUnusable:
        # the repository changes no canister: a log that cannot be written is no reason to keep a full disk full
        return
