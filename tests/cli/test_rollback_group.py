"""`rollback` of what was done to several canisters: one command takes all of it back."""

from __future__ import annotations

from pathlib import Path

from quri_console.ic.agent import Agent
from quri_console.ic.identity import load_identity
from tests.support.damaged_canister import CONFIRM, NAME, Scene
from tests.support.operator_command import operator_on_fleet

GROUP = "core"
CONFIRM_GROUP = ("--confirm", f"local/{GROUP}")


async def test_one_rollback_takes_the_restore_of_a_whole_group_back(tmp_path: Path) -> None:
    async with operator_on_fleet(tmp_path) as operator:
        with operator.config.open("a") as config:
            config.write(f'\n[groups.{GROUP}]\ncanisters = ["{NAME}", "registry"]\n')
        identity = load_identity(tmp_path / "controller.pem")
        async with Agent(operator.net.url, root_key=operator.net.root_key, identity=identity) as agent:
            await _there_and_back(Scene(operator, agent))


async def _there_and_back(scene: Scene) -> None:
    assert (await scene.operator("backup", NAME, "registry")).code == 0
    scene.good = await scene.digest()
    await scene.damage()
    restored = await scene.operator("restore", GROUP, "--from", "latest", *CONFIRM_GROUP)
    assert restored.code == 0, restored.errors
    assert await scene.digest() == scene.good
    restore = scene.console.follow("latest").id
    assert f"quri-console rollback {restore}" in restored.output
    planned = await scene.operator("rollback", restore, "--dry-run")
    assert f"{NAME}: stop" in planned.output
    assert "registry: load snapshot" in planned.output
    assert (await scene.operator("rollback", restore, *CONFIRM)).code == 14
    rolled = await scene.operator("rollback", restore, *CONFIRM_GROUP)
    assert rolled.code == 0, rolled.errors
    assert await scene.digest() == scene.bad
    assert f"{NAME} and registry have the state before {restore} again" in rolled.output
    again = await scene.operator("rollback", "latest", *CONFIRM_GROUP)
    assert again.code == 0, again.errors
    assert await scene.digest() == scene.good
