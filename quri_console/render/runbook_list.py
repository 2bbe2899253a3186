"""The pages of the runbook as a table, and what a search found in them."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import Protocol

from quri_console.render.escape import escape
from quri_console.render.grid import Cell, Column, Row

COLUMNS = (Column("page", "Page"), Column("title", "What it is about"))
PROGRAM = "program"
"""The origin of pages that are ours."""
LONGEST_TITLE = 200
MOST_FOUND = 300


class ListedPage(Protocol):
    """A page as the list of pages names it."""

    @property
    def name(self) -> str:
        """How links name it."""

    @property
    def title(self) -> str:
        """Its heading, untrusted."""

    @property
    def origin(self) -> str:
        """`program`, or the file that it comes from."""


class FoundLine(Protocol):
    """A line that has what was searched for."""

    @property
    def section(self) -> str:
        """The page."""

    @property
    def line(self) -> str:
        """What it says, untrusted."""

    @property
    def number(self) -> int:
        """Which line of the page it is."""


def page_rows(pages: Iterable[ListedPage]) -> tuple[Row, ...]:
    """A row for every page; those that are not ours say so."""
    return tuple(Row(page.name, (Cell(page.name, "spark"), Cell(page_title(page)))) for page in pages)


def page_title(page: ListedPage) -> str:
    """What a page is about, and that it is the operators' own where it is."""
    title = escape(page.title, limit=LONGEST_TITLE)
    return title if page.origin == PROGRAM else f"{title} (your page)"


def found_rows(hits: Iterable[FoundLine]) -> tuple[Row, ...]:
    """A row for every line that was found; the first ones where there are very many."""
    return tuple(
        Row(f"{hit.section}:{hit.number}", (Cell(hit.section, "spark"), Cell(escape(hit.line, limit=LONGEST_TITLE))))
        for hit in islice(hits, MOST_FOUND)
    )
