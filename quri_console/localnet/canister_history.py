"""The changes of a canister that `canister_info` reports (spec: canister history)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

MAX_CHANGES = 20
# Sizes are those the replica accounts for: a fixed part and one principal per controller.
CHANGE_BYTES = 152
CONTROLLER_BYTES = 29


@dataclass(frozen=True, slots=True)
class Change:
    """One change; `origin` and `details` are the decoded Candid variants of the interface specification."""

    timestamp_ns: int
    canister_version: int
    origin: dict[str, Any]
    details: dict[str, Any]

    @property
    def size_bytes(self) -> int:
        content = next(iter(self.details.values()))
        controllers = content.get("controllers", ()) if isinstance(content, dict) else ()
        return CHANGE_BYTES + CONTROLLER_BYTES * len(controllers)


@dataclass(slots=True)
class History:
    """The newest changes and how many there ever were."""

    changes: list[Change] = field(default_factory=list)
    total: int = 0

    def record(self, change: Change) -> None:
        """Add a change; the oldest beyond the limit is forgotten but still counted."""
        self.changes.append(change)
        self.total += 1
        del self.changes[:-MAX_CHANGES]

    def forget(self) -> None:
        """What happens when a canister runs dry."""
        self.changes.clear()

    @property
    def size_bytes(self) -> int:
        return sum(change.size_bytes for change in self.changes)
