"""What the runbook's screen shows: the list of pages or what a search found, and one page beside or instead of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.screen import Screen
from textual.widgets import Footer, Input, Static

from quri_console.render.escape import escape
from quri_console.render.operation import error_lines
from quri_console.render.runbook import PagePicture, page_picture
from quri_console.render.runbook_list import COLUMNS, PROGRAM, found_rows, page_rows
from quri_console.render.spans import Line, Span
from quri_console.ui.background import as_quri_error, blocking, off_loop
from quri_console.ui.widgets.line_table import LineTable
from quri_console.ui.widgets.lines_view import LinesView
from quri_console.ui.widgets.page_view import PageView

if TYPE_CHECKING:
    from quri_console.errors import ConfigError
    from quri_console.report.runbook import Hit, Runbook, Section
    from quri_console.ui.app import QuriApp

WIDE = 140
"""From here on the list of pages stands beside the page."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where the reader was: a page and a line of it, or the list where the page is empty."""

    page: str = ""
    source: int = 0


class RunbookPages(Screen[None]):
    """Reads the runbook beside Textual's loop and shows it; `RunbookScreen` has its keys."""

    CSS_PATH = "runbook.tcss"
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (WIDE, "-wide")]  # noqa: RUF012

    def __init__(self, page: str = "", about: str = "") -> None:
        super().__init__()
        self.opens_on = page
        """Where it opens once it was read."""
        self._about = about
        self._runbook: Runbook | None = None
        self.here = Place()
        """What is read now."""
        self.back: list[Place] = []
        """Where Esc leads to, the next one last."""
        self._hits: dict[str, Hit] = {}

    @property
    def quri(self) -> QuriApp:
        """The application, typed."""
        return cast("QuriApp", self.app)

    @property
    def page(self) -> str:
        """The page that is read; empty in the list."""
        return self.here.page

    def compose(self) -> ComposeResult:
        yield Static(id="title", markup=False)
        yield LinesView(id="said")
        with Horizontal(id="both"):
            yield LineTable(COLUMNS, id="pages", empty="Being read …")
            yield PageView(id="page")
        field = Input(placeholder="a word; every page is searched", id="search")
        field.cursor_blink = False
        yield field
        yield Footer(compact=True, show_command_palette=False)

    def on_mount(self) -> None:
        self.add_class("choosing")
        self.query_one("#search", Input).display = False
        self.query_one("#said", LinesView).display = False
        self.table.focus()
        self._show_title()
        self.run_worker(self._read(), exit_on_error=False)

    @property
    def table(self) -> LineTable:
        """The list."""
        return self.query_one("#pages", LineTable)

    @property
    def text(self) -> PageView:
        """The page."""
        return self.query_one(PageView)

    # reading

    async def _read(self) -> None:
        """Beside Textual's loop: first what is at hand, then with the reference, which imports all commands."""
        try:
            self._take(*await off_loop(blocking(self._load)))
            # who was quicker than the disk has chosen something else
            if self.opens_on and self.is_attached and not self.query_one("#search", Input).display:
                self.open(Place(self.opens_on))
            self._take(*await off_loop(blocking(lambda: self._load(with_commands=True))))
        except Exception as error:  # noqa: BLE001 - whatever it is, the page must say it
            if self.is_attached:
                self._say([(span,) for span in error_lines(as_quri_error(error))])

    def _load(self, *, with_commands: bool = False) -> tuple[Runbook, ConfigError | None]:
        reference = "Being read …"
        if with_commands:
            from quri_console.cli.command_reference import command_reference
            from quri_console.cli.main import cli

            reference = command_reference(cli)
        runbook, problem = self.quri.console_door.readable_runbook(commands=reference)
        return (runbook.about(self._about) if self._about else runbook), problem

    def _take(self, runbook: Runbook, problem: ConfigError | None) -> None:
        """Show what was read; a page that is read already stays, unless it says something else now."""
        if not self.is_attached:
            return
        before = self._section(self.here.page)
        self._runbook = runbook
        self._say([] if problem is None else [(Span(f"Without your own pages: {escape(str(problem))}", "stale"),)])
        self.show_list()
        if before is not None and before != self._section(self.here.page):
            self._draw(self.here)

    def _say(self, lines: list[Line]) -> None:
        said = self.query_one("#said", LinesView)
        said.display = bool(lines)
        said.show_lines(lines)

    # showing

    def show_list(self) -> None:
        """All pages, or what the search found."""
        if self._runbook is None:
            return
        wanted, table = self.wanted, self.table
        hits = list(self._runbook.search(wanted)) if wanted else []
        self._hits = {f"{hit.section}:{hit.number}": hit for hit in hits}
        rows = found_rows(hits) if wanted else page_rows(self._runbook.sections)
        kept = table.cursor_key
        table.show_rows(rows)
        if rows and kept not in {row.key for row in rows}:
            table.select(rows[0].key)
            table.show_rows(rows)

    @property
    def wanted(self) -> str:
        """What is searched for."""
        return self.query_one("#search", Input).value.strip()

    def _section(self, name: str) -> Section | None:
        sections = self._runbook.sections if self._runbook is not None else ()
        return next((section for section in sections if section.name == name), None)

    def _draw(self, place: Place) -> None:
        """Put a page where pages are read."""
        from quri_console.report.runbook_text import section_lines

        section = self._section(place.page)
        if section is None or self._runbook is None:
            return
        names = frozenset(other.name for other in self._runbook.sections) - {section.name}

        def make(width: int) -> PagePicture:
            return page_picture(section_lines(section.text, width - 2), names, width)

        self.text.show_page(make, source=place.source, found=self.wanted)

    def open(self, place: Place) -> None:
        """Read a page, or choose in the list."""
        section = self._section(place.page)
        self.here = place if section is not None else Place()
        self.set_class(section is not None, "reading")
        self.set_class(section is None, "choosing")
        if section is None:
            self.table.focus()
        else:
            self._draw(place)
            self.query_one("#search", Input).display = bool(self.wanted)
            if not self.wanted:
                self.table.select(place.page)
            self.text.focus()
        self._show_title()

    def go(self, place: Place) -> None:
        """Open it; Esc leads back to where one was."""
        here = self.text.picture.sources
        top = here[self.text.top] if self.here.page and self.text.top < len(here) else 0
        self.back.append(Place(self.here.page, top))
        self.open(place)

    @on(PageView.Moved)
    def _show_title(self) -> None:
        section = self._section(self.here.page)
        network = self.quri.console_door.network
        where = f"{escape(network.name)}{'  PRODUCTION' if network.production else ''}"
        about = f" for {escape(self._about)}" if self._about else ""
        own = "" if section is None or section.origin == PROGRAM else " (your page)"
        what = ": Enter opens a page" if section is None else f": {section.name}{own}, {self.text.seen}"
        self.query_one("#title", Static).update(f" Runbook{about} on {where}{what}")

    @on(LineTable.Highlighted)
    def _preview(self, event: LineTable.Highlighted) -> None:
        """Beside the list the page under its cursor is seen."""
        if self.has_class("-wide") and self.has_class("choosing") and event.key is not None:
            self._draw(self.place_of(event.key))

    def place_of(self, key: str) -> Place:
        """Where a row of the list leads to."""
        hit = self._hits.get(key)
        return Place(key) if hit is None else Place(hit.section, hit.number)
