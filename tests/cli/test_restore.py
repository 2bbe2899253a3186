from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from quri_console.effects.replay import left_stopped
from quri_console.localnet.canister import RunState
from quri_console.localnet.faults import Delay, FaultRule
from tests.support.damaged_canister import CONFIRM, NAME, Scene, damaged_canister
from tests.support.runners import kill_runner


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    async with damaged_canister(tmp_path) as opened:
        yield opened


async def test_dry_run_restore_read_back_roll_back(scene: Scene) -> None:
    planned = await scene.operator("restore", NAME, "--from", "latest", "--dry-run")
    assert planned.code == 0, planned.errors
    assert "Dry run: nothing was changed." in planned.output
    assert await scene.digest() == scene.bad
    restored = await scene.operator("restore", NAME, "--from", "latest", *CONFIRM, "--reason", "INC-42")
    assert restored.code == 0, restored.errors
    assert await scene.digest() == scene.good
    assert f"quri-console rollback {scene.console.follow('latest').id}" in restored.output
    operation = scene.console.follow("latest").id
    rolled = await scene.operator("rollback", operation, *CONFIRM, "--json")
    assert rolled.code == 0, rolled.errors
    assert await scene.digest() == scene.bad
    again = await scene.operator("rollback", "latest", *CONFIRM)
    assert again.code == 0, again.errors
    assert await scene.digest() == scene.good
    assert scene.on_network.run_state is RunState.RUNNING
    # the one that the backup left there, and the safety snapshot of the last exchange
    assert len(scene.on_network.snapshots) == 2


async def test_one_that_was_stopped_stays_so_and_every_word_says_so_and_what_starts_it(scene: Scene) -> None:
    assert (await scene.operator("stop", NAME, *CONFIRM, "--reason", "INC-42")).code == 0
    planned = await scene.operator("restore", NAME, "--from", "latest", "--dry-run")
    steps = planned.output.partition("\nSteps\n")[2].partition("\nChecks\n")[0]
    assert ". checks " in steps
    assert (". stop " in steps, "start" in steps) == (False, False)
    assert f"stays stopped: quri-console start {NAME} starts it" in planned.output
    for arguments in (("restore", NAME, "--from", "latest"), ("rollback", "latest")):
        ended = await scene.operator(*arguments, *CONFIRM)
        assert ended.code == 0, ended.errors
        assert f"  It is stopped now.\n  To start it: quri-console start {NAME}\n" in ended.output
        assert ": start" not in ended.errors, "a phase that there was not"
    assert scene.on_network.run_state is RunState.STOPPED
    assert (await scene.operator("start", NAME)).code == 0
    assert scene.on_network.run_state is RunState.RUNNING


async def test_operations_are_listed_and_shown(scene: Scene) -> None:
    await scene.operator("restore", NAME, "--from", "latest", *CONFIRM, "--reason", "INC-42")
    listed = (await scene.operator("operations", "list", "--json")).json()["operations"]
    assert [(item["kind"], item["state"]) for item in listed] == [("restore", "done"), ("backup", "done")]
    assert listed[0]["reason"] == "INC-42"
    assert f"rollback {listed[0]['id']}" in (await scene.operator("operations", "list")).output
    shown = await scene.operator("operations", "show", "latest", "--json")
    assert shown.json()["safety_snapshots"] == [shown.json()["outcome"]["result"]["safety_snapshot"]]
    assert "envelope" not in shown.output
    assert "loads snapshot" in (await scene.operator("operations", "show", "latest")).output
    assert (await scene.operator("operations", "show", "nothing")).code == 2
    assert (await scene.operator("operations", "abort", "latest")).code == 14
    assert (await scene.operator("operations", "resume", "latest")).code == 14


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("restore", NAME, "--from", "latest"), 2),
        (("restore", NAME, "--from", "latest", "--confirm", ""), 2),
        (("restore", NAME), 2),
        (("restore", "nobody", "--from", "latest", "--confirm", "local/nobody"), 2),
        (("restore", NAME, "--from", "latest", "--stop-timeout", "1h", *CONFIRM), 2),
        (("restore", NAME, "--from", "20200101T000000Z", *CONFIRM), 10),
        (("restore", "registry", "--from", "latest", "--confirm", "local/registry"), 10),
        (("restore", NAME, "--from", "latest", "--confirm", "local/registry"), 14),
        (("--read-only", "restore", NAME, "--from", "latest", *CONFIRM), 14),
        (("--read-only", "rollback", "latest", *CONFIRM), 14),
        (("rollback", "latest", *CONFIRM), 14),
        (("rollback", "nothing", *CONFIRM), 2),
    ],
)
async def test_refusals_change_nothing(scene: Scene, arguments: tuple[str, ...], code: int) -> None:
    made = scene.on_network.snapshots_made
    refused = await scene.operator(*arguments)
    assert refused.code == code, refused.errors
    assert await scene.digest() == scene.bad
    assert scene.on_network.snapshots_made == made
    assert len(scene.console.operations()) == 1


async def test_production_needs_force_and_the_typed_name(scene: Scene) -> None:
    scene.operator.edit("production = false", "production = true")
    for arguments in (CONFIRM, ("--force", "--confirm", "local/registry")):
        refused = await scene.operator("restore", NAME, "--from", "latest", *arguments)
        assert refused.code == 14, refused.errors
    assert await scene.digest() == scene.bad
    assert (await scene.operator("restore", NAME, "--from", "latest", "--dry-run")).code == 0
    allowed = await scene.operator("restore", NAME, "--from", "latest", "--force", *CONFIRM)
    assert allowed.code == 0, allowed.errors
    refused = await scene.operator("rollback", "latest", *CONFIRM)
    assert refused.code == 14
    assert await scene.digest() == scene.good


async def test_a_plan_is_also_json(scene: Scene) -> None:
    planned = await scene.operator("restore", NAME, "--from", "latest", "--dry-run", "--json")
    document = json.loads(planned.output)
    assert document["feasible"] is True
    assert document["plan"]["name"] == NAME
    assert len(document["hash"]) == 64


async def test_the_restore_goes_on_when_the_command_is_killed(scene: Scene) -> None:
    scene.operator.net.faults.add(FaultRule(Delay(1), method="load_canister_snapshot"))
    operation = await scene.started("load", "restore", NAME, "--from", "latest", *CONFIRM)
    outcome = await scene.console.follow(operation).wait()
    assert outcome.ok, outcome
    assert await scene.digest() == scene.good


@pytest.mark.parametrize(
    ("phase", "method"),
    [
        ("upload", "upload_canister_snapshot_data"),
        ("stop", "stop_canister"),
        ("safety snapshot", "take_canister_snapshot"),
        ("load", "load_canister_snapshot"),
        ("start", "start_canister"),
        ("clean up", "delete_canister_snapshot"),
    ],
)
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
async def test_a_restore_whose_runner_is_killed_leaves_the_canister_running_and_is_resumed(
    scene: Scene, phase: str, method: str, after: bool
) -> None:
    rule = scene.operator.net.faults.add(FaultRule(Delay(1, after=after), method=method))
    operation = await scene.started(phase, "restore", NAME, "--from", "latest", *CONFIRM)
    while not rule.applied:
        await scene.agent.status()
    handle = scene.console.follow(operation)
    kill_runner(handle.directory)
    outcome = await handle.wait()
    assert outcome.exit_code == 1
    assert "operations resume" in outcome.next_step
    assert handle.summary().state == "interrupted"
    while scene.on_network.run_state is not RunState.RUNNING:  # nothing is run again: the guard does it
        await scene.agent.status()
    resumed = await scene.operator("operations", "resume", operation)
    assert resumed.code == 0, resumed.errors
    assert await scene.digest() == scene.good
    assert scene.on_network.run_state is RunState.RUNNING
    assert left_stopped(handle.journal()) == ()
    rolled = await scene.operator("rollback", operation, *CONFIRM)
    assert rolled.code == 0, rolled.errors
    assert await scene.digest() == scene.bad


async def test_an_aborted_restore_leaves_the_old_state_running(scene: Scene) -> None:
    rule = scene.operator.net.faults.add(FaultRule(Delay(1), method="take_canister_snapshot"))
    operation = await scene.started("safety snapshot", "restore", NAME, "--from", "latest", *CONFIRM)
    while not rule.applied:
        await scene.agent.status()
    aborted = await scene.operator("operations", "abort", operation)
    assert aborted.code == 130, aborted.errors
    assert await scene.digest() == scene.bad
    assert scene.on_network.run_state is RunState.RUNNING
    assert scene.console.follow(operation).summary().state == "aborted"


async def test_a_restore_can_wait_before_anything_is_stopped(scene: Scene) -> None:
    for verb, code, digest in (("abort", 130, scene.bad), ("continue", 0, scene.good)):
        operation = await scene.started("paused", "restore", NAME, "--from", "latest", *CONFIRM, "--pause")
        assert scene.on_network.run_state is RunState.RUNNING
        assert not any(record.fields.get("effect") == "stop" for record in scene.console.follow(operation).journal())
        ended = await scene.operator("operations", verb, operation)
        assert ended.code == code, ended.errors
        assert await scene.digest() == digest
    assert (await scene.operator("operations", "continue", "latest")).code == 14


async def test_one_that_died_while_it_waited_goes_on_when_it_is_resumed(scene: Scene) -> None:
    operation = await scene.started("paused", "restore", NAME, "--from", "latest", *CONFIRM, "--pause")
    kill_runner(scene.console.follow(operation).directory)
    assert (await scene.operator("operations", "resume", operation)).code == 0
    assert await scene.digest() == scene.good


async def test_a_failed_health_query_can_bring_the_state_before_back_at_once(scene: Scene) -> None:
    scene.operator.edit('health_query = "health"', "")
    with scene.operator.config.open("a") as file:
        file.write(f'\n[[canisters.{NAME}.health]]\nmethod = "digest"\nexpect = "(0 : nat64)"\n')
    restored = await scene.operator("restore", NAME, "--from", "latest", *CONFIRM, "--rollback-if-unhealthy")
    assert restored.code == 1, restored.output
    assert "(0 : nat64)" in restored.errors
    assert await scene.digest() == scene.bad
    assert scene.on_network.run_state is RunState.RUNNING


async def test_what_a_dead_runner_left_stopped_is_brought_back_by_the_next_command_and_can_be_aborted(
    scene: Scene,
) -> None:
    rule = scene.operator.net.faults.add(FaultRule(Delay(1), method="take_canister_snapshot"))
    operation = await scene.started("safety snapshot", "restore", NAME, "--from", "latest", *CONFIRM)
    while not rule.applied:
        await scene.agent.status()
    handle = scene.console.follow(operation)
    kill_runner(handle.directory)
    await handle.wait()
    listed = await scene.operator("operations", "list")
    assert f"operations resume {operation}" in listed.output
    assert scene.on_network.run_state is RunState.RUNNING
    aborted = await scene.operator("operations", "abort", operation)
    assert aborted.code == 130, aborted.errors
    assert await scene.digest() == scene.bad
    assert scene.on_network.run_state is RunState.RUNNING
    assert left_stopped(handle.journal()) == ()
    restored = await scene.operator("restore", NAME, "--from", "latest", *CONFIRM)
    assert restored.code == 0, restored.errors
    assert await scene.digest() == scene.good


async def test_a_second_operation_on_the_canister_is_refused(scene: Scene) -> None:
    rule = scene.operator.net.faults.add(FaultRule(Delay(2), method="take_canister_snapshot"))
    operation = await scene.started("safety snapshot", "restore", NAME, "--from", "latest", *CONFIRM)
    while not rule.applied:
        await scene.agent.status()
    second = await scene.operator("restore", NAME, "--from", "latest", *CONFIRM)
    assert second.code == 11, second.errors
    assert operation in second.errors
    assert (await scene.console.follow(operation).wait()).ok


async def test_the_key_is_nowhere_but_in_its_file(scene: Scene) -> None:
    await scene.operator("restore", NAME, "--from", "latest", *CONFIRM)
    secret = (scene.operator.folder / "controller.pem").read_bytes().splitlines()[1]
    folder = scene.console.follow("latest").directory
    assert not [path for path in folder.iterdir() if secret in path.read_bytes()]
    assert all(path.stat().st_mode & 0o077 == 0 for path in folder.iterdir())
