"""Whatever a canister, a peer or a file says, and however much of it: what is drawn is harmless and bounded."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from quri_console.effects.journal import Record
from quri_console.effects.operation_files import Outcome
from quri_console.effects.operation_summary import OperationSummary
from quri_console.errors import ExitCode
from quri_console.history.outbox import Message
from quri_console.monitor.fleet import Finding, Health
from quri_console.render.audit import audit_lines
from quri_console.render.banner import Badges, banner_lines
from quri_console.render.detail import detail_lines
from quri_console.render.filtering import FleetFilter
from quri_console.render.fleet_shown import FleetOrder, fleet_shown
from quri_console.render.grid import Row
from quri_console.render.operation_steps import (
    diagnosis_lines,
    journal_lines,
    message_lines,
    operation_rows,
    step_lines,
)
from quri_console.render.spans import Line, plain
from tests.support.fleets import HEALTHY, NOW_NS, fleet

PIECE = "\x1b[2J\x1b]52;c;QQ==\x07\u202e\u200b\t\r\n\x00[bold]$x[/]𝕏é日\U0001f469"
HUGE = PIECE * 300_000
FORBIDDEN = set("\x1b\x07\u202e\u200b\t\r\n\x00")
MOST = 40_000
"""Characters of one picture, whatever comes."""

VIEW = replace(
    HEALTHY,
    name=HUGE,
    group=HUGE,
    error=HUGE,
    stale=True,
    sampled_at_ns=NOW_NS,
    settings=json.dumps({HUGE: HUGE, "log_visibility": {"kind": HUGE}}),
    controllers=(HUGE,) * 10,
    health=Health("critical", tuple(Finding("frozen", "critical", HUGE) for _ in range(3))),
)
SUMMARY = OperationSummary(
    id=PIECE,
    kind=HUGE,
    network=HUGE,
    canisters=(HUGE,),
    created_at_ns=NOW_NS,
    state="failed",
    outcome=Outcome(ExitCode.FAILED, NOW_NS, HUGE, HUGE, HUGE),
    reason=HUGE,
    left_stopped=(),
    safety_snapshots=(),
    directory=Path("op"),
)
RECORDS = [
    Record(0, NOW_NS, "intent", {"effect": "stop", "canister": HUGE}),
    Record(1, NOW_NS, "outcome", {"intent": 0, "outcome": "rejected", "code": HUGE, "message": HUGE}),
    Record(2, NOW_NS, "way back", {"what": HUGE, "why": HUGE}),
    Record(3, NOW_NS, HUGE, {HUGE: HUGE}),
]
MESSAGE = Message(1, "hook", "dead", 3, NOW_NS, None, json.dumps({"title": HUGE}), HUGE)
EVENT = {"ts": HUGE, "action": HUGE, "target": HUGE, "reason": HUGE, "result": HUGE, "cycles": HUGE, "operation": HUGE}


def in_lines(lines: Sequence[Line]) -> str:
    return "".join(map(plain, lines))


def in_rows(rows: Sequence[Row]) -> str:
    return "".join(cell.text for row in rows for cell in row.cells)


PICTURES: dict[str, Callable[[], str]] = {
    "fleet": lambda: in_rows(fleet_shown(fleet(VIEW), FleetFilter(), FleetOrder(grouping="group"), NOW_NS).rows),
    "detail": lambda: in_lines(detail_lines(VIEW, NOW_NS, width=80, long=True)),
    "banner": lambda: in_lines(
        banner_lines(fleet(VIEW, notice=HUGE), NOW_NS, Badges(HUGE[:64], production=False, read_only=False))
    ),
    "operations": lambda: in_rows(operation_rows([SUMMARY], NOW_NS)),
    "steps": lambda: in_lines(step_lines(SUMMARY, [])),
    "journal": lambda: in_lines(journal_lines(RECORDS)),
    "messages": lambda: in_lines(message_lines([MESSAGE])),
    "doctor": lambda: in_lines(diagnosis_lines([(HUGE, "critical", HUGE, HUGE)])),
    "audit": lambda: in_lines(audit_lines([EVENT])),
}


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_is_harmless_and_bounded(name: str) -> None:
    text = PICTURES[name]()
    assert len(text) <= MOST
    assert not FORBIDDEN & set(text)
    assert "\\e[2J" in text
