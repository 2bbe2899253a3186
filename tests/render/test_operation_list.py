"""The list of operations: what became of each, and what can be done now."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from quri_console.effects.operation_files import Outcome
from quri_console.effects.operation_summary import OperationState, OperationSummary, Rollback
from quri_console.errors import ExitCode
from quri_console.render.operation_list import operation_list_lines, what_now
from quri_console.render.spans import plain
from tests.support.fleets import NOW_NS, SECOND

RESTORE = "20250615T150640Z-restore-0001"
ROLLBACK = "20250615T150641Z-rollback-0002"
DONE = OperationSummary(
    id=RESTORE,
    kind="restore",
    network="local",
    canisters=("rune-engine",),
    created_at_ns=NOW_NS - 5 * SECOND,
    state="done",
    outcome=Outcome(ExitCode.OK, NOW_NS, "restored"),
    reason=None,
    left_stopped=(),
    safety_snapshots=(bytes(8),),
    directory=Path("op"),
)
UNWELL = Outcome(ExitCode.FAILED, NOW_NS, "unwell", "", f"`quri-console rollback {RESTORE}` brings it back.")
UNDO = f"to undo it: quri-console rollback {RESTORE}"


@pytest.mark.parametrize(
    ("summary", "sentence"),
    [
        (DONE, UNDO),
        (replace(DONE, kind="rollback"), UNDO),
        (replace(DONE, kind="backup"), ""),
        (replace(DONE, safety_snapshots=()), ""),
        (replace(DONE, state="failed", outcome=UNWELL), UNDO),
        (replace(DONE, state="failed", outcome=Outcome(ExitCode.FAILED, NOW_NS, "no")), ""),
        (replace(DONE, state="running", outcome=None), ""),
        (
            replace(DONE, rolled_back=Rollback(ROLLBACK, "done", NOW_NS)),
            f"rolled back by {ROLLBACK}, 2025-06-15 15:06:40 UTC",
        ),
        (replace(DONE, rolled_back=Rollback(ROLLBACK, "running", 0)), f"{ROLLBACK} rolls it back now"),
        (replace(DONE, rolled_back=Rollback(ROLLBACK, "interrupted", 0)), f"{ROLLBACK} rolls it back, and was inter"),
        (replace(DONE, state="interrupted", outcome=None), f"to go on: quri-console operations resume {RESTORE}"),
        (replace(DONE, left_stopped=("aaaaa-aa",)), f"to go on: quri-console operations resume {RESTORE}"),
        (replace(DONE, state="partial", left_stopped=("aaaaa-aa",)), "it left a canister stopped; once"),
        (replace(DONE, state="damaged", outcome=Outcome(ExitCode.CORRUPTION, 0, "broken")), "broken"),
    ],
)
def test_what_now(summary: OperationSummary, sentence: str) -> None:
    found = what_now(summary)
    assert found.startswith(sentence)
    assert bool(found) is bool(sentence)


@pytest.mark.parametrize("state", ["partial", "failed", "aborted"])
def test_what_left_a_canister_stopped_can_be_marked_resolved_however_it_ended(state: OperationState) -> None:
    assert not replace(DONE, state=state).open
    assert replace(DONE, state=state, left_stopped=("aaaaa-aa",)).open


def test_the_list_fits_80_columns_and_untrusted_text_is_escaped() -> None:
    fleet = replace(DONE, kind="backup", canisters=("rune-engine", "registry", "bitcoin-integration"))
    broken = replace(DONE, state="damaged", outcome=Outcome(ExitCode.CORRUPTION, 0, "\x1b[2J"))
    lines = [plain(line) for line in operation_list_lines([DONE, fleet, broken], NOW_NS)]
    assert lines == [
        "OPERATION                      AGE  NETWORK  CANISTERS               STATE",
        "20250615T150640Z-restore-0001  5s   local    rune-engine             done",
        f"  {UNDO}",
        "20250615T150640Z-restore-0001  5s   local    rune-engine and 2 more  done",
        "20250615T150640Z-restore-0001  5s   local    rune-engine             damaged",
        "  \\e[2J",
    ]
