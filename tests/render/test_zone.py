"""Under `--local` every moment on the screen is told in this machine's zone with its offset; files stay in UTC."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

import quri_console.render
import quri_console.ui
from quri_console.backup.comparison import Side
from quri_console.clock import utc_datetime
from quri_console.effects.journal import Record
from quri_console.effects.operation_files import Outcome
from quri_console.effects.operation_summary import OperationSummary, Rollback
from quri_console.errors import ExitCode, LockedError
from quri_console.history.alerts import AlertEvent, AlertRow, Mute
from quri_console.history.outbox import Message
from quri_console.monitor.fleet import Finding, Health
from quri_console.render import zone
from quri_console.render.alert_table import alert_lines, event_lines
from quri_console.render.audit import audit_lines
from quri_console.render.banner import Badges, banner_lines
from quri_console.render.detail import detail_lines
from quri_console.render.fact_words import side_text, timer_text
from quri_console.render.operation import error_lines, operation_lines
from quri_console.render.operation_list import what_now
from quri_console.render.operation_report import operation_report
from quri_console.render.operation_steps import diagnosis_lines, journal_lines, message_lines, step_lines
from quri_console.render.restore_plan import restore_plan_lines
from quri_console.render.restore_points import restore_point_lines
from quri_console.render.rollback_plan import rollback_plan_lines
from quri_console.render.spans import Line, Span, plain
from tests.render.test_restore_plan import PLAN
from tests.render.test_restore_points import FOUND
from tests.render.test_rollback_plan import PLAN as ROLLBACK_PLAN
from tests.support.fleets import NOW_NS, RUNE, fleet, view

HERE = "2025-06-15 20:36:40 +0530"
"""NOW_NS where the tests of the local zone sit; in UTC it is 15:06:40."""


@pytest.fixture
def local(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "Asia/Kolkata")
    time.tzset()
    zone.show_zone("local")
    yield
    zone.show_zone("utc")
    monkeypatch.undo()
    time.tzset()


SUMMARY = OperationSummary(
    id="op",
    kind="restore",
    network="local",
    canisters=("rune-engine",),
    created_at_ns=NOW_NS,
    state="done",
    outcome=Outcome(ExitCode.OK, NOW_NS, "restored", "", "It is kept until 2025-06-15 15:06:40 UTC."),
    reason=None,
    left_stopped=(),
    safety_snapshots=(bytes(8),),
    directory=Path("op"),
)
ROLLED_BACK = replace(SUMMARY, rolled_back=Rollback("back", "done", NOW_NS))
RECORDS = [Record(0, NOW_NS, "went back", {})]
ALERT = AlertRow(RUNE, "stopped", "firing", "critical", NOW_NS, "{}")
MUTE = Mute(1, RUNE, "*", "silence", "", "eva", "", NOW_NS, NOW_NS)
EVENT = AlertEvent(RUNE, "stopped", NOW_NS, "firing", "critical", "it stopped")
STOPPED = Finding("stopped", "critical", "stopped by an operator at 15:06:40 UTC")
SAID = "until 2025-06-15 15:06:40 UTC"
WAY_BACK = Outcome(
    ExitCode.OK, NOW_NS, "restored", result={"source": "x", "safety_snapshot": "00", "name": "a", "notes": [SAID]}
)


def one(*spans: Span) -> list[Line]:
    return [tuple(spans)]


ON_THE_SCREEN: dict[str, Callable[[], Sequence[Line]]] = {
    "detail of a canister": lambda: detail_lines(view(sampled_at_ns=NOW_NS), NOW_NS, width=80),
    "reasons for a health": lambda: detail_lines(
        view(sampled_at_ns=None, health=Health("critical", (STOPPED,))), NOW_NS, width=80
    ),
    "chosen alert": lambda: alert_lines(ALERT, [], [], {}, NOW_NS),
    "what mutes it": lambda: alert_lines(replace(ALERT, since_ns=NOW_NS), [MUTE], [], {}, NOW_NS)[-1:],
    "what happened to alerts": lambda: event_lines([EVENT], {}),
    "steps of an operation": lambda: step_lines(SUMMARY, RECORDS),
    "journal": lambda: journal_lines(RECORDS),
    "messages": lambda: message_lines([MESSAGE]),
    "doctor": lambda: diagnosis_lines([("schedule", "warning", SAID, "")]),
    "audit log": lambda: audit_lines([{"ts": "2025-06-15T15:06:40.000000Z", "action": "ended"}]),
    "what became of an operation": lambda: one(Span(what_now(ROLLED_BACK))),
    "end of an operation": lambda: operation_lines("op", [], WAY_BACK),
    "failure": lambda: [
        (span,) for span in error_lines(LockedError("it is locked", why=SAID, next_step="Wait until then."))
    ],
    "restore points": lambda: list(
        restore_point_lines(replace(FOUND, points=(replace(FOUND.points[0], taken_at_ns=NOW_NS),)))
    ),
    "restore plan": lambda: restore_plan_lines(PLAN),
    "rollback plan": lambda: rollback_plan_lines(ROLLBACK_PLAN, plan_hash="ab" * 32, now_ns=NOW_NS),
    "side of a comparison": lambda: one(Span(side_text(SIDE))),
    "timer of a comparison": lambda: one(Span(timer_text(NOW_NS))),
}
MESSAGE = Message(1, "hook", "delivered", 1, NOW_NS, NOW_NS, "{}", "")
SIDE = Side("live", "live", "rune-engine", None, utc_datetime(NOW_NS))
_ANY_UTC = re.compile(r"[0-9]{2}:[0-9]{2}(:[0-9]{2})? ?(UTC|Z)\b")


def text_of(lines: Sequence[Line]) -> str:
    return "\n".join(plain(line) for line in lines)


@pytest.mark.parametrize("name", ON_THE_SCREEN)
def test_what_is_on_the_screen_is_told_in_local_time_with_its_offset(name: str, local: None) -> None:
    text = text_of(ON_THE_SCREEN[name]())
    assert re.search(r"[0-9]{2}:[0-9]{2}(:[0-9]{2})? \+0530", text), text
    assert not _ANY_UTC.search(text), text


@pytest.mark.parametrize("name", ON_THE_SCREEN)
def test_unless_asked_for_it_is_told_in_utc_and_says_so(name: str) -> None:
    text = text_of(ON_THE_SCREEN[name]())
    assert _ANY_UTC.search(text), text
    assert "+0530" not in text


def test_the_banner_says_the_zone_at_every_width(local: None) -> None:
    for width in (80, 120, 200):
        (line, *_) = banner_lines(
            fleet(view()), NOW_NS, Badges("local", production=False, read_only=False), width=width
        )
        assert plain(line).endswith("UTC+05:30")


def test_a_report_is_in_utc_whatever_the_screen_shows(local: None) -> None:
    text = operation_report(ROLLED_BACK, RECORDS, PLAN, "", {})
    assert "+0530" not in text
    assert text.count("2025-06-15 15:06:40 UTC") >= 4
    # and the screen goes on as it was
    assert zone.moment_text(NOW_NS) == HERE


@pytest.mark.parametrize(
    ("sentence", "told"),
    [
        ("until 2025-06-15 15:06:40 UTC.", "until 2025-06-15 20:36:40 +0530."),
        ("until 2025-06-15 15:06 UTC", "until 2025-06-15 20:36 +0530"),
        ("on 2025-06-15 at 20:06:40 UTC", "on 2025-06-16 at 01:36:40 +0530"),
        ("at 2025-06-15T15:06:40Z", "at 2025-06-15T20:36:40 +0530"),
        ("at 15:06:40 UTC", "at 20:36:40 +0530"),
        ("at 15:06 UTC, and at 15:07 UTC", "at 20:36 +0530, and at 20:37 +0530"),
        ("2025-06-15 15:06:40 UTC, last seen 15:06:41 UTC", "2025-06-15 20:36:40 +0530, last seen 20:36:41 +0530"),
        ("20250615T150640Z-restore", "20250615T150640Z-restore"),
        ("2025-99-99 15:06:40 UTC", "2025-99-99 15:06:40 UTC"),
        ("at 99:99 UTC", "at 99:99 UTC"),
        ("0001-01-01 00:00 UTC", "0001-01-01 00:00 UTC"),
        ("9999-12-31 23:59 UTC", "9999-12-31 23:59 UTC"),
        ("no time", "no time"),
    ],
)
def test_a_sentence_made_elsewhere_is_retold(sentence: str, told: str, local: None) -> None:
    assert zone.retold(sentence, NOW_NS) == told


def test_a_time_without_a_day_stays_where_nobody_knows_which_day(local: None) -> None:
    assert zone.retold("at 15:06:40 UTC") == "at 15:06:40 UTC"


def test_in_utc_nothing_is_retold() -> None:
    assert zone.retold("until 2025-06-15 15:06 UTC", NOW_NS) == "until 2025-06-15 15:06 UTC"


def test_an_aware_moment_of_any_zone_is_shown_in_the_shown_one(local: None) -> None:
    assert zone.datetime_text(datetime(2025, 6, 15, 15, 6, 40, tzinfo=UTC)) == HERE
    with zone.utc_only():
        assert zone.datetime_text(datetime(2025, 6, 15, 15, 6, 40, tzinfo=UTC)) == "2025-06-15 15:06:40 UTC"
        assert zone.zone_name(NOW_NS) == "UTC"


OF_THEIR_OWN = {
    "ages.py": "the definition",
    "cycles_export.py": "a file",
    "cycles_window.py": "in_zone",
    "cycles_words.py": "no moment",
    "drill.py": "a command",
    "fleet_logs.py": "shown_datetime",
    "history.py": "a command",
    "key_list.py": "a command",
    "lockdown.py": "a command",
    "operation_report.py": "a file",
    "prune_plan.py": "a command",
    "schedules.py": "a command",
    "snapshots.py": "a command",
    "zone.py": "the definition",
}
"""Which modules of `render` and `ui` may tell moments by themselves, and why the zone of the screen is no concern."""


def test_nothing_that_is_on_the_screen_tells_moments_by_itself() -> None:
    folders = (Path(next(iter(quri_console.render.__path__))), Path(next(iter(quri_console.ui.__path__))))
    found = {
        path.name
        for folder in folders
        for path in folder.rglob("*.py")
        if re.search(r"utc_text|strftime|:%[HYmbd]", path.read_text())
    }
    assert found <= set(OF_THEIR_OWN)
