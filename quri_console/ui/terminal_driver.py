"""Textual's driver for Linux, made to end when its terminal does and to leave a terminal that does not read."""

from __future__ import annotations

import contextlib
import os
import selectors
import sys
from codecs import getincrementaldecoder
from collections.abc import Iterator
from queue import Empty
from typing import TYPE_CHECKING, Any, cast

from textual._xterm_parser import XTermParser
from textual.drivers.linux_driver import LinuxDriver

from quri_console.ui.terminal_file import TerminalFile

if TYPE_CHECKING:
    from textual.app import App

LOOK_SECONDS = 0.1
JOIN_SECONDS = 0.5
_READ_BYTES = 4096


class TerminalDriver(LinuxDriver):
    """As its parent, but: the end of the input ends the console, where the parent would spin; and no mouse hover.

    Every movement of a mouse is 10 bytes up and a repaint down; only clicks, wheel and drags are asked for.
    """

    def __init__(
        self, app: App[object], *, debug: bool = False, mouse: bool = True, size: tuple[int, int] | None = None
    ) -> None:
        super().__init__(app, debug=debug, mouse=mouse, size=size)
        assert sys.__stderr__ is not None
        self.terminal = TerminalFile(sys.__stderr__)
        self._file = cast("Any", self.terminal)

    @property
    def mouse_on(self) -> bool:
        """Whether the terminal sends us clicks."""
        return self._mouse

    def turn_mouse(self, on: bool) -> None:
        """Ask the terminal for clicks, or leave the mouse to it."""
        if on == self._mouse:
            return
        if not on:
            self._disable_mouse_support()
        self._mouse = on
        self._enable_mouse_support()

    def _enable_mouse_support(self) -> None:
        if self._mouse:
            for mode in (1000, 1002, 1006):
                self.write(f"\x1b[?{mode}h")
            self.flush()

    def _enable_mouse_pixels(self) -> None:
        """Cells are enough."""

    def _disable_mouse_support(self) -> None:
        if self._mouse:
            for mode in (1006, 1002, 1000):
                self.write(f"\x1b[?{mode}l")
            self.flush()

    def stop_application_mode(self) -> None:
        """As the parent, but pictures that nobody will see any more do not stand before the way out."""
        if self._writer_thread is not None:
            with contextlib.suppress(Empty):
                while True:
                    self._writer_thread._queue.get_nowait()
        super().stop_application_mode()
        if self._app._exit:
            self.terminal.leave()

    def close(self) -> None:
        """As the parent, but the thread that writes may be left behind: it is a daemon."""
        if self._writer_thread is not None:
            self._writer_thread._queue.put(None)
            self._writer_thread.join(JOIN_SECONDS)
            if not self._writer_thread.is_alive():
                self.terminal.close()

    def run_input_thread(self) -> None:
        """Read keys until told to end, or until there is no terminal to read from."""
        parser = XTermParser(self._debug)
        for text in self._pieces():
            for message in parser.feed(text) if text else parser.tick():
                self.process_message(message)

    def _pieces(self) -> Iterator[str]:
        """What was typed, piece by piece; an empty one where nothing was typed for a moment."""
        decode = getincrementaldecoder("utf-8")(errors="replace").decode
        with selectors.SelectSelector() as selector:
            selector.register(self.fileno, selectors.EVENT_READ)
            while not self.exit_event.is_set():
                if not selector.select(LOOK_SECONDS):
                    if self.terminal.gone:
                        self._lost()
                        return
                    yield ""
                    continue
                try:
                    data = os.read(self.fileno, _READ_BYTES)
                except BlockingIOError:
                    continue
                except OSError:
                    data = b""
                if not data:
                    self._lost()
                    return
                yield decode(data)
                yield ""

    def _lost(self) -> None:
        """The terminal hung up, or whoever fed it went away."""
        self.terminal.leave()
        self._loop.call_soon_threadsafe(self._app.exit, 0)
