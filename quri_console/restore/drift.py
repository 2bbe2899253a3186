"""Looking again before what cannot be taken back: has somebody else changed the canister meanwhile?"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from quri_console.effects.calls import LOAD_SNAPSHOT, TAKE_SNAPSHOT, UPDATE_SETTINGS, UPLOAD_METADATA
from quri_console.effects.perform import Effects
from quri_console.effects.replay import attempts, gone_snapshots, snapshots_made
from quri_console.errors import RefusedBySafetyRule
from quri_console.ic.encoding.principal import Principal
from quri_console.ic.management.read import canister_status, list_canister_snapshots
from quri_console.ic.management.types import CanisterStatus
from quri_console.restore.plan import LiveState
from quri_console.restore.words import named

FIRST_LOOK = "first look"


class ChangedByOthers(RefusedBySafetyRule):
    """The canister differs from what the plan saw and this operation's journal explains."""


@dataclass(frozen=True, slots=True)
class Seen:
    """The canister as certified answers show it at one moment."""

    status: CanisterStatus
    snapshots: tuple[bytes, ...]


async def see(effects: Effects, canister: Principal) -> Seen:
    """Read status and snapshot list at once, so that a stopped canister waits for one answer only."""
    status, snapshots = await asyncio.gather(
        canister_status(effects.agent, canister), list_canister_snapshots(effects.agent, canister)
    )
    return Seen(status, tuple(snapshot.id for snapshot in snapshots))


@dataclass(frozen=True, slots=True)
class Vigil:
    """Compares one canister with what the plan saw and the journal explains."""

    effects: Effects
    canister: Principal
    name: str
    live: LiveState
    """As the plan found it."""
    controllers_after: tuple[Principal, ...] | None = None
    """Those that the plan's settings name; None where they stay."""

    async def begin(self) -> Seen:
        """The first look: nothing may have changed since the plan but the list of snapshots, which is kept.

        A resumed operation that has loaded nothing yet begins again. Raises ChangedByOthers.
        """
        seen = await see(self.effects, self.canister)
        moved = [
            name
            for name, planned, found in (
                ("module", self.live.module_hash, seen.status.module_hash),
                ("status", self.live.status, seen.status.status),
                ("controllers", set(self.live.controllers), set(seen.status.settings.controllers)),
            )
            if planned != found
        ]
        if moved:
            raise ChangedByOthers(
                f"{named(self.name, self.canister)} has changed since the plan was made, so nothing was done",
                why=f"another {' and '.join(moved)}",
                next_step="Find out who works on it, then make and read a new plan.",
            )
        if self._first_look() is None:
            self.effects.journal.append(
                FIRST_LOOK, canister=self.canister.to_str(), snapshots=[item.hex() for item in seen.snapshots]
            )
        else:
            self._require_explained(self._snapshots_changed(seen))
        return seen

    async def look(self) -> Seen:
        """Look at a canister that this operation holds stopped. Raises ChangedByOthers."""
        seen = await see(self.effects, self.canister)
        self._require_explained([*self._status_changed(seen), *self._snapshots_changed(seen)])
        return seen

    def _require_explained(self, changes: list[str]) -> None:
        if changes:
            raise ChangedByOthers(
                f"somebody else changed {named(self.name, self.canister)} meanwhile",
                why="; ".join(changes),
                next_step="Find out who works on it, then make and read a new plan.",
            )

    def _status_changed(self, seen: Seen) -> list[str]:
        changes = []
        if seen.status.status != "stopped":
            changes.append(f"it is {seen.status.status}, although this operation had stopped it")
        # what a load has put there is judged by the checks after it
        if not self._load_may_have_happened() and seen.status.module_hash != self.live.module_hash:
            changes.append("it has another module")
        if not self._controllers_known(seen):
            changes.append("it has other controllers")
        return changes

    def _load_may_have_happened(self) -> bool:
        loads = attempts(self.effects.journal.records, LOAD_SNAPSHOT, canister=self.canister.to_str())
        return any(load.may_have_happened for load in loads)

    def _controllers_known(self, seen: Seen) -> bool:
        present = set(seen.status.settings.controllers)
        if present == set(self.live.controllers):
            return True
        sent = attempts(self.effects.journal.records, UPDATE_SETTINGS, canister=self.canister.to_str())
        changed = any(change.may_have_happened for change in sent)
        return changed and self.controllers_after is not None and present == set(self.controllers_after)

    def _first_look(self) -> frozenset[bytes] | None:
        for record in self.effects.journal.records:
            if record.event == FIRST_LOOK and record.fields["canister"] == self.canister.to_str():
                return frozenset(bytes.fromhex(text) for text in record.fields["snapshots"])
        return None

    def _snapshots_changed(self, seen: Seen) -> list[str]:
        records, canister = self.effects.journal.records, self.canister.to_str()
        made = {
            attempt.snapshot_id
            for attempt in attempts(records, TAKE_SNAPSHOT, UPLOAD_METADATA, canister=canister)
            if attempt.snapshot_id is not None
        }
        begun = self._first_look()
        first = frozenset(self.live.snapshots) if begun is None else begun
        ours = {
            i for kind in (TAKE_SNAPSHOT, UPLOAD_METADATA) for i in snapshots_made(records, kind, canister=canister)
        }
        present = set(seen.snapshots)
        new = sorted(present - first - made)
        gone = sorted((first | ours) - gone_snapshots(records) - present)
        return [
            *(f"snapshot {item.hex()} is there, which this operation did not make" for item in new),
            *(f"snapshot {item.hex()} was deleted" for item in gone),
        ]
