"""What a restore's plan says of a comparison."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import pytest

from quri_console.backup.canister_facts import CanisterFacts, facts_of_live
from quri_console.backup.compare import compare_facts
from quri_console.backup.comparison import Side
from quri_console.restore.bill import charges_of_restore
from quri_console.restore.plan import Difference
from quri_console.restore.remedy_module import upgrade_charges
from quri_console.restore.words import becomes_a_clone, differences, named, not_coming_back, not_compared
from tests.support.backups import AT, CONTROLLER, REGISTRY, RUNE_ENGINE
from tests.support.compared_states import NAME, MadeState

BACKUP = Side("backup", "20250124T020000Z/rune-engine", NAME, RUNE_ENGINE, AT)
LIVE = Side("live", "live:rune-engine", NAME, RUNE_ENGINE, AT)
STATE = MadeState()
KNOWN = CanisterFacts(BACKUP).with_snapshot(STATE.metadata).with_status(STATE.status())


def test_only_cycles_are_told_of_an_unchanged_canister() -> None:
    comparison = compare_facts(KNOWN, facts_of_live(LIVE, STATE.status()))
    assert differences(comparison) == (Difference("cycles", "3 T", "3 T", False),)


def test_what_comes_back_is_told_apart_from_what_stays() -> None:
    before = STATE.status()
    settings = replace(before.settings, controllers=(REGISTRY,), freezing_threshold=604_800)
    live = facts_of_live(LIVE, replace(before, module_hash=None, cycles=5, settings=settings))
    found = differences(compare_facts(KNOWN, replace(live, heap_bytes=0)))
    assert found == (
        Difference("module", f"{STATE.module_hash.hex()[:16]}…", "none", True),
        Difference("heap", "192 KiB", "0 B", True),
        Difference("freezing threshold", "2592000", "604800", False),
        Difference("controller", "–", REGISTRY.to_str(), False),
        Difference("controller", CONTROLLER.to_str(), "–", False),
        Difference("cycles", "3 T", "5", False),
    )
    comparison = compare_facts(KNOWN, live)
    sentences = not_coming_back(comparison, before, age_ns=0, timer=None, hook_sent=True)
    assert any(sentence.startswith("Settings and controllers") for sentence in sentences)


def test_what_a_backup_without_status_does_not_tell_is_no_difference() -> None:
    imported = CanisterFacts(BACKUP, module_hash=STATE.module_hash).with_snapshot(STATE.metadata)
    found = differences(compare_facts(imported, facts_of_live(LIVE, STATE.status(cycles=5))))
    assert found == (Difference("cycles", "–", "5", False),)


def test_memory_is_never_compared_by_a_plan_which_says_how_to() -> None:
    (memory,) = not_compared(compare_facts(KNOWN, facts_of_live(LIVE, STATE.status())), production=False)
    assert memory.text.startswith("Memory: only its sizes")
    assert memory.command == f"quri-console diff {BACKUP.label} live --take-snapshot"


def test_on_production_a_backup_is_taken_first_because_diff_takes_no_snapshot_there() -> None:
    (memory,) = not_compared(compare_facts(KNOWN, facts_of_live(LIVE, STATE.status())), production=True)
    assert f"quri-console backup {NAME} --mode hot" in memory.text
    assert memory.command == f"quri-console diff {BACKUP.label} latest"


def test_settings_that_an_imported_backup_does_not_have_are_not_called_equal() -> None:
    imported = CanisterFacts(BACKUP, module_hash=STATE.module_hash).with_snapshot(STATE.metadata)
    found = not_compared(compare_facts(imported, facts_of_live(LIVE, STATE.status())), production=False)
    assert [part.text.partition(":")[0] for part in found] == ["Memory", "Settings and controllers"]


@pytest.mark.parametrize(
    ("status", "starts", "restored", "upgraded"),
    [
        ("running", True, ("stop", "checks and start"), ("stop", "start")),
        ("stopped", False, ("checks",), ()),
        ("stopped", True, ("checks and start",), ()),
        ("running", False, ("stop", "checks"), ("stop", "start")),
    ],
)
def test_a_plan_lists_a_stop_and_a_start_only_where_there_is_one(
    status: Literal["running", "stopped"], starts: bool, restored: tuple[str, ...], upgraded: tuple[str, ...]
) -> None:
    present = replace(STATE.status(), status=status)
    steps = [charge.step for charge in charges_of_restore(present, 1 << 20, None, safety=True, starts=starts)]
    assert tuple(step for step in steps if step.startswith(("stop", "checks"))) == restored
    # an upgrade gives every canister the status back that it had
    steps = [charge.step for charge in upgrade_charges(present, 1 << 20)]
    assert tuple(step for step in steps if step in ("stop", "start")) == upgraded


def test_a_clone_that_is_left_stopped_is_told_with_the_command_that_starts_it() -> None:
    assert "quri-console start pig." in becomes_a_clone("pig", "rune-engine", start=False)
    assert "quri-console start" not in becomes_a_clone("pig", "rune-engine", start=True)


def test_a_canister_is_named_with_its_id_in_brackets() -> None:
    assert named(NAME, RUNE_ENGINE) == f"{NAME} ({RUNE_ENGINE.to_str()})"
