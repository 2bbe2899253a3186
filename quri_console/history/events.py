"""What happened to canisters, as two samples in a row show it.

Events follow from the samples alone: whatever order these arrive in, the same events are there in the end.
Only what happened before the time that samples are kept for makes no events when it arrives late.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from quri_console.history.access import Access
from quri_console.history.differences import EventKind
from quri_console.history.samples import SQLITE_MAX_INTEGER, exact

SCHEMA = """
CREATE TABLE events (
    canister INTEGER NOT NULL REFERENCES canisters (id) ON DELETE CASCADE,
    at_ns INTEGER NOT NULL,
    kind TEXT NOT NULL,
    before TEXT,
    after TEXT,
    cycles,
    PRIMARY KEY (canister, at_ns, kind)
) WITHOUT ROWID;
CREATE TABLE known (
    canister INTEGER PRIMARY KEY REFERENCES canisters (id) ON DELETE CASCADE,
    at_ns INTEGER NOT NULL,
    cycles,
    status TEXT,
    module TEXT,
    controllers TEXT,
    settings TEXT,
    present INTEGER
);
"""

_EVENTS = """
SELECT c.canister_id, e.at_ns, e.kind, e.before, e.after, e.cycles FROM canisters c JOIN events e ON e.canister = c.id
WHERE c.network = ?1 AND (?2 IS NULL OR c.canister_id = ?2) AND e.at_ns >= ?3 AND e.at_ns < ?4
"""


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened between the sample of `at_ns` and the one before.

    `before` and `after` are hexadecimal for modules (None: no code), JSON for controllers and for the settings
    that changed, a word for the status, a number for a balance; `cycles` is by how much a top-up raised the
    balance (what was burnt meanwhile comes on top).
    """

    canister_id: str
    at_ns: int
    kind: EventKind
    before: str | None = None
    after: str | None = None
    cycles: int | None = None


class Events:
    """The events of one database."""

    def __init__(self, access: Access) -> None:
        self._access = access

    async def of(
        self, network: str, canister_id: str, since_ns: int = 0, until_ns: int = SQLITE_MAX_INTEGER
    ) -> tuple[Event, ...]:
        """The events of a canister from `since_ns` on and before `until_ns`, oldest first."""
        rows = await self._access.rows(
            f"{_EVENTS} ORDER BY e.at_ns, e.kind", (network, canister_id, since_ns, until_ns)
        )
        return tuple(_event(row) for row in rows)

    async def newest(self, network: str, since_ns: int) -> dict[str, tuple[Event, ...]]:
        """The events since then of every canister that has any, newest first, by canister id."""
        parameters = (network, None, since_ns, SQLITE_MAX_INTEGER)
        found: dict[str, list[Event]] = {}
        for row in await self._access.rows(f"{_EVENTS} ORDER BY c.id, e.at_ns DESC, e.kind", parameters):
            found.setdefault(row[0], []).append(_event(row))
        return {canister_id: tuple(events) for canister_id, events in found.items()}


def _event(row: Any) -> Event:
    return Event(*(*row[:5], exact(row[5])))
