"""Writing to a terminal that stalls, is slow, or is gone."""

from __future__ import annotations

import os
import threading
import time
import tty
from collections.abc import Iterator
from typing import IO

import pytest

from quri_console.ui.terminal_file import GRACE_SECONDS, TerminalFile

LARGE = "x" * 1_000_000


@pytest.fixture
def terminal() -> Iterator[tuple[int, IO[str]]]:
    """The other side of a terminal, and the terminal as a file."""
    master, slave = os.openpty()
    tty.setraw(slave)
    with os.fdopen(slave, "w") as file:
        yield master, file
    if master >= 0:
        os.close(master)


def read_all(master: int, into: bytearray, *, pause: float = 0.0) -> threading.Thread:
    def read() -> None:
        try:
            while data := os.read(master, 4096):
                into.extend(data)
                time.sleep(pause)
        except OSError:
            return

    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    return thread


def test_all_of_a_large_text_arrives(terminal: tuple[int, IO[str]]) -> None:
    master, file = terminal
    received = bytearray()
    read_all(master, received)
    written = TerminalFile(file)
    assert written.write(LARGE + "≈") == len(LARGE) + 1
    deadline = time.monotonic() + 10
    while len(received) < len(LARGE) + 3 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert received == (LARGE + "≈").encode()
    written.close()
    assert not file.closed


def test_without_a_way_to_open_it_anew_it_is_written_in_small_pieces(
    terminal: tuple[int, IO[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(descriptor: int) -> str:
        raise OSError(25, "Not a typewriter")

    monkeypatch.setattr(os, "ttyname", refuse)
    master, file = terminal
    received = bytearray()
    read_all(master, received)
    TerminalFile(file).write("y" * 10_000)
    deadline = time.monotonic() + 10
    while len(received) < 10_000 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert received == b"y" * 10_000


def test_a_stalled_terminal_holds_a_write_up_until_somebody_leaves(terminal: tuple[int, IO[str]]) -> None:
    _, file = terminal
    written = TerminalFile(file)
    writer = threading.Thread(target=written.write, args=(LARGE,), daemon=True)
    writer.start()
    writer.join(0.3)
    assert writer.is_alive()
    started = time.monotonic()
    written.leave()
    writer.join(5)
    assert time.monotonic() - started < GRACE_SECONDS + 1
    started = time.monotonic()
    for _ in range(30):
        written.write(LARGE)
    assert time.monotonic() - started < 0.5


def test_a_slow_terminal_gets_the_way_out_but_not_the_pictures(terminal: tuple[int, IO[str]]) -> None:
    master, file = terminal
    received = bytearray()
    written = TerminalFile(file)
    read_all(master, received, pause=0.05)
    started = time.monotonic()
    written.leave()
    written.write(LARGE)
    written.write("\x1b[?1049l")
    assert time.monotonic() - started < 2
    deadline = time.monotonic() + 10
    while not received.endswith(b"\x1b[?1049l") and time.monotonic() < deadline:
        time.sleep(0.01)
    assert received.endswith(b"\x1b[?1049l")
    assert len(received) < len(LARGE)


def test_a_terminal_that_is_gone_takes_everything_and_says_so() -> None:
    master, slave = os.openpty()
    tty.setraw(slave)
    with os.fdopen(slave, "w") as file:
        written = TerminalFile(file)
        os.close(master)
        written.write(LARGE)
        assert written.gone
        written.write("more")
        written.close()
