"""A restore's plan: the age of the backup and the loss first, a failed check before every detail."""

from __future__ import annotations

from dataclasses import replace

import pytest

from quri_console.ic.encoding.principal import parse_principal
from quri_console.render.restore_plan import restore_plan_lines
from quri_console.render.spans import plain, wrap_lines
from quri_console.restore.plan import Check, Difference, LiveState, NotCompared, RestorePlan, Source, Step
from tests.support.fleets import NOW_NS, RUNE, SECOND

HOUR_NS = 3600 * SECOND
SOURCE = Source("/b", "20250615T000000Z/rune-engine", NOW_NS - 5 * HOUR_NS, "stop", bytes(32), bytes(32), 9, 8, 1)
LIVE = LiveState(NOW_NS, "running", bytes(32), 3, 10**12, 10**11, 4096, (), ())
STOPPED = replace(LIVE, status="stopped")
PLAN = RestorePlan(
    network="local",
    production=False,
    root_key_hash=bytes(32),
    canister=parse_principal(RUNE),
    name="rune-engine",
    made_at_ns=NOW_NS,
    source=SOURCE,
    live=LIVE,
    differences=(Difference("heap", "1 MiB", "2 MiB", True), Difference("controller", "–", "evil\x1b", False)),
    not_coming_back=("Everything written since the backup: 5 h of it.",),
    steps=(Step("upload", 2 * 10**9), Step("load", 10**6, stopped=True)),
    balances=(),
    storage_cycles_per_day=10**8,
    downtime_seconds=2,
    duration_seconds=90,
    checks=(Check("network", True, "the same"),),
    safety_snapshot=True,
    send_hook_status=True,
    stop_timeout_seconds=60,
)
FAILED = Check("snapshot slots", False, "10 of 10 used, 2 needed", "Delete one.")


def shown(plan: RestorePlan, *, titled: bool = True) -> str:
    return "\n".join(plain(line) for line in restore_plan_lines(plan, titled=titled))


def test_the_backups_age_and_the_loss_come_before_everything_else() -> None:
    first, second = shown(PLAN, titled=False).splitlines()[:2]
    assert "5 h old, taken 2025-06-15" in first
    assert "whatever was written in the last 5 h" in second


@pytest.mark.parametrize(
    ("plan", "words"),
    [
        (PLAN, "checks    1 passed"),
        (replace(PLAN, checks=PLAN.checks * 2), "checks    all 2 passed"),
        (replace(PLAN, not_compared=(NotCompared("Memory: no\x1b.", "diff a b"),)), "Memory: no\\e.\n    diff a b\n"),
        (PLAN, "down for ≈ 2 s"),
        (replace(PLAN, downtime_seconds=0), "no downtime"),
        (PLAN, "running; afterwards as it is now"),
        (replace(PLAN, live=STOPPED), "stopped; stays stopped: quri-console start rune-engine starts it"),
        (replace(PLAN, live=STOPPED, start_after=True), "stopped; started afterwards"),
        (replace(PLAN, live=STOPPED, start_after=False), "stays stopped: quri-console start rune-engine starts it"),
        (replace(PLAN, start_after=False), "running; left stopped: quri-console start rune-engine starts it"),
        (PLAN, "way back  a safety snapshot"),
        (replace(PLAN, safety_snapshot=False), "way back  none"),
        (PLAN, "heap: 1 MiB → 2 MiB  (comes back)"),
        (PLAN, "controller: – → evil\\e  (stays as it is now)"),
        (PLAN, "2. load  ≈ 1 M cycles  down"),
        (replace(PLAN, production=True), " PRODUCTION "),
        (PLAN, "burns ≈ 100 M cycles a day"),
    ],
)
def test_the_plan_says(plan: RestorePlan, words: str) -> None:
    assert words in shown(plan)


def test_a_failed_check_stands_above_the_details_with_its_advice() -> None:
    text = shown(replace(PLAN, checks=(*PLAN.checks, FAILED)))
    assert text.index("1 of 2 FAILED") < text.index("10 of 10 used") < text.index("Delete one.") < text.index("Steps")


def test_at_80_columns_nothing_is_cut_off() -> None:
    long = replace(PLAN, not_coming_back=("word " * 60,))
    assert all(len(plain(line)) <= 76 for line in wrap_lines(restore_plan_lines(long), 76))
