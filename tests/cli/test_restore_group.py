"""`restore GROUP`: one plan and one confirmation for canisters that were stopped together."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from quri_console.ic.agent import Agent
from quri_console.ic.identity import load_identity
from tests.support.damaged_canister import NAME, Scene
from tests.support.operator_command import operator_on_fleet

GROUP = "farm"
CONFIRM = ("--confirm", f"local/{GROUP}")


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    async with operator_on_fleet(tmp_path) as operator:
        with operator.config.open("a") as config:
            config.write(f'\n[groups.{GROUP}]\ncanisters = ["{NAME}", "registry"]\n')
        identity = load_identity(tmp_path / "controller.pem")
        async with Agent(operator.net.url, root_key=operator.net.root_key, identity=identity) as agent:
            yield Scene(operator, agent)


async def test_a_group_is_restored_from_one_consistent_set_by_one_confirmation(scene: Scene) -> None:
    assert (await scene.operator("backup", NAME)).code == 0
    refused = await scene.operator("restore", GROUP, "--from", "latest", "--dry-run")
    assert refused.code == 14, refused.errors
    assert "as one cut" in refused.errors
    backup = await scene.operator("backup", NAME, "registry")
    assert backup.code == 0, backup.errors
    planned = await scene.operator("restore", GROUP, "--from", "latest", "--dry-run", "--json")
    assert planned.code == 0, planned.errors
    assert [member["name"] for member in planned.json()["plan"]["members"]] == [NAME, "registry"]
    good = await scene.digest()
    await scene.damage()
    for confirmation in ("local/registry", f"local/{NAME}"):
        refused = await scene.operator("restore", GROUP, "--from", "latest", "--confirm", confirmation)
        assert refused.code == 14, refused.errors
    restored = await scene.operator("restore", GROUP, "--from", "latest", *CONFIRM)
    assert restored.code == 0, restored.errors
    assert await scene.digest() == good


async def test_a_member_alone_is_warned_about_and_a_group_needs_from(scene: Scene) -> None:
    assert (await scene.operator("backup", NAME, "registry")).code == 0
    alone = await scene.operator("restore", NAME, "--from", "latest", "--dry-run")
    assert alone.code == 0, alone.errors
    assert "it will disagree with registry" in " ".join(alone.output.split())
    assert (await scene.operator("restore", GROUP)).code == 2
    assert (await scene.operator("restore", GROUP, "--from", "snapshot:latest")).code == 2
    assert (await scene.operator("restore", GROUP, "--from", "latest", "--to", "registry")).code == 2


async def test_a_group_plan_is_written_and_applied_only_while_no_member_has_moved_on(scene: Scene) -> None:
    assert (await scene.operator("backup", NAME, "registry")).code == 0
    path = scene.operator.folder / "plan.json"
    made = await scene.operator("restore", GROUP, "--from", "latest", "--plan-out", str(path))
    assert made.code == 0, made.errors
    assert (await scene.operator("restore", GROUP, "--apply", str(path), "--dry-run")).code == 0
    assert (await scene.operator("stop", "registry", "--confirm", "local/registry")).code == 0
    refused = await scene.operator("restore", GROUP, "--apply", str(path), *CONFIRM)
    assert refused.code == 14, refused.errors
    assert "status: running then, stopped now" in refused.errors
