"""What the trainee did that did not help, out of the operations and the audit log of the drill's own state folder."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from quri_console.clock import utc_datetime
from quri_console.drill.incidents import NAME
from quri_console.drill.scenario import Scenario
from quri_console.effects.audit import REFUSED
from quri_console.effects.operation_summary import OperationSummary
from quri_console.service.audit import audit_events
from quri_console.service.following import named, operations
from quri_console.service.session import Session

HARMLESS = ("backup", "start")
"""What nobody minds a healthy canister to get."""


def wrong_turns(session: Session, scenario: Scenario, *, since_ns: int, good: str) -> tuple[str, ...]:
    """Every wrong turn since the incident, oldest first. `good` is the backup from before it.

    An operation that failed or was rolled back, one that does not help against this disaster, a restore from a backup
    of the broken state, and whatever a safety rule refused.
    """
    begun = operations_since(session, since_ns)
    found = [(item.created_at_ns, words) for item in begun for words in _turn(session, item, scenario, good)]
    return tuple(words for _, words in sorted([*found, *_refusals(session, since_ns)]))


def operations_since(session: Session, since_ns: int) -> list[OperationSummary]:
    """The operations begun since then, oldest first."""
    return [item for item in reversed(operations(session)) if item.created_at_ns >= since_ns]


def _turn(session: Session, item: OperationSummary, scenario: Scenario, good: str) -> Iterator[str]:
    names = ", ".join(named(session.config, canister) for canister in item.canisters)
    if item.kind == "rollback":
        return  # what it undid is the wrong turn
    what = f"{item.kind} of {names}"
    if item.rolled_back is not None and item.rolled_back.done:
        yield f"{what} was rolled back"
    elif item.state not in ("done", "running"):
        yield f"{what} {item.state}: {item.outcome.what if item.outcome else 'its process died'}"
    elif item.kind not in scenario.helps:
        yield f"{what} does not help against this"
    elif item.kind not in HARMLESS and names != NAME and scenario.name != "deleted":
        yield f"{what}, which was well"
    elif item.kind == "restore" and item.outcome is not None:
        source = str(item.outcome.result.get("source") or good)
        if good not in source and not source.startswith("snapshot"):
            yield f"{what} from {source}, which was taken after the incident"


def _refusals(session: Session, since_ns: int) -> Iterator[tuple[int, str]]:
    since = utc_datetime(since_ns)
    for event in audit_events(session):
        at = datetime.fromisoformat(str(event["ts"]))
        if event.get("action") == REFUSED and at >= since:
            yield (
                round(at.timestamp() * 1e9),
                f"refused: {event.get('kind')} of {event.get('target')}: " + str(event.get("result", "")),
            )
