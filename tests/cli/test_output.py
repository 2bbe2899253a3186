"""Tables line up, progress fits its reader."""

import io
import json

import pytest

from quri_console.cli.output import (
    BarProgress,
    cell_width,
    progress_text,
    progress_to,
    show_error,
    show_json,
    show_table,
)
from quri_console.errors import QuriError
from quri_console.progress import ProgressEvent


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_columns_line_up_whatever_is_in_them(capsys: pytest.CaptureFixture[str]) -> None:
    show_table(["Name", "Size"], [["猫", "1 B"], [("größe", "stale"), "100 MiB"]], right=[1])
    assert capsys.readouterr().out == "Name      Size\n猫         1 B\ngröße  100 MiB\n"


def test_an_empty_table_is_its_heading(capsys: pytest.CaptureFixture[str]) -> None:
    show_table(["Name", "Size"], [])
    assert capsys.readouterr().out == "Name  Size\n"


@pytest.mark.parametrize(("text", "width"), [("abc", 3), ("猫", 2), ("e\u0301", 1), ("≈", 1), ("", 0)])
def test_widths(text: str, width: int) -> None:
    assert cell_width(text) == width


def test_json_keeps_large_numbers(capsys: pytest.CaptureFixture[str]) -> None:
    show_json({"cycles": 10**38})
    assert json.loads(capsys.readouterr().out) == {"cycles": 10**38}


def test_json_never_holds_what_json_has_not() -> None:
    with pytest.raises(ValueError, match="JSON compliant"):
        show_json(float("nan"))


HALF = ProgressEvent("heap", 32 << 20, 64 << 20, "bytes", subject="rune-engine")


def test_progress_in_words() -> None:
    assert progress_text(HALF) == "rune-engine: heap  50 % 32 MiB of 64 MiB"
    assert progress_text(HALF, elapsed_seconds=4) == ("rune-engine: heap  50 % 32 MiB of 64 MiB, 8 MiB/s, 4 s left")
    assert progress_text(ProgressEvent("stop", note="waiting\x1b")) == "stop – waiting\\e"


def test_lines_for_pipes_come_at_quarters() -> None:
    stream = io.StringIO()
    progress = progress_to(stream)
    for done in range(101):
        progress.report(ProgressEvent("heap", done, 100))
    assert [line.split("%")[0] for line in stream.getvalue().splitlines()] == [
        "heap   0 ",
        "heap  25 ",
        "heap  50 ",
        "heap  75 ",
        "heap 100 ",
    ]


def test_json_events() -> None:
    stream = io.StringIO()
    progress_to(stream, "json").report(HALF)
    assert json.loads(stream.getvalue()) == {
        "event": "progress",
        "subject": "rune-engine",
        "phase": "heap",
        "done": 32 << 20,
        "total": 64 << 20,
        "unit": "bytes",
        "note": "",
    }


def test_a_bar_redraws_one_line_and_not_too_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    assert isinstance(progress_to(Terminal()), BarProgress)
    seconds = iter([0.0, 0.01, 0.2, 0.21, 0.22])
    stream = Terminal()
    bar = BarProgress(stream, lambda: next(seconds))
    for done in (0, 1, 2, 4):
        bar.report(ProgressEvent("heap", done, 4))
    bar.report(ProgressEvent("stable", 0, 4))
    bar.close()
    drawn = stream.getvalue()
    assert drawn.count("\r\x1b[K") == 4
    assert drawn.count("\n") == 2
    assert " 25 %" not in drawn
    assert "100 %" in drawn


def test_a_traceback_does_nothing_to_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    try:
        raise QuriError("the canister said \x1b]0;mine\x07 and \u202e")
    except QuriError as error:
        show_error(error, debug=True)
    shown = capsys.readouterr().err
    assert "Traceback" in shown
    assert "\x1b" not in shown
    assert "\u202e" not in shown
