"""What the audit log tells: every plan, refusal, confirmation, effect and outcome, by whom, and why.

Uploads of data are summed up, because 400 GB are 200,000 of them: one event when the first begins, and one with
their number and bytes when something else follows or the operation ends. The journal has each.
"""

from __future__ import annotations

import socket
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from quri_console.clock import Clock, SystemClock, utc_datetime
from quri_console.effects.audit_log import AUDIT_FOLDER, AuditLog, Head
from quri_console.effects.canonical_json import Plain, plain
from quri_console.effects.durable import Json, StateFolderUnusable
from quri_console.effects.lockdown import operating_user
from quri_console.errors import QuriError
from quri_console.redaction import redacted, without_keys, without_secrets

PLANNED, REFUSED, CONFIRMED, ADMITTED_ACTION = "plan shown", "refused", "confirmed", "admitted"
INTENDED, ENDED_EFFECT = "effect intended", "effect ended"
UPLOAD_BEGUN, UPLOADED = "upload begun", "uploaded"
ENDED, RESUMED, ABORTED, BROUGHT_BACK = "ended", "resumed", "abort asked", "bring back asked"
RESOLVE_ASKED, MARKED_RESOLVED = "resolve asked", "marked resolved"
LOCKDOWN_ON, LOCKDOWN_OFF = "lockdown on", "lockdown off"


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened; empty fields are left out of the log. Times in nanoseconds, cycles as they are.

    `action` is one of the words above, `kind` that of the operation, `target` the canisters or what else it is about.
    """

    action: str
    kind: str = ""
    target: str = ""
    parameters: Json = field(default_factory=dict)
    principal: str = ""
    network: str = ""
    root_key_sha256: str = ""
    operation: str = ""
    plan_hash: str = ""
    reason: str = ""
    result: str = ""
    duration_ns: int | None = None
    cycles_before: int | None = None
    cycles_after: int | None = None

    def fields(self, at_ns: int) -> dict[str, Plain]:
        """The event as it is written, without its place in the chain."""
        actor = {"user": operating_user(), "host": socket.gethostname(), "principal": self.principal or None}
        cycles = {"before": _text(self.cycles_before), "after": _text(self.cycles_after)}
        network = {"name": self.network or None, "root_key_sha256": self.root_key_sha256 or None}
        milliseconds = None if self.duration_ns is None else self.duration_ns // 1_000_000
        found: dict[str, object] = {
            "ts": f"{utc_datetime(at_ns):%Y-%m-%dT%H:%M:%S.%f}Z",
            "actor": _present(actor),
            "action": self.action,
            "kind": self.kind,
            "target": self.target,
            "parameters": redacted(self.parameters),
            "network": _present(network),
            "operation": self.operation,
            "plan_hash": self.plan_hash,
            # an address may be that of the ticket
            "reason": without_keys(self.reason),
            "result": without_secrets(self.result),
            "duration_ms": milliseconds,
            "cycles": _present(cycles),
        }
        return {name: plain(value) for name, value in found.items() if value not in (None, "", {})}


def _text(cycles: int | None) -> str | None:
    return None if cycles is None else str(cycles)


def _present(fields: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in fields.items() if value is not None}


class Audit:
    """The audit of one state folder."""

    def __init__(self, state_folder: Path, clock: Clock | None = None) -> None:
        self._log = AuditLog(state_folder / AUDIT_FOLDER)
        self._clock = clock or SystemClock()

    def note(self, event: Event) -> Head:
        """Write an event; the head of the log afterwards. Raises StateFolderUnusable."""
        return self._log.append(event.fields(self._clock.now_ns()))


def note_refusal(
    state_folder: Path, refusal: QuriError, *, kind: str, network: str, target: str, plan_hash: str = ""
) -> None:
    """Audit a refusal; it is a refusal all the same where that cannot be written, and says so."""
    event = Event(
        REFUSED, kind=kind, network=network, target=target, plan_hash=plan_hash, result=f"{refusal.what}: {refusal.why}"
    )
    try:
        Audit(state_folder).note(event)
    except StateFolderUnusable as error:
        refusal.add_note(f"this refusal could not be audited: {error}")


@dataclass(frozen=True, slots=True)
class About:
    """What all events of one operation have in common."""

    operation: str
    kind: str
    network: str
    target: str
    plan_hash: str
    reason: str


def about_event(about: About, action: str) -> Event:
    """An event of an operation, to be completed."""
    return replace(
        Event(action),
        kind=about.kind,
        network=about.network,
        target=about.target,
        operation=about.operation,
        plan_hash=about.plan_hash,
        reason=about.reason,
    )
