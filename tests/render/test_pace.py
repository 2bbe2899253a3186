"""How fast a phase goes, and how long it still takes."""

from __future__ import annotations

import pytest

from quri_console.progress import ProgressEvent
from quri_console.render.operation import operation_lines
from quri_console.render.pace import Pace
from quri_console.render.spans import plain

MIB = 1 << 20


def at(done: int) -> ProgressEvent:
    return ProgressEvent("download", done * MIB, 100 * MIB, "bytes", subject="pig")


def test_a_phase_says_its_rate_and_the_time_left() -> None:
    pace = Pace()
    pace.see(at(0), 10.0)
    pace.see(at(20), 12.0)
    assert pace.text(at(20), 12.0) == ", 10 MiB/s, 8 s left"


def test_what_was_written_before_anybody_looked_makes_no_phase_faster() -> None:
    pace = Pace()
    for done in (0, 30, 60):
        pace.see(at(done), 10.0)
    pace.see(at(70), 12.0)
    assert pace.text(at(70), 12.0) == ", 5 MiB/s, 6 s left"


@pytest.mark.parametrize(("done", "now"), [(20, 10.5), (0, 12.0), (100, 12.0)], ids=["soon", "nothing", "done"])
def test_where_it_cannot_be_told_nothing_is_said(done: int, now: float) -> None:
    pace = Pace()
    pace.see(at(0), 10.0)
    assert pace.text(at(done), now) == ""


def test_a_running_operation_shows_it_behind_the_measure() -> None:
    lines = operation_lines("op", [at(20)], None, pace=lambda _: ", 10 MiB/s, 8 s left")
    assert "  • download pig: 20 MiB of 100 MiB (20 %), 10 MiB/s, 8 s left" in [plain(line) for line in lines]
