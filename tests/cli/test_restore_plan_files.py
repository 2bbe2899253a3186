"""`restore --plan-out` and `--apply`: what was read is what is carried out, and only while nothing has moved on."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from quri_console.localnet.canister import RunState
from tests.support.damaged_canister import CANISTER, CONFIRM, NAME, Scene, damaged_canister


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    async with damaged_canister(tmp_path) as opened:
        yield opened


async def written(scene: Scene, *arguments: str) -> Path:
    path = scene.operator.folder / "plan.json"
    made = await scene.operator("restore", NAME, *arguments, "--plan-out", str(path))
    assert made.code == 0, made.errors
    assert f"quri-console restore {NAME} --apply {path}" in made.output
    return path


async def test_a_written_plan_is_carried_out_as_it_was_confirmed(scene: Scene) -> None:
    path = await written(scene, "--from", "latest")
    assert path.stat().st_mode & 0o077 == 0
    assert await scene.digest() == scene.bad
    planned = await scene.operator("restore", NAME, "--apply", str(path), "--dry-run", "--json")
    assert planned.code == 0, planned.errors
    applied = await scene.operator("restore", NAME, "--apply", str(path), *CONFIRM)
    assert applied.code == 0, applied.errors
    assert await scene.digest() == scene.good
    request = scene.console.follow("latest").request
    assert request.plan_hash == planned.json()["hash"]
    again = await scene.operator("restore", NAME, "--apply", str(path), *CONFIRM)
    assert again.code == 14, again.errors
    assert "snapshots: " in again.errors


async def test_a_canister_that_was_stopped_since_is_named_with_the_difference(scene: Scene) -> None:
    path = await written(scene, "--from", "snapshot:latest")
    scene.on_network.run_state = RunState.STOPPED
    refused = await scene.operator("restore", NAME, "--apply", str(path), *CONFIRM)
    assert refused.code == 14, refused.errors
    assert "status: running then, stopped now" in refused.errors


async def test_a_plan_is_applied_to_its_own_canister_only(scene: Scene) -> None:
    path = await written(scene, "--from", "latest")
    refused = await scene.operator("restore", "registry", "--apply", str(path), "--confirm", "local/registry")
    assert refused.code == 14, refused.errors
    assert f"restore {NAME} --apply" in refused.errors
    by_id = await scene.operator("restore", CANISTER.to_str(), "--apply", str(path), "--dry-run")
    assert by_id.code == 0, by_id.errors


async def test_a_name_that_means_another_canister_here_is_not_taken_for_the_planned_one(scene: Scene) -> None:
    path = await written(scene, "--from", "latest")
    registry = scene.console.config.canister("registry").id
    scene.operator.edit(f'id = "{CANISTER.to_str()}"', 'id = "aaaaa-aa"')
    scene.operator.edit(f'id = "{registry}"', f'id = "{CANISTER.to_str()}"')
    scene.operator.edit('id = "aaaaa-aa"', f'id = "{registry}"')
    refused = await scene.operator("restore", NAME, "--apply", str(path), *CONFIRM)
    assert refused.code == 14, refused.errors
    assert f"another canister called {NAME}" in refused.errors
    assert f"means {CANISTER.to_str()}" in " ".join(refused.errors.split())
    assert await scene.digest() == scene.bad


@pytest.mark.parametrize(
    "wish",
    [
        ("--to", "registry"),
        ("--max-cycles", "0"),
        ("--max-downtime", "1s"),
        ("--with-settings",),
        ("--read-back", "all"),
        ("--stop-timeout", "5s"),
    ],
)
async def test_a_wish_that_the_plan_would_not_follow_is_refused(scene: Scene, wish: tuple[str, ...]) -> None:
    path = scene.operator.folder / "plan.json"
    refused = await scene.operator("restore", NAME, "--apply", str(path), *wish, *CONFIRM)
    assert refused.code == 2, refused.errors
    assert f"leave {wish[0]} out" in refused.errors
