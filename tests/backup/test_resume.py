from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from quri_console.backup.browse import list_backups, list_unfinished
from quri_console.backup.capture import back_up
from quri_console.backup.directory import SetWriter
from quri_console.backup.resume import SET_RESERVED, tidy_up
from quri_console.clock import SystemClock
from quri_console.ic.management import snapshot_change
from quri_console.ic.management.read import list_canister_snapshots
from quri_console.ic.prepared import perform
from tests.support.guinea_pig import Laboratory, laboratory


@pytest.fixture
async def lab(tmp_path: Path) -> AsyncIterator[Laboratory]:
    async with laboratory(tmp_path) as opened:
        yield opened


async def test_a_killed_backup_leaves_neither_half_a_set_nor_a_snapshot_of_its_own(lab: Laboratory) -> None:
    canister = await lab.create()
    theirs = await perform(lab.agent, snapshot_change.take_canister_snapshot(canister))
    # what a runner has written down when it is killed during the download
    writer = await SetWriter.reserve(lab.repository, SystemClock())
    lab.effects.journal.append(SET_RESERVED, path=str(writer.path.with_name(writer.name)))
    (writer.add_folder("pig") / "status.toml").write_text("half")
    await lab.effects.take_snapshot(canister)
    assert await tidy_up(lab.effects) is None
    assert list_unfinished(lab.repository) == ()
    assert [item.id for item in await list_canister_snapshots(lab.agent, canister)] == [theirs.id]


async def test_a_set_that_was_committed_before_the_kill_is_kept(lab: Laboratory) -> None:
    canister = await lab.create()
    result = await back_up(lab.request((canister, "pig")), lab.effects, clock=SystemClock(), progress=lab.progress)
    await lab.effects.take_snapshot(canister)
    assert await tidy_up(lab.effects) == result.path
    assert len(list_backups(lab.repository)) == 1
    assert await list_canister_snapshots(lab.agent, canister) == ()
