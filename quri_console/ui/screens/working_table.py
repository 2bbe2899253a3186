"""A table whose rows are worked on: how far that is stands below it, then what came of it, until another is chosen."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from quri_console.render.escape import escape
from quri_console.render.operation import error_lines
from quri_console.render.spans import Line, Span, plain
from quri_console.ui.background import as_quri_error, blocking, off_loop
from quri_console.ui.live_work import LOOK_SECONDS, SLOW_LINK_LOOK_SECONDS, LiveWork
from quri_console.ui.screens.table_view import TableView

if TYPE_CHECKING:
    from textual.timer import Timer

    from quri_console.progress import Progress

T = TypeVar("T")


class WorkingTable(TableView):
    """One thing is worked on at a time, in a thread."""

    def __init__(self) -> None:
        super().__init__()
        self.work: LiveWork | None = None
        """What is under way; it is shown below the table, and there is one at a time."""
        self.previewed = ""
        """The row that is described below the table, or in whose place a result stands until another is chosen."""
        self._drawing: Timer | None = None
        self.command = ""
        """What the result that is shown leads on to; `copy` takes it."""

    @property
    def chosen(self) -> str | None:
        """The row under the cursor as commands name it: BACKUP or BACKUP/CANISTER."""
        raise NotImplementedError

    def work_on(self, sentence: str, call: Callable[[Progress], T], show: Callable[[T], None]) -> None:
        """Call it in a thread, draw how far it is, then `show` what came of it; one at a time."""
        if self.work is not None:
            self.app.notify(escape(f"{self.work.sentence} is under way; wait for its end."), severity="warning")
            return
        self.work = LiveWork(sentence)
        self.command = ""
        self._draw_work()
        slow = self.quri.manner.low_bandwidth
        self._drawing = self.set_interval(SLOW_LINK_LOOK_SECONDS if slow else LOOK_SECONDS, self._draw_work)
        self.run_worker(self._work(partial(call, self.work), show), group="work", exit_on_error=False)

    def _draw_work(self) -> None:
        if self.work is not None:
            self.say(self.work.lines())

    async def _work(self, call: Callable[[], Any], show: Callable[[Any], None]) -> None:
        try:
            found = await off_loop(blocking(call))
        except Exception as error:  # noqa: BLE001 - whatever it is, the view must say it
            self._work_ended()
            if self.is_attached:
                self.say([(span,) for span in error_lines(as_quri_error(error))])
            return
        self._work_ended()
        if self.is_attached:
            show(found)

    def _work_ended(self) -> None:
        self.work = None
        # what came of it stays to be read until another row is chosen
        self.previewed = (self.chosen or "") if self.is_attached else ""
        if self._drawing is not None:
            self._drawing.stop()

    def show_result(self, lines: list[Line], command: str) -> None:
        """Show what came of the work, and keep the command that leads on for `copy`."""
        if not self.is_current:
            # whoever looks at something else is told where it went
            self.app.notify(plain(lines[0]), markup=False, timeout=15)
        self.say([*lines, (Span("c copies the command.", "muted"),)])
        self.command = command

    def text_to_copy(self) -> str:
        """The command that a result offers, while it is shown; else the table."""
        shown = self.command and self.previewed == self.chosen
        return self.command if shown else super().text_to_copy()
