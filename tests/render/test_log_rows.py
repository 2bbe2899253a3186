"""A log as rows: bounded, escaped, searchable."""

from __future__ import annotations

from quri_console.ic.management.types import LogRecord
from quri_console.render.fleet_logs import KEPT_LINES, ROW_CHARACTERS, WHOLE_CHARACTERS, KeptLog, log_line
from quri_console.render.spans import plain
from tests.support.fleets import NOW_NS


def record(index: int, content: bytes) -> LogRecord:
    return LogRecord(index, NOW_NS + index, content)


def test_the_newest_lines_are_kept_and_it_is_said_how_many_were_let_go() -> None:
    kept = KeptLog()
    kept.take(record(number, b"line %d" % number) for number in range(KEPT_LINES + 10))
    rows = kept.rows()
    assert (len(rows), rows[0].key, rows[-1].key) == (KEPT_LINES, "10", str(KEPT_LINES + 9))
    assert plain(log_line(kept, 3, "x", "")) == "2,000 lines, followed · 10 older ones were let go · 3 have x"


def test_what_a_canister_wrote_is_escaped_and_cut() -> None:
    kept = KeptLog()
    kept.take([record(1, "\x1b]52;c;cm0=\x07\u202e[red]日本".encode()), record(2, b"\xff" * 10_000_000)])
    hostile, huge = kept.rows()
    assert hostile.cells[1].text == "\\e]52;c;cm0=\\x07\\u{202e}[red]日本"
    assert len(huge.cells[1].text) <= ROW_CHARACTERS
    moment, line = map(plain, kept.whole("2"))
    assert moment.endswith("UTC")
    assert len(line) <= WHOLE_CHARACTERS
    assert kept.whole("3") == kept.whole(None) == ()
    assert "\x1b" not in kept.text()


def test_searching_is_for_letters_of_either_case() -> None:
    kept = KeptLog()
    kept.take([record(1, b"Heap is full"), record(2, b"fine")])
    assert [row.key for row in kept.rows("HEAP")] == ["1"]
    assert kept.text("heap").endswith("UTC Heap is full")


def test_waiting_and_failing_are_said() -> None:
    assert plain(log_line(KeptLog(), 0, "", "")) == "Waiting for the first line …"
    assert plain(log_line(KeptLog(), 0, "", "Not followed: no")) == "Not followed: no"
