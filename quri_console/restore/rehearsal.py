"""What a rehearsal came to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

Verdict = Literal["passed", "failed", "not rehearsable"]
"""`passed` only where at least one query was asked and every answer was as it should be."""


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """One canister of a backup. `answers` say what was asked, `reason` what is wrong; both hold untrusted text."""

    name: str
    canister: str
    verdict: Verdict
    answers: tuple[str, ...] = ()
    reason: str = ""
    next_step: str = ""
    seconds: float = 0.0
    heap_bytes: int = 0
    stable_bytes: int = 0
    stable_pages_read: int = 0
    """Of 65,536 bytes; what the queries did not touch was not read."""


@dataclass(frozen=True, slots=True)
class SetRehearsal:
    """A backup of which every canister with a state was rehearsed, or one that was named."""

    set_name: str
    canisters: tuple[Rehearsed, ...]
    with_state: int
    """How many canisters of the set have a state."""
    seconds: float
    kept: bool = False
    """Whether the result was noted beside the backup."""
    problem: str = ""
    """Why nothing could be rehearsed at all."""

    @property
    def verdict(self) -> Verdict:
        """The worst of its canisters; a failure is worse than what could not be tried."""
        found = {one.verdict for one in self.canisters}
        if self.problem or "failed" in found:
            return "failed"
        return "passed" if found == {"passed"} else "not rehearsable"

    def fields(self, tool: str) -> dict[str, Any]:
        """What the mark beside the backup says."""
        return {
            "ok": self.verdict == "passed",
            "verdict": self.verdict,
            "seconds": round(self.seconds, 3),
            "tool": tool,
            "with_state": self.with_state,
            "canisters": [
                {
                    "id": one.canister,
                    "name": one.name,
                    "verdict": one.verdict,
                    "reason": one.reason,
                    "answers": list(one.answers),
                }
                for one in self.canisters
            ],
        }
