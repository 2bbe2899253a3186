"""A rollback's plan in lines."""

from __future__ import annotations

from quri_console.ic.encoding.principal import parse_principal
from quri_console.render.rollback_plan import rollback_plan_lines
from quri_console.render.spans import plain
from quri_console.restore.rollback import RollbackPlan
from tests.support.fleets import NOW_NS, RUNE, SECOND

PLAN = RollbackPlan(
    network="local",
    canister=parse_principal(RUNE),
    name="rune\x1b",
    operation="20250615T150640Z-restore-0001",
    snapshot_id=bytes(8),
    taken_at_ns=NOW_NS - 60 * SECOND,
    heap_bytes=1 << 20,
    stable_bytes=0,
    module_hash=None,
    status="running",
    stop_timeout_seconds=60,
    health_query=None,
)


def test_it_says_what_comes_back_what_it_replaces_and_in_which_steps() -> None:
    text = "\n".join(plain(line) for line in rollback_plan_lines(PLAN, plan_hash="ab" * 32, now_ns=NOW_NS))
    assert text.startswith("Roll rune\\e on local back\n")
    for part in (
        "the state before 20250615T150640Z-restore-0001",
        "its safety snapshot, 1 m old, taken 2025-06-15 15:05:40 UTC",
        "whatever was written in the last 1 m",
        f"{RUNE}, running",
        "1 MiB of heap, 0 B of stable memory",
        "plan      abababababababab",
        "  1. stop\n  2. take a safety snapshot",
    ):
        assert part in text
