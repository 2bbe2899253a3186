"""One way for long work to say how far it is; a bar, a pane and a JSON stream all render it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class ProgressEvent:
    """A step of long work: `done` of `total` in `unit` (`bytes`, `canisters`, `steps`); `total` 0 means unknown."""

    phase: str
    done: int = 0
    total: int = 0
    unit: str = "steps"
    note: str = ""
    subject: str = ""


class Progress(Protocol):
    """Receives the progress of long work; must return quickly and never raise."""

    def report(self, event: ProgressEvent) -> None:
        """Take the newest state of the work."""


class NoProgress:
    """For callers that show nothing."""

    def report(self, event: ProgressEvent) -> None:
        """Drop the event."""
