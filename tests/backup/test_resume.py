from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from quri_console.backup.backup_set import BackupInterrupted
from quri_console.backup.capture import back_up
from quri_console.backup.copy_state import SLICES_PER_NOTE
from quri_console.backup.interchange import Slice
from quri_console.backup.resume import (
    SET_RESERVED,
    committed_set,
    delete_own_snapshots,
    find_resumable,
    remove_unfinished,
)
from quri_console.backup.resume_notes import DoneSlice, decode_note, encode_note
from quri_console.clock import SystemClock
from quri_console.errors import RefusedBySafetyRule
from quri_console.ic.encoding.principal import Principal
from quri_console.ic.management import change, snapshot_change
from quri_console.ic.management.read import list_canister_snapshots
from quri_console.ic.management.types import SettingsChange
from quri_console.ic.prepared import perform
from quri_console.ic.rejection import Rejected
from quri_console.localnet.management import Invocation
from quri_console.localnet.messages import Reply
from quri_console.repository.store import Repository
from quri_console.repository.unlocking import unlock_with
from tests.support.guinea_pig import Laboratory, heap, laboratory, module, read_back, stable_memory
from tests.support.key_holders import age_holder, shared_repository

CLOCK = SystemClock()


class Killed(BaseException):
    """Stands for the end of the process: nothing cleans up after it."""


@pytest.fixture
async def lab(tmp_path: Path) -> AsyncIterator[Laboratory]:
    async with laboratory(tmp_path) as opened:
        yield opened


def count_reads(lab: Laboratory, *, die_at: int | None = None) -> list[str]:
    """The slices that the network serves from now on; at number `die_at` the reader is cut off for good."""
    management = lab.net.network.management
    method, seen = management._methods["read_canister_snapshot_data"], []

    async def handler(invocation: Invocation) -> Reply:
        kind, where = next(iter(invocation.record["kind"].items()))
        seen.append(f"{kind} {where.get('offset', '')}")
        return await method.handler(invocation)

    management._methods = {**management._methods, "read_canister_snapshot_data": replace(method, handler=handler)}
    return seen


async def killed_while_copying(lab: Laboratory, canister: Principal, monkeypatch: pytest.MonkeyPatch) -> None:
    """A backup that dies after its first note, as a killed process does: without cleaning up."""

    def die(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr("quri_console.backup.copy_state.SLICES_PER_NOTE", 1)
        patched.setattr("quri_console.backup.copy_state.StateCopier._copy_chunk_store", die)
        patched.setattr("quri_console.backup.capture._Job.give_up", _nothing)
        patched.setattr("quri_console.backup.capture._Job._delete_after", _nothing)
        await perform(lab.agent, change.upload_chunk(canister, b"a chunk"))
        with pytest.raises(Killed):
            await back_up(lab.request((canister, "pig")), lab.effects, clock=CLOCK, progress=lab.progress)


async def _nothing(*_: object) -> None:
    return None


async def test_a_killed_backup_goes_on_with_its_own_snapshot_and_reads_no_slice_twice(
    lab: Laboratory, monkeypatch: pytest.MonkeyPatch
) -> None:
    canister = await lab.create()
    seen = count_reads(lab)
    await killed_while_copying(lab, canister, monkeypatch)
    (snapshot,) = await list_canister_snapshots(lab.agent, canister)
    first, durable = list(seen), {part for _, data in _notes(lab) for part in data}
    store = lab.store()
    resumed = find_resumable(lab.effects.journal.records, store)
    assert resumed is not None
    seen.clear()
    request = replace(lab.request((canister, "pig")), repository=store)
    result = await back_up(request, lab.effects, clock=CLOCK, progress=lab.progress, resumed=resumed)
    assert result.name == resumed.set_name
    assert lab.stored().entry.snapshot_id == snapshot.id
    again = set(seen) & set(first)
    assert not again & durable
    found = read_back(lab.stored())
    assert (found["wasm_module"], found["wasm_memory"], found["stable_memory"]) == (module(), heap(), stable_memory())
    assert await list_canister_snapshots(lab.agent, canister) == ()
    assert not list(store.backend.list(f"backups/{result.name}/unfinished"))


def _notes(lab: Laboratory) -> list[tuple[str, set[str]]]:
    (name,) = lab.store().unfinished_names()
    found = []
    for note, data in lab.store().resume_set(name).notes():
        if note.startswith("slices"):
            found.append((note, {f"{done.part.blob} {done.part.offset}" for done in decode_note(data)[1]}))
    return found


async def test_slices_of_another_snapshot_are_never_used(lab: Laboratory, monkeypatch: pytest.MonkeyPatch) -> None:
    canister = await lab.create()
    await killed_while_copying(lab, canister, monkeypatch)
    (snapshot,) = await list_canister_snapshots(lab.agent, canister)
    # somebody deleted it, and the canister went on
    await perform(lab.agent, snapshot_change.delete_canister_snapshot(canister, snapshot.id))
    await perform(lab.agent, change.install_code(canister, "reinstall", module("3.5")))
    store = lab.store()
    resumed = find_resumable(lab.effects.journal.records, store)
    request = replace(lab.request((canister, "pig")), repository=store)
    seen = count_reads(lab)
    await back_up(request, lab.effects, clock=CLOCK, progress=lab.progress, resumed=resumed)
    stored = lab.stored()
    assert stored.entry.snapshot_id != snapshot.id
    assert read_back(stored)["wasm_module"] == module("3.5")
    assert [read for read in seen if read.startswith("wasm_memory")]


async def test_an_abandoned_backup_leaves_neither_half_a_set_nor_a_snapshot_of_its_own(
    lab: Laboratory, monkeypatch: pytest.MonkeyPatch
) -> None:
    canister = await lab.create()
    theirs = await perform(lab.agent, snapshot_change.take_canister_snapshot(canister))
    await killed_while_copying(lab, canister, monkeypatch)
    await remove_unfinished(lab.effects, lab.store())
    assert lab.store().unfinished_names() == ()
    assert lab.store().set_names() == ()
    assert [item.id for item in await list_canister_snapshots(lab.agent, canister)] == [theirs.id]


async def test_one_snapshot_that_may_not_be_deleted_keeps_no_other(lab: Laboratory) -> None:
    lost, ours = [await lab.create() for _ in range(2)]
    for canister in (lost, ours):
        await lab.effects.take_snapshot(canister)
    stranger = SettingsChange(controllers=(Principal(b"\x07" * 10 + b"\x02"),))
    await perform(lab.agent, change.update_settings(lost, stranger))
    with pytest.raises(Rejected):
        await delete_own_snapshots(lab.effects)
    assert await list_canister_snapshots(lab.agent, ours) == ()


async def test_a_backup_is_abandoned_without_the_key_of_its_repository(
    lab: Laboratory, monkeypatch: pytest.MonkeyPatch
) -> None:
    holder = age_holder()
    shared_repository(lab.repository, holder)
    canister = await lab.create()
    with monkeypatch.context() as patched:
        unlocked = Repository.open(lab.repository, unlock=unlock_with(holder.secrets))
        patched.setattr(Laboratory, "store", lambda _: unlocked)
        await killed_while_copying(lab, canister, monkeypatch)
    locked = Repository.open(lab.repository)
    assert locked.unfinished_names() != ()
    await remove_unfinished(lab.effects, locked)
    assert locked.unfinished_names() == ()
    assert await list_canister_snapshots(lab.agent, canister) == ()


async def test_a_set_that_was_committed_before_the_kill_is_found(lab: Laboratory) -> None:
    canister = await lab.create()
    result = await lab.back_up((canister, "pig"))
    records = lab.effects.journal.records
    manifest = committed_set(records, lab.store())
    assert manifest is not None
    assert manifest.name == result.name
    assert find_resumable(records, lab.store()) is None


async def test_an_operation_of_another_repository_is_not_continued_here(lab: Laboratory) -> None:
    lab.effects.journal.append(SET_RESERVED, set="20250124T020000Z", repository="00" * 16)
    with pytest.raises(RefusedBySafetyRule, match="another repository"):
        find_resumable(lab.effects.journal.records, lab.store())


async def test_a_network_that_goes_away_leaves_a_backup_that_can_go_on(
    lab: Laboratory, monkeypatch: pytest.MonkeyPatch
) -> None:
    canister = await lab.create()

    async def gone(*_: object) -> None:
        from quri_console.errors import NetworkError

        raise NetworkError("the network is gone")

    with monkeypatch.context() as patched:
        patched.setattr("quri_console.backup.copy_state.StateCopier._read_slices", gone)
        with pytest.raises(BackupInterrupted, match="went away") as caught:
            await back_up(lab.request((canister, "pig")), lab.effects, clock=CLOCK, progress=lab.progress)
    assert "operations resume test" in caught.value.next_step
    assert (await lab.status(canister)).status == "running"
    store = lab.store()
    resumed = find_resumable(lab.effects.journal.records, store)
    request = replace(lab.request((canister, "pig")), repository=store)
    await back_up(request, lab.effects, clock=CLOCK, progress=lab.progress, resumed=resumed)
    assert read_back(lab.stored())["wasm_memory"] == heap()


def test_a_note_reads_back_and_a_cut_one_is_refused() -> None:
    slices = tuple(
        DoneSlice(Slice("wasm_memory", offset, 100), (None, bytes([offset]) * 32)) for offset in range(SLICES_PER_NOTE)
    )
    note = encode_note(b"snapshot", slices)
    assert decode_note(note) == (b"snapshot", slices)
    for cut in range(len(note) - 1):
        try:
            _, fewer = decode_note(note[:cut])
        except ValueError:
            continue
        assert len(fewer) < len(slices)
