"""`snapshots`: whose each one is, what it costs, and deleting only what is not needed any more."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from quri_console.effects.operation_files import OUTCOME
from quri_console.effects.operation_summary import SAFETY_KEPT_DAYS
from quri_console.ic.management import snapshot_change
from quri_console.ic.prepared import perform
from tests.support.damaged_canister import CANISTER, CONFIRM, NAME, Scene, damaged_canister

DAY_NS = 86_400 * 10**9


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    async with damaged_canister(tmp_path) as opened:
        restored = await opened.operator("restore", NAME, "--from", "latest", *CONFIRM)
        assert restored.code == 0, restored.errors
        yield opened


def _restored_days_ago(scene: Scene, days: int) -> str:
    """Put the end of the restore into the past; its name."""
    handle = scene.console.follow("latest")
    path = handle.directory / OUTCOME
    fields = json.loads(path.read_text())
    fields["finished_at_ns"] -= days * DAY_NS
    path.write_text(json.dumps(fields))
    return handle.id


async def _owners(scene: Scene) -> dict[str, str]:
    document = (await scene.operator("snapshots", NAME, "--json")).json()
    return {item["id"]: item["owner"] for item in document["canisters"][0]["snapshots"]}


async def test_each_snapshot_is_listed_with_age_size_cost_and_owner(scene: Scene) -> None:
    restore = scene.console.follow("latest").id
    listed = await scene.operator("snapshots")
    assert listed.code == 0, listed.errors
    assert f"{NAME}  2 of 10 slots" in listed.output
    assert f"safety snapshot of {restore}," in listed.output
    assert "kept by 20" in listed.output
    assert " a day" in listed.output
    assert sorted((await _owners(scene)).values()) == ["backup", "safety"]
    document = (await scene.operator("snapshots", "list", NAME, "--json")).json()
    safety = next(item for item in document["canisters"][0]["snapshots"] if item["owner"] == "safety")
    assert safety["kept_until_ns"] - safety["taken_at_ns"] == pytest.approx(SAFETY_KEPT_DAYS * DAY_NS, rel=0.01)
    assert safety["operation"] == restore
    assert safety["expired"] is False


async def test_cleaning_deletes_what_is_over_and_nothing_else(scene: Scene) -> None:
    nothing = await scene.operator("snapshots", "clean", *CONFIRM)
    assert (nothing.code, nothing.output) == (0, "Nothing to clean: every snapshot of ours is still needed.\n")
    restore = _restored_days_ago(scene, SAFETY_KEPT_DAYS + 1)
    dry = await scene.operator("snapshots", "clean", "--dry-run")
    assert dry.code == 0, dry.errors
    assert f"safety snapshot of {restore}" in dry.output
    assert len(scene.on_network.snapshots) == 2
    assert (await scene.operator("snapshots", "clean")).code == 2
    assert (await scene.operator("snapshots", "clean", "--confirm", "local/registry")).code == 14
    assert (await scene.operator("--read-only", "snapshots", "clean", *CONFIRM)).code == 14
    assert len(scene.on_network.snapshots) == 2
    cleaned = await scene.operator("snapshots", "clean", *CONFIRM, "--json")
    assert cleaned.code == 0, cleaned.errors
    assert list((await _owners(scene)).values()) == ["backup"]
    assert (await scene.operator("rollback", restore, *CONFIRM)).code == 14


async def test_one_snapshot_is_deleted_by_the_beginning_of_its_id(scene: Scene) -> None:
    safety = next(item for item, owner in (await _owners(scene)).items() if owner == "safety")
    planned = await scene.operator("snapshots", "delete", NAME, safety, "--dry-run")
    assert "That operation can then not be rolled back any more." in planned.output
    assert len(scene.on_network.snapshots) == 2
    assert (await scene.operator("snapshots", "delete", NAME, "", *CONFIRM)).code == 14
    assert (await scene.operator("snapshots", "delete", NAME, "0000", *CONFIRM)).code == 14
    assert len(scene.on_network.snapshots) == 2
    deleted = await scene.operator("snapshots", "delete", NAME, safety[:16], *CONFIRM)
    assert deleted.code == 0, deleted.errors
    assert list((await _owners(scene)).values()) == ["backup"]


async def test_a_snapshot_that_nobody_here_made_is_told_and_never_cleaned(scene: Scene) -> None:
    theirs = await perform(scene.agent, snapshot_change.take_canister_snapshot(CANISTER))
    listed = await scene.operator("snapshots", NAME)
    assert "not made by any operation known here" in listed.output
    _restored_days_ago(scene, SAFETY_KEPT_DAYS + 1)
    assert (await scene.operator("snapshots", "clean", *CONFIRM)).code == 0
    assert theirs.id in scene.on_network.snapshots
