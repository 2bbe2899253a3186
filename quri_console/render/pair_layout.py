"""How two values that differ are laid out: with an arrow between them, or side by side in two columns."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import zip_longest

from quri_console.render.spans import Line, Span, plain, wrap_lines
from quri_console.render.width import cell_width

LABEL_WIDTH = 18
_INDENT = LABEL_WIDTH + 3
_NARROWEST_SIDE = 12


@dataclass(frozen=True, slots=True)
class PairLayout:
    """Lines for pairs of values; `width` is that of the screen where they stand side by side, None for an arrow."""

    width: int | None = None
    ascii_only: bool = False

    def heading(self) -> Iterator[Line]:
        """What the two columns are."""
        if self.width is not None:
            yield from self._columns("", (Span("left", "muted"),), (Span("right", "muted"),))

    def pair(self, label: str, left: str, right: str, role: str = "", *, change: Span | None = None) -> Iterator[Line]:
        """One thing whose value differs; `change` says by how much."""
        if self.width is not None:
            right_cell = (Span(right, role), *((Span(" "), change) if change is not None else ()))
            yield from self._columns(label, (Span(left, role),), right_cell)
        elif change is None:
            yield labelled(label, f"{left} → {right}", role)
        else:
            yield (*labelled(label, f"{left} → {right} ", role), change)

    def one_sided(self, text: str, role: str, *, on_the_right: bool) -> Iterator[Line]:
        """One thing that one side has and the other has not."""
        if self.width is None:
            yield (Span(f"  {text}", role),)
        else:
            cell: Line = (Span(text, role),)
            yield from self._columns("", () if on_the_right else cell, cell if on_the_right else ())

    def _columns(self, label: str, left: Line, right: Line) -> Iterator[Line]:
        assert self.width is not None
        side = max((self.width - _INDENT - 3) // 2, _NARROWEST_SIDE)
        wall = Span(" | " if self.ascii_only else " │ ", "muted")
        cells = zip_longest(wrap_lines([left], side), wrap_lines([right], side), fillvalue=())
        for number, (here, there) in enumerate(cells):
            blanks = max(side - cell_width(plain(here)), 0)
            begin = f"  {label:<{LABEL_WIDTH}} " if number == 0 else " " * _INDENT
            yield (Span(begin), *here, Span(" " * blanks), wall, *there)


def labelled(label: str, text: str, role: str) -> Line:
    """A text behind its label."""
    return (Span(f"  {label:<{LABEL_WIDTH}} "), Span(text, role))


def rows_of(lines: tuple[Line, ...]) -> Iterator[tuple[Line, ...]]:
    """The lines that belong together: one, and those below it in which the columns go on."""
    row: list[Line] = []
    for line in lines:
        if row and not plain(line).startswith(" " * _INDENT):
            yield tuple(row)
            row.clear()
        row.append(line)
    if row:
        yield tuple(row)
