"""The runbook inside the console: its pages, their links and commands by keys, and a search in all of them."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.binding import Binding, BindingType
from textual.widgets import Input

from quri_console.render.escape import escape
from quri_console.ui.clipboard import copy_text
from quri_console.ui.screens.runbook_pages import Place, RunbookPages
from quri_console.ui.widgets.line_table import LineTable


class RunbookScreen(RunbookPages):
    """Opens on a page, or on the list of them; Esc goes back the way that one came."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "Back", key_display="Esc"),
        Binding("slash", "search", "Search", key_display="/"),
        Binding("tab", "stop(1)", "Next place", key_display="Tab"),
        Binding("shift+tab", "stop(-1)", "Previous", show=False),
        Binding("enter", "follow", "Open", key_display="Enter"),
        Binding("c", "copy", "Copy command"),
        Binding("C", "copy_block", "Copy block", show=False),
        Binding("n", "find(1)", "Next found", show=False),
        Binding("N", "find(-1)", "Previous found", show=False),
        Binding("p", "pages", "Pages"),
        Binding("q", "close", "Close"),
        Binding("down", "move(1)", "Down", show=False),
        Binding("up", "move(-1)", "Up", show=False),
    ]

    @on(LineTable.Chosen)
    def _chosen(self, event: LineTable.Chosen) -> None:
        if event.key is not None and self._runbook is not None:
            self.go(self.place_of(event.key))

    def action_stop(self, step: int) -> None:
        """To the next link or command."""
        if not self.here.page:
            self.text.focus() if self.has_class("-wide") else self.table.focus()
        elif not self.text.choose(step):
            self.app.notify("There is no link and no command on this page.", severity="warning")

    def action_follow(self) -> None:
        """Open the page of the chosen link."""
        stop = self.text.stop if self.here.page else None
        if stop is None:
            self.app.notify("Tab chooses a link or a command first.", severity="warning")
        elif stop.kind == "link":
            self.go(Place(stop.target))
        else:
            self.app.notify("A command is not run from here: c copies it, for the shell.", severity="warning")

    def action_copy(self) -> None:
        """Copy the chosen command."""
        self._copy(block=False)

    def action_copy_block(self) -> None:
        """Copy all commands that stand together with the chosen one."""
        self._copy(block=True)

    def _copy(self, *, block: bool) -> None:
        stop = self.text.stop if self.here.page else None
        if stop is None or stop.kind != "command":
            self.app.notify("Tab chooses a command to copy.", severity="warning")
            return
        text = stop.block if block else stop.target
        self.app.notify(f"{escape(text, limit=200)}: {copy_text(self.quri, text)}")

    def action_pages(self) -> None:
        """Choose in the list of pages."""
        self.opens_on = ""
        if self.here.page:
            self.go(Place())

    def action_search(self) -> None:
        """Open the line in which a word is typed; the list then has what was found."""
        if self.here.page:
            self.go(Place())
        field = self.query_one("#search", Input)
        field.display = True
        field.focus()

    @on(Input.Changed, "#search")
    def _searched(self) -> None:
        self.show_list()

    @on(Input.Submitted, "#search")
    def _search_entered(self) -> None:
        key = self.table.cursor_key
        if key is not None and self.table.rows and not self.table.cursor_is_gone:
            self.go(self.place_of(key))

    def action_find(self, step: int) -> None:
        """To the next line of this page that has what was searched for."""
        if self.here.page and not self.text.find_on(step):
            self.app.notify("No other line here has it." if self.wanted else "/ searches.", severity="warning")

    def action_move(self, step: int) -> None:
        """While a word is typed the arrows choose what was found."""
        self.table.action_move(step)

    def action_leave(self) -> None:
        """Back the way one came; the search ends before the page does."""
        field = self.query_one("#search", Input)
        if not self.here.page and field.display:
            field.value, field.display = "", False
            self.show_list()
            self.table.focus()
        elif self.back:
            self.open(self.back.pop())
        else:
            self.dismiss()

    def action_close(self) -> None:
        """Close the runbook, wherever one is in it."""
        self.dismiss()
