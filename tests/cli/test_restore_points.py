"""`restore` without --from: what there is to restore from, and nothing is done."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from quri_console.history import History, Sample
from quri_console.ic.encoding.principal import parse_principal
from quri_console.localnet.canister import RunState
from quri_console.localnet.demo_fleet import FLEET
from quri_console.localnet.faults import Delay, FaultRule
from tests.support.damaged_canister import CANISTER, CONFIRM, NAME, Scene, damaged_canister
from tests.support.runners import kill_runner

REGISTRY = next(item.id for item in FLEET if item.name == "registry")


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    async with damaged_canister(tmp_path) as opened:
        yield opened


async def test_without_from_the_points_are_shown_and_the_command_says_what_to_add(scene: Scene) -> None:
    name = scene.operator.backups()[-1]
    (identifier,) = scene.on_network.snapshots
    shown = await scene.operator("restore", NAME)
    assert shown.code == 2, shown.errors
    assert f"--from {name}" in shown.output
    assert f"--from snapshot:{identifier.hex()}  recommended" in shown.output
    assert "What helps, least destructive first" in shown.output
    assert f"Add --from snapshot:{identifier.hex()} --dry-run" in shown.errors
    looked = await scene.operator("--read-only", "restore", NAME, "--dry-run")
    assert looked.code == 0, looked.errors
    document = (await scene.operator("restore", NAME, "--json")).json()
    assert document["recommended"] == f"snapshot:{identifier.hex()}"
    assert [point["kind"] for point in document["points"]] == ["snapshot", "backup"]
    assert document["points"][1]["fits"] is True
    assert {remedy["name"] for remedy in document["remedies"]} >= {"snapshot", "backup"}
    assert await scene.digest() == scene.bad


async def test_what_a_restore_replaced_is_never_recommended(scene: Scene) -> None:
    restored = await scene.operator("restore", NAME, "--from", "latest", *CONFIRM)
    assert restored.code == 0, restored.errors
    points = (await scene.operator("restore", NAME, "--json")).json()["points"]
    newest = points[0]
    assert newest["kind"] == "snapshot"
    assert newest["replaced"] is True
    assert newest["recommended"] is False
    assert "safety snapshot" in newest["note"]


async def test_an_upload_that_was_cut_off_is_never_recommended_nor_meant_by_latest(scene: Scene) -> None:
    kept = set(scene.on_network.snapshots)
    scene.operator.net.faults.add(FaultRule(Delay(60), method="upload_canister_snapshot_data"))
    operation = await scene.started("upload", "restore", NAME, "--from", "latest", *CONFIRM)
    handle = scene.console.follow(operation)
    kill_runner(handle.directory)
    await handle.wait()
    scene.operator.net.faults.clear()
    (cut_off,) = set(scene.on_network.snapshots) - kept
    found = (await scene.operator("restore", NAME, "--json")).json()
    (point,) = [point for point in found["points"] if point["from"] == f"snapshot:{cut_off.hex()}"]
    assert point["replaced"] is True
    assert "perhaps not whole" in point["note"]
    (identifier,) = kept
    assert found["recommended"] == f"snapshot:{identifier.hex()}"
    planned = await scene.operator("restore", NAME, "--from", "snapshot:latest", "--dry-run", "--json")
    assert planned.json()["plan"]["source"]["snapshot_id"] == identifier.hex()
    scene.on_network.snapshots.pop(identifier)
    refused = await scene.operator("restore", NAME, "--from", "snapshot:latest", *CONFIRM)
    assert refused.code == 14, refused.errors
    assert "no snapshot on chain that `latest` could mean" in " ".join(refused.errors.split())


async def test_with_snapshot_the_plan_compares_pages_and_latest_stays_what_it_meant(scene: Scene) -> None:
    first = scene.operator.backups()[-1]
    before = set(scene.on_network.snapshots)
    planned = await scene.operator("restore", NAME, "--from", "latest", "--with-snapshot", "--dry-run", "--json")
    assert planned.code == 0, planned.errors
    plan = planned.json()["plan"]
    assert plan["source"]["label"] == f"{first}/{NAME}"
    assert plan["newest_copy"]["label"] == f"{scene.operator.backups()[-1]}/{NAME}" != plan["source"]["label"]
    assert any("pages changed" in change for change in plan["newest_copy"]["changes"])
    assert before < set(scene.on_network.snapshots), "what is kept on chain made room for it"
    document = (await scene.operator("restore", NAME, "--json")).json()
    present = [point for point in document["points"] if point["taken_at"] > document["points"][-1]["taken_at"]]
    assert all(point["replaced"] for point in present)
    assert await scene.digest() == scene.bad


async def test_with_snapshot_on_production_needs_what_a_backup_needs(scene: Scene) -> None:
    scene.operator.edit("production = false", "production = true")
    arguments = ("restore", NAME, "--from", "latest", "--with-snapshot", "--dry-run")
    made = scene.on_network.snapshots_made
    assert (await scene.operator(*arguments)).code == 14
    assert (await scene.operator(*arguments, "--force")).code == 14
    assert scene.on_network.snapshots_made == made
    allowed = await scene.operator(*arguments, "--force", *CONFIRM)
    assert allowed.code == 0, allowed.errors


async def test_a_canister_that_cannot_be_looked_at_hides_no_backup(scene: Scene) -> None:
    canister = scene.on_network
    canister.settings = dataclasses.replace(canister.settings, controllers=(b"\x04",))
    document = (await scene.operator("restore", NAME, "--json")).json()
    assert [point["kind"] for point in document["points"]] == ["backup"]
    assert "could not be looked at" in document["notes"][0]


async def test_a_snapshot_on_chain_is_restored_without_an_upload(scene: Scene) -> None:
    made = scene.on_network.snapshots_made
    restored = await scene.operator("restore", NAME, "--from", "snapshot:latest", *CONFIRM, "--json")
    assert restored.code == 0, restored.errors
    assert restored.json()["result"]["sent_bytes"] == 0
    assert await scene.digest() == scene.good
    assert scene.on_network.snapshots_made > made, "no safety snapshot was taken"


@pytest.mark.parametrize("source", ["latest", "snapshot:latest"])
async def test_a_clone_becomes_a_copy_and_is_left_stopped(scene: Scene, source: str) -> None:
    target = scene.operator.net.network.subnet.get(parse_principal(REGISTRY).bytes)
    cloned = await scene.operator("restore", NAME, "--from", source, "--to", "registry", "--confirm", "local/registry")
    assert cloned.code == 0, cloned.errors
    assert target.run_state is RunState.STOPPED
    assert target.module_hash == scene.on_network.module_hash
    assert await scene.digest() == scene.bad


async def test_only_the_module_is_a_remedy_of_its_own(scene: Scene) -> None:
    planned = await scene.operator("restore", NAME, "--from", "latest", "--only", "module", "--dry-run", "--json")
    assert planned.code == 0, planned.errors
    assert planned.json()["plan"]["kind"] == "module"
    settings = await scene.operator("restore", NAME, "--from", "latest", "--only", "settings", "--dry-run", "--json")
    assert settings.json()["plan"]["kind"] == "settings"


async def test_what_the_history_saw_burn_makes_a_top_up_the_first_remedy(scene: Scene) -> None:
    console = scene.console
    now_ns = console.clock.now_ns()
    balance = scene.on_network.cycles
    async with await History.open(console.config.paths.history) as history:
        seen = [
            Sample(
                str(CANISTER),
                now_ns - hours * 3_600_000_000_000,
                origin="query",
                status="running",
                cycles=balance + hours * balance // 96,
                idle_burn_per_day=10**8,
            )
            for hours in range(24, 0, -1)
        ]
        await history.add_samples("local", seen)
    remedies = (await scene.operator("restore", NAME, "--json")).json()["remedies"]
    assert remedies[0]["name"] == "top-up"
    assert "as it burns of late" in remedies[0]["why"]
    assert remedies[0]["recommended"] is True
