"""A canister's log, followed: newest last, searchable, escaped; what it wrote is never drawn as it came."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, ClassVar, cast

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.screen import Screen
from textual.widgets import Footer, Input, Static

from quri_console.render.escape import escape
from quri_console.render.fleet_logs import LOG_COLUMNS, KeptLog, log_line
from quri_console.ui.background import as_quri_error
from quri_console.ui.clipboard import copy_text
from quri_console.ui.log_follower import Follower
from quri_console.ui.widgets.line_table import LineTable
from quri_console.ui.widgets.lines_view import LinesView

if TYPE_CHECKING:
    from quri_console.ic.management.types import LogRecord
    from quri_console.ui.app import QuriApp

LONGEST_NAME = 100


class LogsScreen(Screen[None]):
    """While the cursor stands on the newest line it goes along with what comes."""

    CSS_PATH = "logs.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "Back", key_display="Esc"),
        Binding("slash", "search", "Search", key_display="/"),
        Binding("f", "newest", "Newest"),
        Binding("c", "copy", "Copy"),
        Binding("r", "again", "Ask again"),
        Binding("q", "leave", "Back", show=False),
    ]

    class News(Message):
        """There are lines to take, or it has ended."""

        def can_replace(self, message: Message) -> bool:
            return isinstance(message, LogsScreen.News)

    def __init__(self, canister: str) -> None:
        super().__init__()
        self._canister = canister
        self._kept = KeptLog()
        self._wanted = ""
        self._failure = ""
        self._follower: Follower[LogRecord] | None = None

    @property
    def quri(self) -> QuriApp:
        """The application, typed."""
        return cast("QuriApp", self.app)

    def source(self) -> AsyncIterator[LogRecord]:
        """The lines, oldest first, without end."""
        return self.quri.console_door.canister_logs(self._canister, follow=True)

    def of_what(self) -> str:
        """Whose log it is, escaped."""
        return escape(self._canister, limit=LONGEST_NAME)

    def compose(self) -> ComposeResult:
        network = self.quri.console_door.network
        production = "  PRODUCTION" if network.production else ""
        yield Static(f" Log of {self.of_what()} on {escape(network.name)}{production}", id="title", markup=False)
        yield LinesView(id="said")
        yield LineTable(LOG_COLUMNS, id="log", empty="No line.")
        yield LinesView(id="whole")
        field = Input(placeholder="only lines with these letters", id="search")
        field.cursor_blink = False
        yield field
        yield Footer(compact=True, show_command_palette=False)

    def on_mount(self) -> None:
        self.query_one("#search", Input).display = False
        self.query_one(LineTable).focus()
        self._follow()

    def on_unmount(self) -> None:
        self._stop()

    def _follow(self) -> None:
        self._kept, self._failure = KeptLog(), ""
        self._follower = Follower(self.source, lambda: self.post_message(self.News())).start()
        self._show()

    def _stop(self) -> None:
        if self._follower is not None:
            self._follower.stop()

    @on(News)
    def _take(self) -> None:
        follower = self._follower
        if follower is None:
            return
        self._kept.take(follower.take())
        if follower.failure is not None:
            error = as_quri_error(follower.failure)
            said = " ".join(part for part in (f"{error.what}.", error.why, error.next_step) if part)
            self._failure = f"Not followed: {escape(said, limit=600)}"
        self._show()

    def _show(self) -> None:
        if not self.is_attached:
            return
        table, rows = self.query_one(LineTable), self._kept.rows(self._wanted)
        before = table.rows
        follows = not before or table.cursor_key in (None, before[-1].key)
        table.show_rows(rows)
        if rows and (follows or table.cursor_is_gone):
            # one that was let go for newer ones was the oldest
            table.select(rows[-1 if follows else 0].key)
        self.query_one("#said", LinesView).show_lines([log_line(self._kept, len(rows), self._wanted, self._failure)])
        self._show_whole()

    @on(LineTable.Highlighted)
    def _show_whole(self) -> None:
        lines, whole = self._kept.whole(self.query_one(LineTable).cursor_key), self.query_one("#whole", LinesView)
        whole.display = bool(lines)
        whole.show_lines(lines)

    # keys

    def action_newest(self) -> None:
        """To the newest line, and along with those that come."""
        self.query_one(LineTable).action_edge(1)

    def action_again(self) -> None:
        """Ask anew, as after the network was away."""
        self._stop()
        self._follow()

    def action_search(self) -> None:
        field = self.query_one("#search", Input)
        field.display = True
        field.focus()

    @on(Input.Changed, "#search")
    def _searched(self, event: Input.Changed) -> None:
        self._wanted = event.value.strip()
        self._show()

    @on(Input.Submitted, "#search")
    def _back_to_the_lines(self) -> None:
        self.query_one("#search", Input).display = False
        self.query_one(LineTable).focus()

    def action_copy(self) -> None:
        text = self._kept.text(self._wanted)
        if text:
            self.app.notify(copy_text(self.quri, text))
        else:
            self.app.notify("There is nothing to copy here.", severity="warning")

    def action_leave(self) -> None:
        """End a search first, then the page; following ends with it."""
        field = self.query_one("#search", Input)
        if self._wanted or field.display:
            field.value = ""
            self._back_to_the_lines()
            return
        self._stop()
        self.app.pop_screen()
