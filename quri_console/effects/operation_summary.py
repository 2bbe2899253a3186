"""One operation as its folder tells it, and what became of it since."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from quri_console.clock import NANOSECONDS_PER_SECOND
from quri_console.effects.gate import REPLACING
from quri_console.effects.operation_files import Outcome

SECONDS_PER_DAY = 86_400
OperationState = Literal["running", "done", "partial", "failed", "aborted", "interrupted", "resolved", "damaged"]
RESOLVED_RESULT = "resolved"
"""The field of an outcome's result that says who marked the operation resolved, when and why."""

SAFETY_KEPT_DAYS = 14
"""How long the snapshot that a restore or rollback takes before it replaces a state is kept on chain."""


def safety_kept_until_ns(finished_at_ns: int) -> int:
    """Until when the safety snapshots of an operation that ended then are kept; nanoseconds since 1970."""
    return finished_at_ns + SAFETY_KEPT_DAYS * SECONDS_PER_DAY * NANOSECONDS_PER_SECOND


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
class Mixed:
    """Canisters (by name) of one operation that do not have the same state, although they belong together."""

    kind: str
    new: tuple[str, ...]
    """Those that have the state that the operation brings."""
    old: tuple[str, ...]
    unsure: tuple[str, ...] = ()
    """Those of which the journal does not tell whether they have it."""

    @property
    def words(self) -> str:
        """What is known, in one sentence."""
        done = "rolled back" if self.kind == "rollback" else "restored"
        parts = [
            f"{' and '.join(names)} {(one if len(names) == 1 else several)} {done}"
            for names, one, several in (
                (self.new, "was", "were"),
                (self.unsure, "may have been", "may have been"),
                (self.old, "was not", "were not"),
            )
            if names
        ]
        sure = bool(self.new) and bool(self.old)
        return f"{', '.join(parts)}: they {'do' if sure else 'may'} not fit together"


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
    own_snapshots: tuple[bytes, ...] = ()
    """Snapshots that it uploaded, perhaps not to their end, or took only to be looked into, and has not deleted."""
    mixed: Mixed | None = None
    """Set when it ended or died between its canisters, and nothing has put that right since."""

    @property
    def open(self) -> bool:
        """Whether somebody has to end it: it died, or ended with a canister stopped or with a mixed group."""
        if self.state == "interrupted":
            return True
        return self.state in ("partial", "failed", "aborted") and (bool(self.left_stopped) or self.mixed is not None)

    @property
    def safety_kept_until_ns(self) -> int | None:
        """Until when its safety snapshots are kept; None where it left none, or is not over yet."""
        if self.kind not in REPLACING or self.outcome is None or not self.safety_snapshots:
            return None
        return safety_kept_until_ns(self.outcome.finished_at_ns)

    @property
    def can_be_rolled_back(self) -> bool:
        """Whether there is a way back from what it replaced, as far as the journals here tell."""
        if self.outcome is None or self.rolled_back is not None:
            return False
        if self.kind == "settings":
            return self.outcome.ok and bool(self.outcome.result.get("settings_undo"))
        # one that failed after the exchange, by its health query for example, names the rollback itself
        ended = self.outcome.ok or f"rollback {self.id}" in self.outcome.next_step
        return self.kind in REPLACING and bool(self.safety_snapshots) and ended
