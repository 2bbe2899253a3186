"""Work that a view waits for and shows meanwhile: what it is about, and how far each of its phases is."""

from __future__ import annotations

from quri_console.progress import ProgressEvent
from quri_console.render.escape import escape
from quri_console.render.operation import progress_line
from quri_console.render.spans import Line, Span

LOOK_SECONDS = 0.25
SLOW_LINK_LOOK_SECONDS = 2.0
_PHASES_SHOWN = 6


class LiveWork:
    """Takes progress from the thread that works, for the loop that draws; it writes nothing by itself."""

    def __init__(self, sentence: str) -> None:
        self.sentence = sentence
        self._newest: dict[tuple[str, str], ProgressEvent] = {}

    def report(self, event: ProgressEvent) -> None:
        """Take the newest state of the work."""
        # a new dictionary each time: who reads the old one meanwhile is not disturbed
        self._newest = {**self._newest, (event.phase, event.subject): event}

    def lines(self) -> tuple[Line, ...]:
        """What is done, and how far it is."""
        phases = list(self._newest.values())[-_PHASES_SHOWN:]
        return ((Span(f"{escape(self.sentence)} …", "title"),), *((Span(f"  {progress_line(e)}"),) for e in phases))
