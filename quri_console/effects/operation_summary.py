"""One operation as its folder tells it, and what became of it since."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from quri_console.effects.gate import REPLACING
from quri_console.effects.operation_files import Outcome

OperationState = Literal["running", "done", "partial", "failed", "aborted", "interrupted", "damaged"]


@dataclass(frozen=True, slots=True)
class Rollback:
    """The rollback of an operation: done, running or interrupted; one that failed or was aborted counts as none."""

    id: str
    state: OperationState
    finished_at_ns: int
    """Since 1970; 0 while it is not done."""

    @property
    def done(self) -> bool:
        """Whether the state before the operation was brought back."""
        return self.state == "done"


@dataclass(frozen=True, slots=True)
class OperationSummary:
    """One operation as its folder tells it; times in nanoseconds since 1970."""

    id: str
    kind: str
    network: str
    canisters: tuple[str, ...]
    created_at_ns: int
    state: OperationState
    outcome: Outcome | None
    reason: str | None
    left_stopped: tuple[str, ...]
    """Ids of canisters that it stopped and has not started since."""
    safety_snapshots: tuple[bytes, ...]
    directory: Path
    rolled_back: Rollback | None = None

    @property
    def can_be_rolled_back(self) -> bool:
        """Whether it replaced a state that its safety snapshot still has, as far as the journals here tell."""
        if self.outcome is None or self.rolled_back is not None or not self.safety_snapshots:
            return False
        # one that failed after the exchange, by its health query for example, names the rollback itself
        return self.kind in REPLACING and (self.outcome.ok or f"rollback {self.id}" in self.outcome.next_step)
