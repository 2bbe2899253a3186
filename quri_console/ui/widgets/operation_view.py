"""An operation while its runner works: newest phase, how far it is, and how it ended."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text
from textual.message import Message
from textual.widgets import Static

from quri_console.render.operation import outcome_lines, progress_line
from quri_console.ui.roles import style_of

if TYPE_CHECKING:
    from quri_console.effects.operation_files import Outcome
    from quri_console.progress import ProgressEvent
    from quri_console.service.operations import OperationHandle

SHOWN_PHASES = 12


class OperationView(Static):
    """Follows one operation; leaving the screen leaves the operation alone."""

    class Ended(Message):
        """The operation has an outcome."""

        def __init__(self, outcome: Outcome) -> None:
            super().__init__()
            self.outcome = outcome

    def __init__(self) -> None:
        super().__init__(id="operation", markup=False)
        self._lines: dict[tuple[str, str], str] = {}
        self._heading = ""
        self.running = False

    def follow(self, handle: OperationHandle) -> None:
        """Show the operation from its beginning until its end."""
        self._heading = f"Operation {handle.id}"
        self.running = True
        self.run_worker(self._follow(handle), exclusive=True, exit_on_error=False)

    async def _follow(self, handle: OperationHandle) -> None:
        async for event in handle.events():
            self._show(event)
        outcome = await handle.wait()
        self.running = False
        self._draw(outcome)
        self.post_message(self.Ended(outcome))

    def _show(self, event: ProgressEvent) -> None:
        # one line per phase: the newest report of a phase replaces the one before
        self._lines[event.phase, event.subject] = progress_line(event)
        self._draw(None)

    def _draw(self, outcome: Outcome | None) -> None:
        drawn = Text(self._heading, style=style_of(self.app, "title"))
        for line in list(self._lines.values())[-SHOWN_PHASES:]:
            drawn.append(f"\n  {line}")
        for span in outcome_lines(outcome) if outcome is not None else ():
            drawn.append(f"\n{span.text}", style_of(self.app, span.role))
        self.update(drawn)
