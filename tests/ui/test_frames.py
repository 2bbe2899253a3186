"""What reaches the terminal is the picture, whatever stood there before, and no more than the differences."""

from __future__ import annotations

from itertools import pairwise

import pyte
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.color import ColorSystem
from rich.segment import Segment
from rich.style import Style

from quri_console.ui.frames import Cell, Frame, Look, cells_of

COLUMNS, ROWS = 24, 3
STYLES = [
    None,
    Style.parse("red"),
    Style.parse("red on blue"),
    Style.parse("bold red on blue"),
    Style.parse("on blue"),
    Style.parse("reverse red on blue"),
    Style.parse("underline"),
    Style.parse("#102030 on #405060"),
]
# pyte puts a mark on a letter of two cells into the second one, which terminals do not
texts = st.lists(st.sampled_from(["a", "b", " ", "漢", "≈", "e\u0301"]), max_size=12).map("".join)
lines = st.lists(st.builds(Segment, texts, st.sampled_from(STYLES)), max_size=6)
pictures = st.lists(st.lists(lines, min_size=ROWS, max_size=ROWS), min_size=2, max_size=5)


def cells(segments: list[Segment]) -> list[Cell]:
    """Exactly one line of the screen."""
    made = cells_of(segments, ColorSystem.TRUECOLOR)[:COLUMNS]
    if len(made) == COLUMNS and len(cells_of(segments, ColorSystem.TRUECOLOR)) > COLUMNS:
        # a character of two cells must not hang over the edge
        made[-1] = (" ", Look())
        if len(made) > 1 and made[-2][0] == "漢":
            made[-2] = (" ", Look())
    if len(made) == COLUMNS:
        # pyte wraps before a mark on the letter in the last column; no terminal does
        made[-2:] = [(text[:1], look) for text, look in made[-2:]]
    return made + [(" ", Look())] * (COLUMNS - len(made))


class Terminal:
    def __init__(self) -> None:
        self.screen = pyte.Screen(COLUMNS, ROWS)
        self.stream = pyte.Stream(self.screen)

    def seen(self) -> list[list[tuple[str, str, str, bool, bool, bool]]]:
        """What a person sees of each cell."""
        return [[self._seen(self.screen.buffer[y][x]) for x in range(COLUMNS)] for y in range(ROWS)]

    @staticmethod
    def _seen(cell: pyte.screens.Char) -> tuple[str, str, str, bool, bool, bool]:
        letter_is_seen = cell.data != " " or cell.reverse or cell.underscore
        colour = cell.fg if letter_is_seen else ""
        return cell.data, colour, cell.bg, cell.bold and letter_is_seen, cell.reverse, cell.underscore


@settings(max_examples=300, deadline=None)
@given(pictures)
def test_differences_make_the_same_picture_as_all_of_it(shown: list[list[list[Segment]]]) -> None:
    terminal, frame = Terminal(), Frame()
    for picture in shown:
        whole = Terminal()
        pieces = [(y, 0, cells(line)) for y, line in enumerate(picture)]
        terminal.stream.feed(frame.written(pieces))
        whole.stream.feed(Frame().written(pieces))
        assert terminal.seen() == whole.seen()


def test_the_same_again_is_nothing() -> None:
    frame = Frame()
    pieces = [(0, 0, cells([Segment("some text", Style.parse("red on blue"))]))]
    assert frame.written(pieces)
    assert frame.written(pieces) == ""
    frame.forget()
    assert frame.written(pieces)


def test_only_what_differs_is_written_and_colours_only_where_they_change() -> None:
    frame = Frame()
    style = Style.parse("#102030 on #405060")

    def write(text: str) -> str:
        return frame.written([(1, 4, cells_of([Segment(text, style)], ColorSystem.TRUECOLOR))])

    write("5.00 T   90 d")
    assert write("5.01 T   90 d") == "\x1b[2;8H\x1b[38;2;16;32;48;48;2;64;80;96m1\x1b[0m"
    assert write("4.01 T   89 d") == (
        "\x1b[2;5H\x1b[38;2;16;32;48;48;2;64;80;96m4\x1b[2;14H89\x1b[0m"  # far apart: a jump
    )


def test_blanks_take_the_colours_of_what_they_stand_beside() -> None:
    for before, after in pairwise(STYLES):
        line = [Segment("a", before), Segment("   ", after), Segment("b", before)]
        terminal = Terminal()
        terminal.stream.feed(Frame().written([(0, 0, cells(line))]))
        assert terminal.screen.display[0].startswith("a   b")
    style = Style.parse("red on blue")
    written = Frame().written(
        [(0, 0, cells_of([Segment("a", style), Segment(" ", Style.parse("green on blue"))], ColorSystem.STANDARD))]
    )
    assert written == "\x1b[1;1H\x1b[31;44ma \x1b[0m"


def test_a_letter_with_marks_on_it_is_one_cell() -> None:
    assert [text for text, _ in cells_of([Segment("e\u0301漢x")], ColorSystem.STANDARD)] == ["e\u0301", "漢", "", "x"]
    assert [text for text, _ in cells_of([Segment("\u0301x")], ColorSystem.STANDARD)] == ["x"]
