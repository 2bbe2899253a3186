"""The audit log tells the balance before and after every operation on a canister, where somebody could see it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest_asyncio

from quri_console.ic.encoding.principal import Principal
from quri_console.ic.management import change
from quri_console.ic.management.types import SettingsChange
from quri_console.ic.prepared import perform
from quri_console.localnet.faults import FaultRule, RejectCall
from tests.support.damaged_canister import CANISTER, CONFIRM, NAME, Scene, damaged_canister

STRANGER = Principal(b"\x07" * 10 + b"\x02")


@pytest_asyncio.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    async with damaged_canister(tmp_path) as opened:
        yield opened


async def end(scene: Scene) -> dict[str, Any]:
    """The newest event that tells how an operation ended."""
    events = (await scene.operator("audit", "show", "--json")).json()["events"]
    ended: dict[str, Any] = next(event for event in reversed(events) if event["action"] == "ended")
    return ended


def cycles(event: dict[str, Any]) -> tuple[int, int]:
    return int(event["cycles"]["before"]), int(event["cycles"]["after"])


async def test_a_backup_a_restore_and_its_rollback_cost_something(scene: Scene) -> None:
    told = [await end(scene)]
    for arguments in (("restore", NAME, "--from", "latest", *CONFIRM), ("rollback", "latest", *CONFIRM)):
        done = await scene.operator(*arguments)
        assert done.code == 0, done.errors
        told.append(await end(scene))
    assert [event["kind"] for event in told] == ["backup", "restore", "rollback"]
    balances = [cycles(event) for event in told]
    assert all(before > after for before, after in balances)
    assert balances[0][1] >= balances[1][0]
    assert balances[1][1] >= balances[2][0]


async def test_a_start_is_told_with_its_balances_and_a_failure_as_well(scene: Scene) -> None:
    assert (await scene.operator("stop", NAME, *CONFIRM)).code == 0
    before, after = cycles(await end(scene))
    assert before >= after > 0
    scene.operator.net.faults.add(FaultRule(RejectCall("IC0207"), method="load_canister_snapshot"))
    failed = await scene.operator("restore", NAME, "--from", "latest", *CONFIRM)
    assert failed.code == 1, failed.errors
    ended = await end(scene)
    assert ended["kind"] == "restore"
    before, after = cycles(ended)
    assert before > after > 0


async def test_what_nobody_may_see_is_not_invented(scene: Scene) -> None:
    """Anybody may top a canister up; only its controllers see what came of it."""
    await perform(scene.agent, change.update_settings(CANISTER, SettingsChange(controllers=(STRANGER,))))
    done = await scene.operator("topup", NAME, "1T")
    assert done.code == 0, done.errors
    ended = await end(scene)
    assert ended["kind"] == "top-up"
    assert "cycles" not in ended


async def test_a_top_up_is_seen_in_the_balances(scene: Scene) -> None:
    assert (await scene.operator("topup", NAME, "1T")).code == 0
    before, after = cycles(await end(scene))
    assert 0.9 * 10**12 < after - before <= 10**12
