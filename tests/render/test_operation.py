"""A running operation and its end, in words."""

from __future__ import annotations

import pytest

from quri_console.effects.operation_files import Outcome
from quri_console.errors import ExitCode, QuriError
from quri_console.progress import ProgressEvent
from quri_console.render.operation import (
    error_lines,
    failure_text,
    keys_after,
    newest_of_each_phase,
    operation_lines,
    progress_line,
)
from quri_console.render.spans import plain


@pytest.mark.parametrize(
    ("event", "line"),
    [
        (ProgressEvent("stop", subject="registry"), "stop registry"),
        (ProgressEvent("download", 1 << 20, 4 << 20, "bytes", subject="a"), "download a: 1 MiB of 4 MiB (25 %)"),
        (ProgressEvent("poll", 3, 0, "canisters"), "poll: 3"),
        (ProgressEvent("check", 1, 2, note="half"), "check: 1 of 2 (50 %) – half"),
        (ProgressEvent("\x1b[2J", note="\u202e"), "\\e[2J – \\u{202e}"),
    ],
    ids=["bare", "bytes", "no total", "note", "hostile"],
)
def test_progress(event: ProgressEvent, line: str) -> None:
    assert progress_line(event) == line


def test_the_newest_report_of_a_phase_replaces_the_one_before_in_its_place() -> None:
    events = [ProgressEvent("a", 1, 2), ProgressEvent("b"), ProgressEvent("a", 2, 2)]
    assert newest_of_each_phase(events) == (ProgressEvent("a", 2, 2), ProgressEvent("b"))


def shown(outcome: Outcome | None, *events: ProgressEvent) -> str:
    return "\n".join(plain(line) for line in operation_lines("op-1", events, outcome))


def test_while_it_runs_it_says_that_leaving_does_no_harm() -> None:
    text = shown(None, ProgressEvent("stop"))
    assert "• stop" in text
    assert "Esc leaves this page, and it goes on" in text


def test_a_restore_that_is_done_says_how_to_undo_it() -> None:
    result = {"source": "x", "safety_snapshot": "00", "downtime_seconds": 0.4, "status": "running", "notes": ["n"]}
    text = shown(Outcome(ExitCode.OK, 0, "restored", result=result))
    for part in ("Done: restored", "0.4 s", "It is running now.", "quri-console rollback op-1", "n"):
        assert part in text


@pytest.mark.parametrize("back", [True, False])
def test_the_keys_after_the_end_offer_a_way_back_only_where_there_is_one(*, back: bool) -> None:
    keys = keys_after(can_be_rolled_back=back)
    assert ("B rolls it back" in keys) is back
    assert "w writes the report; Esc leads back." in keys


def test_a_restore_that_is_done_says_what_the_canister_has_and_until_when_the_way_back_is_open() -> None:
    result = {"source": "x", "safety_snapshot": "00ff", "state": "the restored state", "name": "pig"}
    text = shown(Outcome(ExitCode.OK, 0, "restored", result=result))
    assert "It has the restored state." in text
    assert "kept on chain until you roll back or delete it" in text
    assert "quri-console snapshots delete pig 00ff" in text


def test_a_rollback_that_is_done_says_how_to_undo_it_and_its_state_once() -> None:
    result = {"rolled_back": "op-0", "safety_snapshot": "00", "state": "the state before op-0", "status": "stopped"}
    text = shown(Outcome(ExitCode.OK, 0, "pig has the state before op-0 again", result=result))
    assert "To undo it: quri-console rollback op-1" in text
    assert text.count("the state before op-0") == 1
    assert "It is stopped now." in text


@pytest.mark.parametrize(("status", "starts"), [("stopped", 1), ("running", 0), ("stopping", 0)])
@pytest.mark.parametrize("kind", ["source", "rolled_back", "members"])
def test_what_is_stopped_at_the_end_comes_with_the_command_that_starts_it(kind: str, status: str, starts: int) -> None:
    one = {"name": "p\x1big", "status": status}
    result = {"source": "x", "members": [one]} if kind == "members" else {kind: "x", **one}
    text = shown(Outcome(ExitCode.OK, 0, "restored", result=result))
    assert text.count("To start it: quri-console start p\\e") == starts


def test_a_restore_into_a_canister_without_module_promises_no_way_back() -> None:
    text = shown(Outcome(ExitCode.OK, 0, "restored", result={"source": "x", "safety_snapshot": None}))
    assert "There is no way back" in text
    assert "rollback" not in text


def test_a_failure_says_why_and_what_next() -> None:
    text = shown(Outcome(ExitCode.FAILED, 0, "broken", "because", "do this"))
    for part in ("Not done: broken", "Why: because", "Next: do this"):
        assert part in text
    assert "undo" not in text


def test_a_failure_in_one_line_is_whole_sentences() -> None:
    error = QuriError("it is pinned", why="keep for incident 12", next_step="`pin --undo` takes the pin away.")
    assert failure_text(error) == "it is pinned. keep for incident 12. `pin --undo` takes the pin away."


def test_an_error_is_escaped() -> None:
    spans = error_lines(QuriError("\x1b]52;c;x\x07", why="\x1b", next_step="\x07"))
    assert not any(character in plain(spans) for character in "\x1b\x07")
