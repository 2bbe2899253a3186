from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from quri_console.ic.encoding.principal import Principal
from quri_console.ic.management import change
from quri_console.ic.management.read import canister_status
from quri_console.ic.management.types import CanisterStatus, SettingsChange
from quri_console.ic.prepared import perform
from quri_console.localnet.demo_fleet import FLEET
from tests.support.damaged_canister import CANISTER, CONFIRM, NAME, Scene, damaged_canister

OTHER = Principal(b"\x07" * 10 + b"\x02")


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    async with damaged_canister(tmp_path) as opened:
        yield opened


async def _status(scene: Scene) -> CanisterStatus:
    return await canister_status(scene.agent, CANISTER)


async def test_lost_controllers_and_limits_come_back_and_go_again_by_rollback(scene: Scene) -> None:
    before = (await _status(scene)).settings
    mine = scene.agent.identity.sender
    damage = SettingsChange(controllers=(mine, OTHER), freezing_threshold=40 * 86_400, compute_allocation=0)
    await perform(scene.agent, change.update_settings(CANISTER, damage))
    damaged = (await _status(scene)).settings
    planned = await scene.operator("restore", NAME, "--from", "latest", "--only", "settings", "--dry-run")
    assert planned.code == 0, planned.errors
    assert "freezing threshold: 40 d" in planned.output
    assert OTHER.to_str() in planned.output
    done = await scene.operator("restore", NAME, "--from", "latest", "--only", "settings", *CONFIRM, "--json")
    assert done.code == 0, done.errors
    assert (await _status(scene)).settings == before
    # what was written since the backup is still there
    assert await scene.digest() == scene.bad
    assert done.json()["undo"] == f"quri-console rollback {done.json()['operation']}"
    undone = await scene.operator("rollback", done.json()["operation"], *CONFIRM)
    assert undone.code == 0, undone.errors
    assert (await _status(scene)).settings == damaged


async def test_a_wrong_module_over_good_data_is_put_right_and_can_be_taken_back(scene: Scene) -> None:
    good = (await _status(scene)).module_hash
    wrong = scene.on_network.module + b"\x00\x05\x04evil"  # a custom section: another module, the same code
    if scene.on_network.module[:3] == b"\x1f\x8b\x08":
        import gzip

        wrong = gzip.compress(gzip.decompress(scene.on_network.module) + b"\x00\x05\x04evil")
    keep = scene.on_network.instance is not None and any(
        "enhanced-orthogonal-persistence" in name for name in scene.on_network.instance.metadata
    )
    await perform(scene.agent, change.install_code(CANISTER, "upgrade", wrong, keep_main_memory=keep))
    assert (await _status(scene)).module_hash != good
    data = await scene.digest()
    told = await scene.operator("restore", NAME, "--from", "latest", "--only", "module", "--dry-run")
    assert told.code == 0, told.errors
    assert "Its interface stays the same." in told.output
    done = await scene.operator("restore", NAME, "--from", "latest", "--only", "module", *CONFIRM, "--json")
    assert done.code == 0, done.errors
    status = await _status(scene)
    assert status.module_hash == good
    assert status.status == "running"
    assert await scene.digest() == data
    undone = await scene.operator("rollback", done.json()["operation"], *CONFIRM)
    assert undone.code == 0, undone.errors
    assert (await _status(scene)).module_hash != good


async def test_a_changed_interface_is_shown_before_the_module_is_put_back(scene: Scene) -> None:
    other = next(item for item in FLEET if item.name == "registry")
    await perform(scene.agent, change.install_code(CANISTER, "reinstall", other.module))
    planned = await scene.operator("restore", NAME, "--from", "latest", "--only", "module", "--dry-run")
    assert "Its interface changes (clients of the present interface BREAK)" in planned.output
    assert "methods go" in planned.output


async def test_nothing_to_put_back_is_refused_and_says_so(scene: Scene) -> None:
    refused = await scene.operator("restore", NAME, "--from", "latest", "--only", "settings", *CONFIRM)
    assert refused.code == 14, refused.errors
    assert "There is nothing to change" in refused.errors
    unconfirmed = await scene.operator("restore", NAME, "--from", "latest", "--only", "module")
    assert unconfirmed.code == 2


async def test_a_snapshot_on_chain_is_no_source_of_settings(scene: Scene) -> None:
    refused = await scene.operator("restore", NAME, "--from", "snapshot:00", "--only", "settings", *CONFIRM)
    assert refused.code == 2
    assert "come from a backup" in refused.errors
