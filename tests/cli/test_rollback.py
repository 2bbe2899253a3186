"""`rollback` and `operations list`: what is offered, what a second attempt is told, and what a finished one says."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from quri_console.localnet.canister import RunState
from quri_console.restore.plan import plan_hash
from tests.support.damaged_canister import CANISTER, CONFIRM, NAME, Scene, damaged_canister


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    async with damaged_canister(tmp_path) as opened:
        restored = await opened.operator("restore", NAME, "--from", "latest", *CONFIRM)
        assert restored.code == 0, restored.errors
        yield opened


async def test_a_rollback_is_offered_once_and_then_told(scene: Scene) -> None:
    restore = scene.console.follow("latest").id
    listed = await scene.operator("operations", "list")
    assert f"to undo it: quri-console rollback {restore}" in listed.output
    rolled = await scene.operator("rollback", restore, *CONFIRM)
    assert rolled.code == 0, rolled.errors
    rollback = scene.console.follow("latest").id
    listed = await scene.operator("operations", "list")
    assert f"rolled back by {rollback}, 20" in listed.output
    assert f"quri-console rollback {restore}" not in listed.output
    assert max(map(len, listed.output.splitlines())) <= 80
    shown = (await scene.operator("operations", "show", restore)).output
    assert f"rolled back by {rollback}, 20" in shown
    document = (await scene.operator("operations", "list", "--json")).json()["operations"]
    assert [(item["id"], item["undo"]) for item in document[:2]] == [
        (rollback, f"quri-console rollback {rollback}"),
        (restore, None),
    ]
    assert document[1]["rolled_back"]["by"] == rollback


async def test_a_second_rollback_is_told_of_the_first(scene: Scene) -> None:
    restore = scene.console.follow("latest").id
    assert (await scene.operator("rollback", restore, *CONFIRM)).code == 0
    rollback = scene.console.follow("latest").id
    made = scene.on_network.snapshots_made
    for arguments in ((*CONFIRM,), ("--dry-run",), ("--dry-run", "--json")):
        second = await scene.operator("rollback", restore, *arguments)
        assert second.code == 14
        assert f"{restore} was already rolled back, by {rollback} on 20" in second.errors
        assert f"quri-console rollback {rollback} --dry-run" in second.errors
        assert "somebody deleted it" not in second.errors
    assert scene.on_network.snapshots_made == made
    assert await scene.digest() == scene.bad


async def test_a_dry_run_shows_the_rollback_and_does_nothing(scene: Scene) -> None:
    restore = scene.console.follow("latest").id
    made = scene.on_network.snapshots_made
    planned = await scene.operator("--read-only", "rollback", restore, "--dry-run")
    assert planned.code == 0, planned.errors
    assert f"to        the state before {restore}" in planned.output
    assert "2. take a safety snapshot of the present state" in planned.output
    assert "Dry run: nothing was changed." in planned.output
    document = (await scene.operator("rollback", restore, "--dry-run", "--json")).json()
    assert document["plan"]["operation"] == restore
    assert document["feasible"] is True
    assert len(document["hash"]) == 64
    assert document["steps"][0] == "stop"
    assert document["plan"]["members"][0]["steps"][0]["cycles"] > 0
    assert "bill      ≈ " in planned.output
    assert await scene.digest() == scene.good
    assert scene.on_network.snapshots_made == made
    assert scene.console.follow("latest").id == restore


async def test_a_finished_rollback_says_what_is_now_and_how_to_undo_it(scene: Scene) -> None:
    restore = scene.console.follow("latest").id
    rolled = await scene.operator("rollback", restore, *CONFIRM)
    rollback = scene.console.follow("latest").id
    assert f"{NAME} has the state before {restore} again" in rolled.output
    assert "It is running now." in rolled.output
    assert f"To undo it: quri-console rollback {rollback}" in rolled.output
    assert "kept on chain until you roll back or delete it" in rolled.output
    assert f"quri-console snapshots delete {NAME} " in rolled.output
    assert "`quri-console snapshots clean` deletes it after 20" in rolled.output
    assert "kept until" in (await scene.operator("operations", "show", rollback)).output


async def test_a_snapshot_that_somebody_did_delete_is_named_with_its_canister(scene: Scene) -> None:
    scene.on_network.snapshots.clear()
    refused = await scene.operator("rollback", "latest", *CONFIRM)
    assert refused.code == 14
    assert f"of {NAME} ({CANISTER.to_str()}) is not on chain any more" in refused.errors
    assert f"quri-console restore {NAME} --from BACKUP --dry-run" in refused.errors


async def test_what_was_confirmed_is_what_is_rolled_back_or_nothing(scene: Scene) -> None:
    shown = await scene.console.plan_rollback("latest")
    scene.on_network.run_state = RunState.STOPPED
    handle = await scene.console.start_rollback(shown.operation, confirmation=CONFIRM[1], shown=shown)
    assert handle.request.plan_hash == plan_hash(shown)
    outcome = await handle.wait()
    assert outcome.exit_code == 14, outcome
    assert "has changed since the plan was made" in outcome.what
    scene.on_network.run_state = RunState.RUNNING
    assert await scene.digest() == scene.good


async def test_a_restore_that_was_undone_at_once_is_not_rolled_back_over_what_came_since(scene: Scene) -> None:
    scene.operator.edit('health_query = "health"', "")
    with scene.operator.config.open("a") as file:
        file.write(f'\n[[canisters.{NAME}.health]]\nmethod = "digest"\nexpect = "(0 : nat64)"\n')
    undone = await scene.operator("restore", NAME, "--from", "latest", *CONFIRM, "--rollback-if-unhealthy")
    assert undone.code == 1, undone.output
    await scene.damage()
    refused = await scene.operator("rollback", "latest", *CONFIRM)
    assert refused.code == 14, refused.errors
    assert "there is nothing to roll back" in " ".join(refused.errors.split())
    assert await scene.digest() == scene.bad
