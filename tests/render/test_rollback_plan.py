"""A rollback's plan in lines."""

from __future__ import annotations

from dataclasses import replace

from quri_console.ic.encoding.principal import parse_principal
from quri_console.render.rollback_plan import rollback_plan_lines
from quri_console.render.spans import plain
from quri_console.restore.plan import LiveState, Step
from quri_console.restore.rollback import RollbackMember, RollbackPlan
from tests.support.fleets import NOW_NS, RUNE, SECOND

MEMBER = RollbackMember(
    canister=parse_principal(RUNE),
    name="rune\x1b",
    snapshot_id=bytes(8),
    module_hash=None,
    taken_at_ns=NOW_NS - 60 * SECOND,
    heap_bytes=1 << 20,
    live=LiveState(0, "running", None, 1, 0, 0, 0, (), ()),
    steps=(Step("stop", 2_000_000, True), Step("take a safety snapshot of the present state", 3_000_000_000, True)),
)
PLAN = RollbackPlan(
    network="local",
    name="rune\x1b",
    operation="20250615T150640Z-restore-0001",
    members=(MEMBER,),
    stop_timeout_seconds=60,
    production=False,
    kept_until_ns=NOW_NS,
)


def _text(plan: RollbackPlan) -> str:
    return "\n".join(plain(line) for line in rollback_plan_lines(plan, plan_hash="ab" * 32, now_ns=NOW_NS))


def test_it_says_what_comes_back_what_it_replaces_and_in_which_steps() -> None:
    text = _text(PLAN)
    assert text.startswith("Roll rune\\e on local back\n")
    for part in (
        "the state before 20250615T150640Z-restore-0001",
        "its safety snapshot, 1 m old, taken 2025-06-15 15:05:40 UTC",
        "whatever was written in the last 1 m",
        f"{RUNE}, running",
        "1 MiB of heap, 0 B of stable memory",
        "plan      abababababababab",
        "  1. stop  ≈ 2 M\n  2. take a safety snapshot",
        "bill      ≈ 3 B cycles",
        "kept until 2025-06-15 15:06:40 UTC",
    ):
        assert part in text


def test_production_is_told_in_the_title() -> None:
    assert "PRODUCTION" not in _text(PLAN)
    assert _text(replace(PLAN, production=True)).splitlines()[0].endswith("PRODUCTION")


def test_a_group_names_each_canister_and_does_each_step_for_all_of_them_before_the_next() -> None:
    other = replace(MEMBER, name="registry")
    text = _text(replace(PLAN, name="core", members=(MEMBER, other)))
    assert text.startswith("Roll core on local back")
    steps = [line.split(". ", 1)[1] for line in text.splitlines() if line.strip()[:2] in ("1.", "2.", "3.", "4.")]
    assert [step.partition(" ≈")[0].rstrip() for step in steps] == [
        "rune\\e: stop",
        "registry: stop",
        "rune\\e: take a safety snapshot of the present state",
        "registry: take a safety snapshot of the present state",
    ]
