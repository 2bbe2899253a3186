"""The switch itself: what cannot be read counts as on, and it holds on a full disk, too."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from quri_console.effects.audit_log import AUDIT_FOLDER, read_events
from quri_console.effects.gate import Intention, ReasonRule, admit, check_wanted, require_reason
from quri_console.effects.lockdown import (
    LOCKDOWN_NAME,
    InLockdown,
    Lockdown,
    end_lockdown,
    put_lockdown,
    read_lockdown,
    require_no_lockdown,
)
from quri_console.errors import ExitCode, RefusedBySafetyRule
from tests.support.privileges import small_disk

LOCKDOWN = Lockdown("INC-42", 1_750_000_000_000_000_000, "ops@host")


def test_it_is_on_until_it_is_ended(tmp_path: Path) -> None:
    assert read_lockdown(tmp_path) is None
    put_lockdown(tmp_path / "state", LOCKDOWN)
    assert read_lockdown(tmp_path / "state") == LOCKDOWN
    assert (tmp_path / "state" / LOCKDOWN_NAME).stat().st_mode & 0o777 == 0o600
    assert end_lockdown(tmp_path / "state") == LOCKDOWN
    assert read_lockdown(tmp_path / "state") is None
    assert end_lockdown(tmp_path / "state") is None


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"reason":"x"}', '{"reason":"x","since_ns":"y","by":"z"}'])
def test_a_damaged_file_counts_as_on(tmp_path: Path, text: str) -> None:
    (tmp_path / LOCKDOWN_NAME).write_text(text)
    with pytest.raises(InLockdown, match="lockdown is on") as refusal:
        require_no_lockdown(tmp_path, "restore")
    assert "counts as on" in refusal.value.why


def test_a_file_that_cannot_be_read_counts_as_on(tmp_path: Path) -> None:
    (tmp_path / LOCKDOWN_NAME).mkdir()
    assert read_lockdown(tmp_path) is not None


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small disk needs root")
def test_it_holds_on_a_full_disk(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 1 << 16) as disk:
        free = os.statvfs(disk).f_bavail * os.statvfs(disk).f_frsize
        (disk / "filler").write_bytes(bytes(free))
        put_lockdown(disk, LOCKDOWN)
        assert read_lockdown(disk) is not None
        assert {path.name for path in disk.iterdir()} == {"filler", LOCKDOWN_NAME}


@pytest.mark.parametrize("kind", ["backup", "restore", "rollback", "start", "stop", "top-up", "settings", "create"])
def test_the_gate_lets_nothing_through_but_what_brings_back(tmp_path: Path, kind: str) -> None:
    put_lockdown(tmp_path, LOCKDOWN)
    wanted = Intention(
        kind,  # type: ignore[arg-type]
        "local",
        production=False,
        read_only=False,
        canister="pig",
        confirmation="local/pig",
        state_folder=tmp_path,
    )
    for refused in (lambda: check_wanted(wanted), lambda: admit(wanted, b"root key")):
        with pytest.raises(InLockdown, match="lockdown is on") as refusal:
            refused()
        assert refusal.value.exit_code == ExitCode.REFUSED
        assert "lockdown off" in refusal.value.next_step
    refusals = list(read_events(tmp_path / AUDIT_FOLDER))
    assert [(event["action"], event["kind"], event["target"]) for event in refusals] == [("refused", kind, "pig")] * 2
    back = Intention(
        kind,  # type: ignore[arg-type]
        "local",
        production=False,
        read_only=False,
        canister="pig",
        confirmation="local/pig",
        state_folder=tmp_path,
        bringing_back=True,
    )
    assert admit(back, b"root key").kind == kind


@pytest.mark.parametrize(
    ("rule", "reason", "passes"),
    [
        (ReasonRule(), None, True),
        (ReasonRule(required=True), None, False),
        (ReasonRule(required=True), "  ", False),
        (ReasonRule(required=True), "because", True),
        (ReasonRule(required=True, pattern=r"INC-\d+"), "because", False),
        (ReasonRule(required=True, pattern=r"INC-\d+"), "see INC-42", True),
        (ReasonRule(pattern=r"INC-\d+"), None, False),
    ],
)
def test_a_reason_is_wanted_where_the_configuration_says_so(rule: ReasonRule, reason: str | None, passes: bool) -> None:
    if passes:
        require_reason("restore", "ic", rule, reason)
        return
    with pytest.raises(RefusedBySafetyRule, match="ic wants a reason") as refusal:
        require_reason("restore", "ic", rule, reason)
    assert "--reason" in refusal.value.next_step
