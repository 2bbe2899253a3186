"""An operation while its runner works: newest report of every phase, how it ended, and what can be done now."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from textual.message import Message

from quri_console.errors import QuriError
from quri_console.render.operation import error_lines, newest_of_each_phase, operation_lines
from quri_console.render.pace import Pace
from quri_console.ui.widgets.lines_view import LinesView

if TYPE_CHECKING:
    from quri_console.effects.operation_files import Outcome
    from quri_console.progress import ProgressEvent
    from quri_console.service.following import OperationHandle


class OperationView(LinesView):
    """Follows one operation; leaving the screen leaves the operation alone."""

    class Ended(Message):
        """The operation has an outcome."""

        def __init__(self, outcome: Outcome) -> None:
            super().__init__()
            self.outcome = outcome

    def __init__(self) -> None:
        super().__init__(id="operation")
        self._events: tuple[ProgressEvent, ...] = ()
        self.handle: OperationHandle | None = None
        self.running = False
        self._pace = Pace()

    def follow(self, handle: OperationHandle) -> None:
        """Show the operation from its beginning until its end."""
        self.handle = handle
        self.running = True
        self._draw(None)
        self.run_worker(self._follow(handle), exclusive=True)

    async def _follow(self, handle: OperationHandle) -> None:
        try:
            async for event in handle.events():
                self._pace.see(event, time.monotonic())
                self._events = newest_of_each_phase((*self._events, event))
                self._draw(None)
            outcome = await handle.wait()
        except QuriError as error:
            # its files cannot be read; the operation itself is another process and may well go on
            self.running = False
            self.show_lines([(span,) for span in error_lines(error)])
            return
        self.running = False
        self._draw(outcome)
        self.post_message(self.Ended(outcome))

    def _draw(self, outcome: Outcome | None) -> None:
        assert self.handle is not None
        now = time.monotonic()
        self.show_lines(
            operation_lines(self.handle.id, self._events, outcome, pace=lambda event: self._pace.text(event, now))
        )
