"""A plan in a file: it comes back as it was, for its owner alone, and any edit is seen."""

from __future__ import annotations

import json
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from quri_console.clock import NANOSECONDS_PER_SECOND
from quri_console.config.model import HealthCheck
from quri_console.errors import RefusedBySafetyRule, UsageError
from quri_console.ic.management.types import SettingsChange
from quri_console.restore.group_plan import GroupPlan
from quri_console.restore.moved_on import moved_on, require_unmoved
from quri_console.restore.plan_file import expiring, read_plan_file, require_not_expired, write_plan_file
from tests.render.test_restore_plan import LIVE, PLAN
from tests.support.fleets import NOW_NS

RICH = replace(
    PLAN,
    health_checks=(HealthCheck("health", '(record { a = 1 : nat;\n b = "é\u202e" })', timeout_seconds=2.5),),
    settings=SettingsChange(reserved_cycles_limit=10**20),
)


def group() -> GroupPlan:
    return GroupPlan("local", False, bytes(32), "all", NOW_NS, (RICH, PLAN))


@pytest.mark.parametrize("plan", [PLAN, RICH, group()], ids=["plain", "rich", "group"])
def test_a_plan_comes_back_as_it_was_written(tmp_path: Path, plan: object) -> None:
    path = tmp_path / "plan.json"
    timed = expiring(plan, 60)  # type: ignore[arg-type]
    write_plan_file(path, timed)
    read = read_plan_file(path)
    assert read.plan == timed
    assert read.hash == timed.hash
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.read_bytes().isascii()


@pytest.mark.parametrize(
    "edit",
    [
        lambda text: text.replace('"safety_snapshot":true', '"safety_snapshot":false'),
        lambda text: text.replace('"stop_timeout_seconds":60', '"stop_timeout_seconds":61'),
        lambda text: text.replace('"plan":{', '"plan":{"more":1,'),
        lambda text: text.replace('"expires_at":"2', '"expires_at":"3'),
        lambda text: f" {json.dumps(json.loads(text))}",
    ],
)
def test_an_edited_plan_is_refused(tmp_path: Path, edit: object) -> None:
    path = tmp_path / "plan.json"
    write_plan_file(path, expiring(PLAN, 60))
    text = edit(path.read_text())  # type: ignore[operator]
    assert text != path.read_text()
    path.write_text(text)
    with pytest.raises(RefusedBySafetyRule, match="was edited"):
        read_plan_file(path)


@pytest.mark.parametrize("text", ["", "{}", "[]", "null", '{"format": "quri-console restore plan 1"}', "\x00"])
def test_what_is_no_plan_is_a_usage_error(tmp_path: Path, text: str) -> None:
    path = tmp_path / "plan.json"
    path.write_text(text)
    with pytest.raises(UsageError, match="no plan"):
        read_plan_file(path)


def test_a_plan_that_is_not_there_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no plan at"):
        read_plan_file(tmp_path / "plan.json")


def test_a_plan_holds_until_its_end_and_not_longer(tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    write_plan_file(path, expiring(PLAN, 60))
    file, end = read_plan_file(path), PLAN.made_at_ns + 60 * NANOSECONDS_PER_SECOND
    require_not_expired(file, end)
    with pytest.raises(RefusedBySafetyRule, match="has expired"):
        require_not_expired(file, end + 1)


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (LIVE, ()),
        (replace(LIVE, cycles=5, version=9, taken_at_ns=0), ()),
        (replace(LIVE, status="stopped"), ("status: running then, stopped now",)),
        (replace(LIVE, module_hash=None), ("module: 0000000000000000… then, none now",)),
        (replace(LIVE, snapshots=(b"\x01",)), ("snapshots: none then, 01 now",)),
        (replace(LIVE, heap_bytes=1 << 20), ()),
        (replace(LIVE, heap_bytes=1 << 30), ("heap: 0 B then, 1 GiB now",)),
    ],
)
def test_what_moved_on_is_named_and_what_moves_by_itself_is_not(found: object, words: tuple[str, ...]) -> None:
    assert moved_on(replace(LIVE, heap_bytes=0), found) == words  # type: ignore[arg-type]


def test_a_plan_whose_safety_snapshot_was_edited_away_is_not_believed() -> None:
    require_unmoved(PLAN, PLAN)
    with pytest.raises(RefusedBySafetyRule) as refusal:
        require_unmoved(replace(PLAN, safety_snapshot=False), PLAN)
    assert "safety snapshot" in refusal.value.why
