"""What every part of a comparison is made of: pairs, members of lists that came or went, and their limits."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from quri_console.backup.comparison import PARTS, Part
from quri_console.render.escape import escape
from quri_console.render.fact_words import number_texts
from quri_console.render.pair_layout import PairLayout
from quri_console.render.spans import Line, Span
from quri_console.units import format_bytes

if TYPE_CHECKING:
    from quri_console.backup.comparison import Pair

UP, DOWN, CHANGED = "delta-up", "delta-down", "delta-changed"
LONGEST_LIST = 40
_NAME_CHARACTERS = 200


@dataclass(frozen=True, slots=True)
class Wanted:
    """What of a comparison is shown, and how."""

    parts: Collection[Part] = PARTS
    all_ranges: bool = False
    """Every changed range of memory, not only the largest."""
    magnified: bool = False
    """The changed parts of a memory with a cell for each page, instead of all of it in one line."""
    ascii_only: bool = False
    side_by_side: int | None = None
    """The width of a screen on which left and right stand in columns; None for an arrow between them."""

    @property
    def layout(self) -> PairLayout:
        """How values that differ are laid out."""
        return PairLayout(self.side_by_side, ascii_only=self.ascii_only)


def sizes(label: str, pair: Pair[int], layout: PairLayout) -> Iterator[Line]:
    if pair.left is None or pair.right is None or not pair.differs:
        return
    left, right = number_texts(pair.left, pair.right, format_bytes)
    grows = pair.right > pair.left
    change = f"({'+' if grows else '-'}{format_bytes(abs(pair.right - pair.left))})"
    yield from layout.pair(label, left, right, change=Span(change, UP if grows else DOWN))


def aside(label: str, texts: tuple[str, str], layout: PairLayout) -> Iterator[Line]:
    """A fact that changes by itself and makes no difference."""
    return layout.pair(label, *texts, "muted")


def members(
    label: str, members: Sequence[object], role: str, text: Callable[..., str], layout: PairLayout
) -> Iterator[Line]:
    prefix, added = f"{label} " if label else "", role == UP
    for member in members[:LONGEST_LIST]:
        yield from layout.one_sided(f"{'+' if added else '-'} {prefix}{text(member)}", role, on_the_right=added)
    if len(members) > LONGEST_LIST:
        yield more(len(members) - LONGEST_LIST)


def limited(lines: Sequence[Line]) -> Iterator[Line]:
    yield from lines[:LONGEST_LIST]
    if len(lines) > LONGEST_LIST:
        yield more(len(lines) - LONGEST_LIST)


def more(count: int) -> Line:
    return (Span(f"  and {count:,} more; --json lists all", "muted"),)


def named(text: str) -> str:
    return escape(text, limit=_NAME_CHARACTERS)
