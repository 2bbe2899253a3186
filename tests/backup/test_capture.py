from __future__ import annotations

import asyncio
import hashlib
import os
import random
import subprocess
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest

from quri_console.backup.backup_set import BackupFailed
from quri_console.backup.browse import open_backup
from quri_console.backup.capture import back_up
from quri_console.backup.download import SnapshotGone
from quri_console.backup.plan import read_status
from quri_console.backup.target import BackupTarget
from quri_console.clock import SystemClock
from quri_console.effects.stop import StopTimedOut
from quri_console.errors import Cancelled, CorruptionError, ExitCode, NotAuthorised, RefusedBySafetyRule
from quri_console.ic.agent import Agent, Rejected
from quri_console.ic.encoding.principal import Principal
from quri_console.ic.management import change, snapshot_change
from quri_console.ic.management.read import list_canister_snapshots
from quri_console.ic.management.types import CanisterStatus, Global
from quri_console.ic.prepared import perform
from quri_console.localnet.faults import DropAfter, DropBefore, FaultRule, Refuse, Truncate
from quri_console.localnet.management import Invocation
from quri_console.localnet.messages import ErrorCode, Rejection, Reply
from quri_console.repository.chunk_writer import ChunkWriter
from quri_console.repository.files import DiskFull, StorageFailed
from tests.support.guinea_pig import Laboratory, heap, laboratory, module, read_back, stable_memory

CLOCK = SystemClock()


@pytest.fixture
async def lab(tmp_path: Path) -> AsyncIterator[Laboratory]:
    async with laboratory(tmp_path) as opened:
        yield opened


def committed(lab: Laboratory) -> tuple[str, ...]:
    return lab.store().set_names()


def unfinished(lab: Laboratory) -> tuple[str, ...]:
    return lab.store().unfinished_names()


async def _untouched(lab: Laboratory, canister: Principal, status: str = "running") -> None:
    """Nothing that could be taken for a backup, no snapshot of ours, the status as before."""
    assert not committed(lab)
    assert not unfinished(lab)
    assert await list_canister_snapshots(lab.agent, canister) == ()
    assert (await lab.status(canister)).status == status


async def test_the_whole_state_is_stored_bit_for_bit(lab: Laboratory) -> None:
    canister = await lab.create()
    before = await lab.status(canister)
    await lab.back_up((canister, "pig"))
    stored = lab.stored()
    assert read_back(stored) == {"wasm_module": module(), "wasm_memory": heap(), "stable_memory": stable_memory()}
    assert stored.metadata.certified_data == b"certified"
    assert stored.status is not None
    assert stored.status.settings == before.settings
    assert stored.module_hash == hashlib.sha256(module()).digest() == before.module_hash
    assert stored.entry.state_bytes == len(module()) + len(heap()) + len(stable_memory())


async def test_every_kind_of_global_is_written_exactly(lab: Laboratory) -> None:
    canister = await lab.create()
    await lab.back_up((canister, "pig"))
    found = lab.stored().metadata.globals
    assert found[:2] == (Global("i32", -5), Global("i64", (1 << 63) - 1))
    assert found[3:5] == (Global("f64", -0.0), Global("v128", 3 + (16 << 96)))
    assert found[2] is not None
    assert found[2].value != found[2].value  # NaN


async def test_the_chunk_store_is_captured(lab: Laboratory) -> None:
    canister = await lab.create()
    chunks = [b"one chunk", bytes(1 << 20), b"x" * 20_000]
    for chunk in chunks:
        await perform(lab.agent, change.upload_chunk(canister, chunk))
    await lab.back_up((canister, "pig"))
    found = read_back(lab.stored())
    assert {name: found[name] for name in found if len(name) == 64} == {
        hashlib.sha256(chunk).hexdigest(): chunk for chunk in chunks
    }


async def test_a_running_canister_is_running_again_before_the_download_begins(lab: Laboratory) -> None:
    canister = await lab.create()
    await lab.back_up((canister, "pig"))
    assert lab.progress.phases("pig") == [
        "status",
        "stop",
        "snapshot",
        "start",
        "download",
        "verify",
        "clean up",
    ]
    assert (await lab.status(canister)).status == "running"
    assert await list_canister_snapshots(lab.agent, canister) == ()
    total = len(module()) + len(heap()) + len(stable_memory())
    downloads = [event for event in lab.progress.events if event.phase == "download"]
    assert (downloads[0].done, downloads[-1].done, downloads[-1].total) == (0, total, total)


async def test_a_stopped_canister_stays_stopped(lab: Laboratory) -> None:
    canister = await lab.create()
    await perform(lab.agent, change.stop_canister(canister))
    await lab.back_up((canister, "pig"))
    assert (await lab.status(canister)).status == "stopped"
    assert "stop" not in lab.progress.phases("pig")
    assert lab.stored().entry.status_before == "stopped"


async def test_hot_mode_never_stops_and_is_marked(lab: Laboratory) -> None:
    canister = await lab.create()
    await lab.back_up((canister, "pig"), mode="hot")
    assert "stop" not in lab.progress.phases("pig")
    assert lab.stored().mode == "hot"


async def test_a_snapshot_that_is_not_ours_is_left_alone(lab: Laboratory) -> None:
    canister = await lab.create()
    theirs = await perform(lab.agent, snapshot_change.take_canister_snapshot(canister))
    await lab.back_up((canister, "pig"))
    assert [item.id for item in await list_canister_snapshots(lab.agent, canister)] == [theirs.id]


async def test_a_full_list_of_snapshots_is_refused_before_anything_is_stopped(lab: Laboratory) -> None:
    canister = await lab.create()
    for _ in range(10):
        await perform(lab.agent, snapshot_change.take_canister_snapshot(canister))
    with pytest.raises(RefusedBySafetyRule, match="already has 10 snapshots"):
        await lab.back_up((canister, "pig"))
    assert not committed(lab)
    assert lab.progress.phases("pig") == ["status", "failed"]


async def test_several_canisters_make_one_set_and_one_failure_leaves_the_others(lab: Laboratory) -> None:
    first, second, empty = await lab.create(), await lab.create(), await lab.create(code=b"")
    request = lab.request((first, "first"), (empty, "empty"), (second, "second"))
    result = await back_up(request, lab.effects, clock=CLOCK, progress=lab.progress)
    assert result.partial
    assert [failure.target.name for failure in result.failures] == ["empty"]
    backup = open_backup(lab.store())
    assert [entry.name for entry in backup.manifest.canisters] == ["first", "second"]
    assert [failure.reason for failure in backup.manifest.failures] == [
        "empty has no code, so there is nothing to back up"
    ]
    assert read_back(backup.canister("second"))["wasm_memory"] == heap()


async def test_when_nothing_was_captured_nothing_is_left(lab: Laboratory) -> None:
    one, other = await lab.create(code=b""), await lab.create(code=b"")
    with pytest.raises(BackupFailed, match="None of the 2") as caught:
        await lab.back_up((one, "one"), (other, "other"))
    assert "one: one has no code" in caught.value.why
    assert caught.value.exit_code is ExitCode.REFUSED
    await _untouched(lab, one)


async def test_somebody_elses_canister_is_not_authorised(lab: Laboratory) -> None:
    canister = await lab.create()
    settings = change.SettingsChange(controllers=(Principal(b"\x01" * 28 + b"\x02"),))
    await perform(lab.agent, change.update_settings(canister, settings))
    with pytest.raises(NotAuthorised, match="does not control pig"):
        await lab.back_up((canister, "pig"))


async def test_a_balance_that_would_freeze_the_canister_is_refused(lab: Laboratory) -> None:
    canister = await lab.create()
    status = await lab.status(canister)
    change_ = change.SettingsChange(
        freezing_threshold=86_400 * (status.cycles // status.idle_cycles_burned_per_day - 1)
    )
    await perform(lab.agent, change.update_settings(canister, change_))
    with pytest.raises(RefusedBySafetyRule, match="would freeze"):
        await lab.back_up((canister, "pig"))
    await _untouched(lab, canister)


async def test_a_module_that_changes_meanwhile_is_noticed(lab: Laboratory) -> None:
    canister = await lab.create()
    other = module() + b"\x00\x05\x04more"  # a custom section

    # the upgrade lands between status and snapshot: what the snapshot holds is not what the status said
    original = lab.effects.take_snapshot

    async def take_after_upgrade(target: Principal, **options: object) -> object:
        await perform(lab.agent, change.install_code(target, "upgrade", other))
        return await original(target)

    lab.effects.take_snapshot = take_after_upgrade  # type: ignore[method-assign, assignment]
    with pytest.raises(CorruptionError, match="does not have the hash"):
        await lab.back_up((canister, "pig"))
    await _untouched(lab, canister)


async def test_a_snapshot_that_is_deleted_under_us_is_a_clear_error(lab: Laboratory) -> None:
    canister = await lab.create()
    store = lab.net.network.subnet.canisters[canister.bytes].snapshots
    lab.progress.on["download"] = store.clear
    with pytest.raises(SnapshotGone, match="was deleted while it was being read"):
        await lab.back_up((canister, "pig"))
    await _untouched(lab, canister)


@pytest.mark.parametrize("action", [Truncate(1000), DropBefore(), DropAfter(), Refuse(503), Refuse(429, "0")])
async def test_a_read_that_fails_once_is_repeated(lab: Laboratory, action: object) -> None:
    canister = await lab.create()
    rule = lab.net.faults.add(FaultRule(action, method="read_canister_snapshot_data", first=2, count=2))  # type: ignore[arg-type]
    await lab.back_up((canister, "pig"))
    assert rule.applied == 2
    read_back(lab.stored())


async def test_a_slice_that_is_shorter_than_asked_for_is_refused(lab: Laboratory) -> None:
    canister = await lab.create()
    management = lab.net.network.management
    method = management._methods["read_canister_snapshot_data"]

    async def handler(invocation: Invocation) -> Reply:
        kind = invocation.record["kind"]
        if "stable_memory" in kind:
            kind["stable_memory"]["size"] -= 1
        return await method.handler(invocation)

    management._methods = {**management._methods, "read_canister_snapshot_data": replace(method, handler=handler)}
    with pytest.raises(CorruptionError, match=r"bytes of stable_memory at .* instead of"):
        await lab.back_up((canister, "pig"))
    await _untouched(lab, canister)


async def test_a_lost_reply_to_take_leaves_no_second_snapshot(lab: Laboratory) -> None:
    canister = await lab.create()
    lab.net.faults.add(FaultRule(DropAfter(), method="take_canister_snapshot"))
    await lab.back_up((canister, "pig"))
    await _committed_and_clean(lab, canister)


async def _committed_and_clean(lab: Laboratory, canister: Principal) -> None:
    assert len(committed(lab)) == 1
    assert await list_canister_snapshots(lab.agent, canister) == ()
    assert (await lab.status(canister)).status == "running"


async def test_an_abort_during_the_download_leaves_nothing(lab: Laboratory) -> None:
    canister = await lab.create()

    def abort() -> None:
        raise Cancelled("The backup was aborted")

    with pytest.raises(Cancelled):
        await back_up(lab.request((canister, "pig")), lab.effects, clock=CLOCK, progress=lab.progress, checkpoint=abort)
    await _untouched(lab, canister)


async def test_a_repository_that_cannot_be_written_stops_nothing(lab: Laboratory) -> None:
    canister = await lab.create()
    lab.repository.write_text("a file, not a folder")
    with pytest.raises(StorageFailed):
        await lab.back_up((canister, "pig"))
    assert (await lab.status(canister)).status == "running"
    assert lab.progress.events == []


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 48 MiB, mounted where the repository goes."""
    mount = tmp_path / "repository"
    mount.mkdir(mode=0o700)
    if os.geteuid() != 0:
        pytest.skip("mounting a small disk needs root")
    command = ["mount", "-t", "tmpfs", "-o", "size=48m,mode=700", "tmpfs", mount]
    mounted = subprocess.run(command, capture_output=True, check=False)
    if mounted.returncode != 0:
        pytest.skip(f"a small disk cannot be mounted here: {mounted.stderr.decode().strip()}")
    yield mount
    subprocess.run(["umount", mount], check=True)


async def test_a_disk_that_is_too_small_is_refused_before_anything_is_stopped(
    small_disk: Path, lab: Laboratory
) -> None:
    canister = await lab.create()
    (small_disk / "filler").write_bytes(bytes(40 << 20))
    with pytest.raises(RefusedBySafetyRule, match="too little room"):
        await lab.back_up((canister, "pig"))
    await _untouched(lab, canister)
    assert lab.progress.phases("pig") == ["status", "failed"]


async def test_a_disk_that_fills_up_meanwhile_leaves_nothing_half_mistaken(small_disk: Path, lab: Laboratory) -> None:
    canister = await lab.create()

    def fill() -> None:
        free = os.statvfs(small_disk).f_bavail * os.statvfs(small_disk).f_frsize
        (small_disk / "filler").write_bytes(bytes(free))

    lab.progress.on["download"] = fill
    with pytest.raises(DiskFull) as caught:
        await lab.back_up((canister, "pig"))
    assert caught.value.exit_code is ExitCode.FAILED
    assert "Free some space" in caught.value.next_step
    await _untouched(lab, canister)
    assert list((small_disk / "backups").iterdir()) == []


async def test_a_failure_to_store_ends_the_question_what_a_canister_has_left(
    lab: Laboratory, monkeypatch: pytest.MonkeyPatch
) -> None:
    canister = await lab.create()
    asked, ended = asyncio.Event(), []
    flush, loop = ChunkWriter.flush, asyncio.get_running_loop()

    async def last_status(*_: object) -> CanisterStatus:
        asked.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(True)
        raise AssertionError("nobody answers")

    def full(writer: ChunkWriter) -> int:
        flush(writer)
        asyncio.run_coroutine_threadsafe(asyncio.wait_for(asked.wait(), 5), loop).result()
        raise DiskFull("the disk is full")

    async def patched(agent: Agent, target: BackupTarget) -> CanisterStatus:
        if lab.progress.events and lab.progress.events[-1].done == lab.progress.events[-1].total > 1:
            return await last_status()
        return await read_status(agent, target)

    monkeypatch.setattr("quri_console.backup.capture.read_status", patched)
    monkeypatch.setattr(ChunkWriter, "flush", full)
    with pytest.raises(DiskFull):
        await lab.back_up((canister, "pig"))
    assert ended == [True], "it does not go on behind the failed backup"
    monkeypatch.undo()
    await _untouched(lab, canister)


async def test_a_full_disk_that_also_holds_the_journal_does_not_keep_the_snapshot(small_disk: Path) -> None:
    folder = small_disk / "state"
    async with laboratory(folder) as lab:
        canister = await lab.create()
        for seed in range(3):
            # what does not compress, so that it does not fit
            await perform(lab.agent, change.upload_chunk(canister, random.Random(seed).randbytes(1 << 20)))

        def fill() -> None:
            free = os.statvfs(small_disk).f_bavail * os.statvfs(small_disk).f_frsize
            (small_disk / "filler").write_bytes(bytes(free - (1 << 20)))

        lab.progress.on["download"] = fill
        with pytest.raises(DiskFull) as caught:
            await lab.back_up((canister, "pig"))
        assert "still on chain" not in caught.value.next_step
        await _untouched(lab, canister)


async def test_a_snapshot_that_cannot_be_deleted_is_named_with_what_to_do(lab: Laboratory) -> None:
    canister = await lab.create()

    def abort() -> None:
        lab.net.faults.add(FaultRule(Refuse(400, text="no"), method="delete_canister_snapshot", count=None))
        raise Cancelled("The backup was aborted")

    with pytest.raises(Cancelled) as caught:
        await back_up(lab.request((canister, "pig")), lab.effects, clock=CLOCK, progress=lab.progress, checkpoint=abort)
    (left,) = await list_canister_snapshots(lab.agent, canister)
    assert f"icp canister snapshot delete {canister.to_str()} {left.id.hex()}" in caught.value.next_step
    assert not unfinished(lab)


async def test_a_committed_set_stays_good_when_its_snapshot_cannot_be_deleted(lab: Laboratory) -> None:
    canister = await lab.create()
    lab.net.faults.add(FaultRule(Refuse(400, text="no"), method="delete_canister_snapshot", count=None))
    result = await back_up(lab.request((canister, "pig")), lab.effects, clock=CLOCK, progress=lab.progress)
    assert [leftover.target.name for leftover in result.leftovers] == ["pig"]
    read_back(lab.stored())


async def test_a_stop_that_hangs_ends_with_the_canister_running(lab: Laboratory) -> None:
    canister = await lab.create()
    await lab.occupy(canister)
    with pytest.raises(StopTimedOut):
        await lab.back_up((canister, "pig"), stop_timeout_seconds=1)
    await _untouched(lab, canister)


def _limit_rate_of_snapshots(lab: Laboratory, times: int) -> list[str]:
    """Let the network refuse the first `times` snapshots for now; the list tells the canister's status each time."""
    management = lab.net.network.management
    method, seen = management._methods["take_canister_snapshot"], []

    async def handler(invocation: Invocation) -> Reply:
        seen.append(str(invocation.canister.run_state))
        if len(seen) <= times:
            raise Rejection(cast(ErrorCode, 210), "Canister is heap delta rate limited.")
        return await method.handler(invocation)

    management._methods = {**management._methods, "take_canister_snapshot": replace(method, handler=handler)}
    return seen


async def test_a_rate_limit_that_passes_soon_is_waited_for(lab: Laboratory) -> None:
    canister = await lab.create()
    seen = _limit_rate_of_snapshots(lab, 1)
    await lab.back_up((canister, "pig"))
    assert seen == ["stopped", "stopped"]
    await _committed_and_clean(lab, canister)


async def test_a_canister_is_not_kept_stopped_for_a_rate_limit_that_lasts(lab: Laboratory) -> None:
    canister = await lab.create()
    seen = _limit_rate_of_snapshots(lab, 1000)
    with pytest.raises(Rejected, match="IC0210"):
        await lab.back_up((canister, "pig"))
    assert len(seen) == 3  # at once, after 1 s, after 2 s more
    await _untouched(lab, canister)


async def test_a_folder_that_cannot_be_removed_leaves_no_snapshot_on_chain(
    lab: Laboratory, monkeypatch: pytest.MonkeyPatch
) -> None:
    canister = await lab.create()

    def damage() -> None:
        raise CorruptionError("damaged on the way")

    def stuck(*_: object) -> None:
        raise StorageFailed("Could not delete it")

    lab.progress.on["download"] = damage
    monkeypatch.setattr("quri_console.repository.local.LocalBackend.delete", stuck)
    with pytest.raises(StorageFailed):
        await lab.back_up((canister, "pig"))
    assert await list_canister_snapshots(lab.agent, canister) == ()
    assert not committed(lab)
    assert (await lab.status(canister)).status == "running"
