"""How a restore went, for one canister and for all that belong together."""

from __future__ import annotations

from dataclasses import dataclass

from quri_console.restore.swap_target import NEW_STATE


@dataclass(frozen=True, slots=True)
class RestoreReport:
    """How the restore of one canister went; `notes` are what the operator should know besides."""

    canister: str
    name: str
    label: str
    safety_snapshot: bytes | None
    sent_bytes: int
    skipped_bytes: int
    downtime_seconds: float
    status: str
    health: str
    notes: tuple[str, ...]

    def result(self) -> dict[str, object]:
        """The report as the outcome keeps it."""
        return {
            "canister": self.canister,
            "name": self.name,
            "source": self.label,
            "state": NEW_STATE,
            "safety_snapshot": None if self.safety_snapshot is None else self.safety_snapshot.hex(),
            "sent_bytes": self.sent_bytes,
            "skipped_bytes": self.skipped_bytes,
            "downtime_seconds": round(self.downtime_seconds, 3),
            "status": self.status,
            "health": self.health,
            "notes": list(self.notes),
        }


@dataclass(frozen=True, slots=True)
class GroupReport:
    """How a group went; `notes` are about the whole operation."""

    members: tuple[RestoreReport, ...]
    notes: tuple[str, ...] = ()

    def result(self) -> dict[str, object]:
        """The report as the outcome keeps it: one canister's own, or each member's and what they have in common."""
        if len(self.members) == 1:
            (only,) = self.members
            return {**only.result(), "notes": [*self.notes, *only.notes]}
        first, results = self.members[0], [member.result() for member in self.members]
        return {
            "source": first.label,
            "state": NEW_STATE,
            "safety_snapshot": None if first.safety_snapshot is None else first.safety_snapshot.hex(),
            "downtime_seconds": round(max(member.downtime_seconds for member in self.members), 3),
            "health": "; ".join(f"{member.name}: {member.health}" for member in self.members),
            "notes": [*self.notes, *(f"{m.name}: {note}" for m in self.members for note in m.notes)],
            "members": results,
        }
