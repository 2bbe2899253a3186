"""What a plan looks at before: each check fails for its own reason and says what to do."""

from __future__ import annotations

from dataclasses import replace

import pytest

from quri_console.effects.lockdown import Lockdown
from quri_console.errors import ExitCode
from quri_console.ic.management.types import SettingsChange
from quri_console.restore.bill import Balance
from quri_console.restore.preflight import checks
from quri_console.restore.preflight_facts import Facts
from tests.support.backups import CONTROLLER, REGISTRY, RUNE_ENGINE
from tests.support.compared_states import MadeState

STATUS = MadeState().status()
SOUND = Facts(
    sender=CONTROLLER,
    status=STATUS,
    snapshots=0,
    balances=(Balance("load", 10**12, 10**11),),
    backup_root_key_hash=bytes(32),
    root_key_hash=bytes(32),
    backup_label="20250124T020000Z/rune-engine",
    globals_known=True,
    lock_holder=None,
    subnet=REGISTRY,
    free_bytes=1 << 30,
)


def settings(**changes: object) -> Facts:
    changed = replace(STATUS, settings=replace(STATUS.settings, **changes))  # type: ignore[arg-type]
    return replace(SOUND, status=changed, most_added_bytes=1 << 20)


@pytest.mark.parametrize(
    ("facts", "name", "words", "code"),
    [
        (replace(SOUND, sender=REGISTRY), "controller", "add this principal", 15),
        (replace(SOUND, source_controllers=(REGISTRY,)), "controller of the source", "add this principal", 15),
        (replace(SOUND, root_key_hash=b"x"), "network", "--from-other-network", 14),
        (replace(SOUND, source_subnet=RUNE_ENGINE), "subnet", "from a backup of that canister", 14),
        (replace(SOUND, ahead_seconds=61.0), "clock", "NTP", 14),
        (replace(SOUND, ahead_seconds=-61.0), "clock", "NTP", 14),
        (replace(SOUND, globals_known=False), "globals", "another backup", 14),
        (replace(SOUND, status=replace(STATUS, status="stopping")), "state", "wait until it has stopped", 14),
        (replace(SOUND, snapshots=9), "snapshot slots", "Delete a snapshot", 14),
        (replace(SOUND, snapshots=10, on_chain=True), "snapshot slots", "Delete a snapshot", 14),
        (replace(SOUND, balances=(Balance("load", 1, 2),)), "cycles", "Top the canister up", 14),
        (replace(SOUND, cycles=2, max_cycles=1), "cost cap", "--max-cycles", 14),
        (replace(SOUND, downtime_high_seconds=9, max_downtime_seconds=8), "downtime cap", "--max-downtime", 14),
        (settings(memory_allocation=1 << 20), "memory allocation", "raise it to", 14),
        (replace(SOUND, free_bytes=1 << 20), "local disk", "[paths]", 14),
        (replace(SOUND, lockdown=Lockdown("drill", 0, "me@here")), "lockdown", "lockdown off", 14),
        (replace(SOUND, lock_holder="operation x"), "other operations", "operations list", 11),
        (replace(SOUND, settings_wanted=True, settings_known=False), "settings", "--with-settings", 14),
        (
            replace(SOUND, settings_wanted=True, settings=SettingsChange(controllers=(REGISTRY,))),
            "settings",
            "--with-settings",
            14,
        ),
    ],
)
def test_one_thing_that_is_wrong_fails_one_check_that_says_what_to_do(
    facts: Facts, name: str, words: str, code: int
) -> None:
    (failed,) = (check for check in checks(facts) if not check.passed)
    assert (failed.name, failed.exit_code) == (name, code)
    assert words in failed.next_step


@pytest.mark.parametrize(
    "facts",
    [
        SOUND,
        replace(SOUND, root_key_hash=b"x", from_other_network=True),
        replace(SOUND, source_subnet=REGISTRY, source_controllers=(CONTROLLER,)),
        replace(SOUND, snapshots=9, on_chain=True),
        replace(SOUND, snapshots=9, safety=False),
        replace(SOUND, cycles=1, max_cycles=1, downtime_high_seconds=8, max_downtime_seconds=8),
        settings(memory_allocation=1 << 40),
        replace(SOUND, ahead_seconds=60.0),
        replace(SOUND, settings_wanted=True, settings=SettingsChange(freezing_threshold=9)),
    ],
)
def test_what_is_allowed_passes_every_check(facts: Facts) -> None:
    assert [check for check in checks(facts) if not check.passed] == []


def test_a_full_reserve_stands_in_the_way_of_more_memory() -> None:
    facts = settings(reserved_cycles_limit=5)
    full = replace(facts, status=replace(facts.status, reserved_cycles=5))
    (failed,) = (check for check in checks(full) if not check.passed)
    assert failed.name == "reserved cycles"
    assert failed.exit_code == ExitCode.REFUSED


def test_another_network_is_named_although_it_is_allowed() -> None:
    found = checks(replace(SOUND, root_key_hash=b"x", from_other_network=True))
    assert any(check.name == "network" and "another network" in check.found for check in found)
