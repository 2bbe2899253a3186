"""Sends only the cells that look different from what the terminal shows.

Textual writes whatever its widgets refreshed, cell for cell, with both colours and a reset around every piece of text:
a cursor key is 8 kB on a screen of 120×40, and a page that is opened over another 30 kB. The terminal already shows
most of it, so what was written last is kept here, and of the next picture only the differences go out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any, cast

from rich.cells import cell_len
from rich.color import Color, ColorSystem
from rich.style import Style
from textual import events
from textual._compositor import ChopsUpdate, CompositorUpdate, LayoutUpdate
from textual.app import App
from textual.screen import Screen

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.segment import Segment

SHORT_GAP = 5
"""So many equal cells between two different ones are cheaper to write again than to jump over."""
_SEEN_ON_BLANKS = frozenset({"4", "7", "9", "21", "53"})
"""Underlined, reversed, struck through, underlined twice, overlined: what is seen where there is no letter."""


@dataclass(frozen=True, slots=True)
class Look:
    """How cells are drawn: attributes and colours, each as the terminal is told it; empty for its own."""

    attributes: str = ""
    foreground: str = ""
    background: str = ""

    @property
    def of_blanks(self) -> Look:
        """The same without what is not seen on a blank."""
        seen = [code for code in self.attributes.split(";") if code in _SEEN_ON_BLANKS]
        return Look(";".join(seen), self.foreground if seen else "", self.background)

    def after(self, before: Look) -> str:
        """The sequence that makes this look of another."""
        if self.attributes != before.attributes or (before.foreground and not self.foreground):
            return _select("0", self.attributes, self.foreground, self.background)
        if before.background and not self.background:
            return _select("0", self.attributes, self.foreground)
        changes = (
            self.foreground if self.foreground != before.foreground else "",
            self.background if self.background != before.background else "",
        )
        return _select(*changes)


def _select(*codes: str) -> str:
    given = ";".join(code for code in codes if code)
    return f"\x1b[{given}m" if given else ""


PLAIN = Look()
Cell = tuple[str, Look]
"""What stands in it, empty behind a character of two cells, and how it is drawn."""


@lru_cache(maxsize=1024)
def _looks(attributes: int, color: Color | None, background: Color | None, colours: ColorSystem) -> tuple[Look, Look]:
    """How text is drawn, and how blanks among it are."""
    names = [code for bit, code in Style._style_map.items() if attributes & (1 << bit)]
    look = Look(
        ";".join(names),
        "" if color is None else ";".join(color.downgrade(colours).get_ansi_codes()),
        "" if background is None else ";".join(background.downgrade(colours).get_ansi_codes(foreground=False)),
    )
    return look, look.of_blanks


def cells_of(segments: Iterable[Segment], colours: ColorSystem) -> list[Cell]:
    """The cells that these segments fill."""
    cells: list[Cell] = []
    for text, style, control in segments:
        if control:
            continue
        look, blank = PLAIN, PLAIN
        if style is not None:
            # a style also knows to which place in a text it belongs; that is not seen
            set_ones = style._attributes & style._set_attributes
            look, blank = _looks(set_ones, style.color, style.bgcolor, colours)
        if text.isascii():
            cells += [(letter, blank if letter == " " else look) for letter in text]
        else:
            _add_letters(cells, text, look, blank)
    return cells


def _add_letters(cells: list[Cell], text: str, look: Look, blank: Look) -> None:
    for letter in text:
        width = cell_len(letter)
        if width == 0 and cells:
            # it is drawn on the letter before it, which may be one of two cells
            place = -2 if cells[-1][0] == "" and len(cells) > 1 else -1
            cells[place] = (cells[place][0] + letter, cells[place][1])
        elif width:
            cells.append((letter, blank if letter == " " else look))
            cells += [("", look)] * (width - 1)


@dataclass(slots=True)
class Frame:
    """What the terminal shows, as far as we wrote it."""

    lines: dict[int, list[Cell]] = field(default_factory=dict)

    def forget(self) -> None:
        """The terminal may show anything now: the next picture goes out whole."""
        self.lines.clear()

    def written(self, pieces: Iterable[tuple[int, int, Sequence[Cell]]]) -> str:
        """What has to be written to show these pieces (line, first column, cells)."""
        out: list[str] = []
        look = PLAIN
        for y, x, cells in pieces:
            line = self.lines.setdefault(y, [])
            if len(line) < x + len(cells):
                line += [("\0", PLAIN)] * (x + len(cells) - len(line))
            old = line[x : x + len(cells)]
            for start, end in _differences(old, cells):
                out.append(f"\x1b[{y + 1};{x + start + 1}H")
                look = _write(out, cells[start:end], look)
            line[x : x + len(cells)] = cells
        if look != PLAIN:
            out.append("\x1b[0m")
        return "".join(out)


def _write(out: list[str], cells: Sequence[Cell], look: Look) -> Look:
    """Write cells beginning with a look; the look afterwards."""
    blank = look.of_blanks
    for text, wanted in cells:
        if wanted != look and not (text == " " and wanted == blank):
            out.append(wanted.after(look))
            look, blank = wanted, wanted.of_blanks
        out.append(text)
    return look


def _differences(old: Sequence[Cell], new: Sequence[Cell]) -> Iterator[tuple[int, int]]:
    """Where the new cells differ, in whole characters, short gaps included."""
    if old == new:
        return
    start = end = -1
    for place, cell in enumerate(new):
        if cell == old[place]:
            continue
        if start >= 0 and place - end > SHORT_GAP:
            yield _whole(new, start, end)
            start = -1
        if start < 0:
            start = place
        end = place + 1
    yield _whole(new, start, end)


def _whole(cells: Sequence[Cell], start: int, end: int) -> tuple[int, int]:
    """A character of two cells is written as one."""
    while start > 0 and cells[start][0] == "":
        start -= 1
    while end < len(cells) and cells[end][0] == "":
        end += 1
    return start, end


class OnlyChanges(CompositorUpdate):
    """An update of Textual's, of which only what differs from the frame is written."""

    def __init__(self, frame: Frame, update: LayoutUpdate | ChopsUpdate) -> None:
        self._frame = frame
        self._update = update

    def render_segments(self, console: Console) -> str:
        colours = console._color_system or ColorSystem.TRUECOLOR
        update = self._update
        pieces = _of_layout(update, colours) if isinstance(update, LayoutUpdate) else _of_chops(update, colours)
        return self._frame.written(pieces)


def _of_layout(update: LayoutUpdate, colours: ColorSystem) -> Iterator[tuple[int, int, list[Cell]]]:
    for y, strips in enumerate(update.strips, update.region.y):
        yield y, update.region.x, [cell for strip in strips for cell in cells_of(strip, colours)]


def _of_chops(update: ChopsUpdate, colours: ColorSystem) -> Iterator[tuple[int, int, list[Cell]]]:
    done: set[tuple[int, int]] = set()
    for y, first, last in update.spans:
        for end, (x, strip) in zip(update.chop_ends[y], update.chops[y].items(), strict=False):
            # chops are made for whole lines of a widget, so all of one is as new as the part that was asked for
            if strip is not None and x < last and end > first and (y, x) not in done:
                done.add((y, x))
                yield y, x, cells_of(strip, colours)


class ThriftyApp(App[int]):
    """An application whose terminal is sent only what looks different."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.frame = Frame()

    def _display(self, screen: Screen[Any], renderable: RenderableType | None) -> None:
        if isinstance(renderable, LayoutUpdate | ChopsUpdate):
            # Textual takes its own updates for renderables, too
            renderable = cast("RenderableType", OnlyChanges(self.frame, renderable))
        super()._display(screen, renderable)

    def on_resize(self, event: events.Resize) -> None:
        """Also the first event after the terminal was lent to another program."""
        self.frame.forget()

    def action_repaint(self) -> None:
        """Draw everything, whatever the terminal is believed to show."""
        self.frame.forget()
        self.screen.refresh(layout=True)
