"""Snapshot directories and sets of the first version, taken over whole and once."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from quri_console.backup.browse import StoredCanister, latest_backup_of, open_backup
from quri_console.backup.export import export_state
from quri_console.backup.import_backup import (
    Imported,
    Owner,
    Target,
    begun_document,
    import_directory,
    import_old_set,
    remove_interrupted,
)
from quri_console.backup.import_sources import find_sources
from quri_console.backup.interchange import BLOBS
from quri_console.backup.snapshot_json import encode_metadata
from quri_console.backup.state import iter_slices
from quri_console.errors import CorruptionError, UsageError
from quri_console.ic.management.types import Global
from quri_console.repository.process_identity import this_process
from quri_console.repository.sealed import seal
from quri_console.repository.set_import import reserve_at
from quri_console.repository.store import Repository
from quri_console.repository.untrusted_archive import RefusedImport
from tests.support.backups import (
    AT,
    NOW,
    ORIGIN,
    REGISTRY,
    RUNE_ENGINE,
    MadeUpState,
    begin_backup,
    made_up_status,
    repository_in,
    write_backup,
    write_snapshot,
)
from tests.support.guinea_pig import Recorder
from tests.support.old_sets import write_old_set

OWNER = Owner(RUNE_ENGINE, "rune-engine", ORIGIN)
BOTH = {("rune-engine", RUNE_ENGINE): MadeUpState(), ("registry", REGISTRY): MadeUpState(stable=b"", chunks=())}
TAKEN_AT = datetime(2025, 1, 24, 2, tzinfo=UTC)
"""Of the made-up snapshot, to the second."""


@dataclass(frozen=True)
class Desk:
    """A repository and a folder with things to import."""

    folder: Path

    @property
    def repository(self) -> Repository:
        return repository_in(self.folder / "repository", now=NOW)

    @property
    def target(self) -> Target:
        return Target(self.repository, self.folder / "cache")

    def snapshot(self, state: MadeUpState | None = None, name: str = "snapshot") -> Path:
        path = self.folder / name
        write_snapshot(path, state or MadeUpState())
        return path

    def import_directory(self, path: Path, owner: Owner = OWNER, taken_at: datetime | None = None) -> Imported:
        (source,) = find_sources(path)
        return import_directory(source, owner, self.target, taken_at=taken_at)

    def import_old_set(self, path: Path, taken_at: datetime | None = None) -> Imported:
        (source,) = find_sources(path)
        return import_old_set(source, self.target, taken_at=taken_at)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def assert_same(stored: StoredCanister, state: MadeUpState) -> None:
    found = stored.require_state()
    assert found.metadata == state.metadata()
    content = [b"".join(data for part, data in iter_slices(found) if part.blob == blob) for blob in BLOBS]
    assert content == [state.module, state.heap, state.stable]
    assert tuple(found.chunk(digest) for digest in found.metadata.wasm_chunk_store) == state.chunks


def test_a_snapshot_directory_becomes_a_backup_named_after_its_own_time(desk: Desk) -> None:
    result = desk.import_directory(desk.snapshot())
    assert (result.set_name, result.fresh, result.canisters) == ("20250124T020000Z", True, ("rune-engine",))
    assert result.state_bytes > (result.new_bytes or 0) > 0
    stored = latest_backup_of(desk.repository, RUNE_ENGINE, root_key_hash=ORIGIN.root_key_hash)
    assert_same(stored, MadeUpState())
    entry = stored.entry
    assert (entry.mode, entry.status_before, entry.snapshot_id) == ("imported", "unknown", b"")
    assert entry.module_hash == MadeUpState().module_hash()
    assert entry.taken_at.replace(microsecond=0) == TAKEN_AT
    assert stored.status is None
    origin = stored.manifest.raw.document["imported"]
    assert (origin["kind"], origin["name"], origin["at"]) == ("snapshot directory", "snapshot", NOW)


def test_the_same_again_is_recognised_and_stores_nothing(desk: Desk) -> None:
    first = desk.import_directory(desk.snapshot())
    before = sorted(desk.repository.backend.list("packs"), key=lambda entry: entry.name)
    again = desk.import_directory(desk.snapshot(name="copy"))
    assert (again.set_name, again.fresh) == (first.set_name, False)
    assert sorted(desk.repository.backend.list("packs"), key=lambda entry: entry.name) == before
    assert desk.repository.set_names() == (first.set_name,)
    assert desk.repository.unfinished_names() == ()


def test_an_export_of_ours_comes_back_as_the_backup_that_it_was(desk: Desk) -> None:
    name = write_backup(desk.repository)
    export_state(open_backup(desk.repository).canister("rune-engine"), desk.folder / "exported")
    result = desk.import_directory(desk.folder / "exported")
    assert (result.set_name, result.fresh) == (name, False)


def test_floats_that_no_number_equals_are_recognised_too(desk: Desk) -> None:
    state = MadeUpState(globals=(Global("f64", math.nan),))
    desk.import_directory(desk.snapshot(state))
    assert not desk.import_directory(desk.snapshot(state, "copy")).fresh


@pytest.mark.parametrize(
    "other",
    [
        MadeUpState(heap=bytes(2 << 16)),
        MadeUpState(globals=()),
        MadeUpState(chunks=()),
        MadeUpState(chunks=(b"another chunk",)),
        MadeUpState(module=b"\0asm\1\0\0\0"),
    ],
)
def test_whatever_differs_makes_another_backup_in_the_next_free_second(desk: Desk, other: MadeUpState) -> None:
    desk.import_directory(desk.snapshot())
    result = desk.import_directory(desk.snapshot(other, "other"))
    assert (result.set_name, result.fresh) == ("20250124T020001Z", True)
    assert_same(open_backup(desk.repository).canister("rune-engine"), other)


@pytest.mark.parametrize(
    "owner", [replace(OWNER, canister=REGISTRY), replace(OWNER, network=replace(ORIGIN, root_key_hash=bytes(32)))]
)
def test_the_same_bytes_of_another_canister_or_network_are_another_backup(desk: Desk, owner: Owner) -> None:
    desk.import_directory(desk.snapshot())
    result = desk.import_directory(desk.snapshot(name="copy"), owner)
    assert result.fresh
    assert result.new_bytes == 0


def test_a_damaged_backup_is_no_reason_to_leave_a_whole_copy_out(desk: Desk) -> None:
    first = desk.import_directory(desk.snapshot())
    record = desk.folder / "repository" / "backups" / first.set_name / "rune-engine" / "snapshot.toml"
    record.write_bytes(record.read_bytes()[:-1])
    assert desk.import_directory(desk.folder / "snapshot").fresh


def test_a_given_time_counts_instead_of_the_snapshots_own(desk: Desk) -> None:
    result = desk.import_directory(desk.snapshot(), taken_at=datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC))
    assert result.set_name == "20240506T070809Z"
    stored = open_backup(desk.repository).canister("rune-engine")
    assert stored.metadata.taken_at_ns == MadeUpState().metadata().taken_at_ns


def test_a_snapshot_that_states_no_time_has_that_of_the_import(desk: Desk) -> None:
    path = desk.snapshot()
    metadata = replace(MadeUpState().metadata(), taken_at_ns=0)
    (path / "metadata.json").write_bytes(encode_metadata(metadata))
    assert desk.import_directory(path).set_name == "20250301T000000Z"


def test_a_time_that_lies_ahead_is_refused_because_it_would_be_the_latest_for_long(desk: Desk) -> None:
    with pytest.raises(UsageError, match="2030-01-01"):
        desk.import_directory(desk.snapshot(), taken_at=datetime(2030, 1, 1, tzinfo=UTC))
    assert desk.repository.set_names() == ()


def test_optional_fields_may_be_missing_and_vectors_have_several_forms(desk: Desk) -> None:
    path = desk.snapshot()
    document = json.loads((path / "metadata.json").read_bytes())
    for optional in ("source", "global_timer", "on_low_wasm_memory_hook_status"):
        del document[optional]
    document["globals"] = [{"v128": [3, 0, 0, 16]}, {"v128": str(3 + (16 << 96))}, {"v128": 3 + (16 << 96)}]
    (path / "metadata.json").write_text(json.dumps(document))
    desk.import_directory(path)
    metadata = open_backup(desk.repository).canister("rune-engine").metadata
    assert (metadata.source, metadata.global_timer) == (None, None)
    assert set(metadata.globals) == {Global("v128", 3 + (16 << 96))}


def _link(path: Path) -> None:
    (path / "extra").symlink_to("/etc/passwd")


def _hard_link(path: Path) -> None:
    os.link(path / "wasm_memory.bin", path.parent / "elsewhere")


def _pipe(path: Path) -> None:
    os.mkfifo(path / "pipe")


def _linked_memory(path: Path) -> None:
    (path / "wasm_memory.bin").rename(path.parent / "memory")
    (path / "wasm_memory.bin").symlink_to(path.parent / "memory")


@pytest.mark.parametrize("attack", [_link, _hard_link, _pipe, _linked_memory])
def test_a_hostile_directory_is_refused_before_anything_is_stored(desk: Desk, attack: Callable[[Path], None]) -> None:
    path = desk.snapshot()
    attack(path)
    with pytest.raises(RefusedImport):
        desk.import_directory(path)
    assert list(desk.repository.backend.list("packs")) == []
    assert desk.repository.backend.folders("backups") == ()


def test_sizes_and_hashes_are_checked_before_anything_is_stored(desk: Desk) -> None:
    path = desk.snapshot()
    os.truncate(path / "stable_memory.bin", 100)
    with pytest.raises(CorruptionError, match=r"stable_memory\.bin"):
        desk.import_directory(path)
    assert list(desk.repository.backend.list("packs")) == []


def test_a_set_of_the_first_version_keeps_what_it_says(desk: Desk) -> None:
    failure = {"id": REGISTRY.to_str(), "name": "late", "reason": "it is frozen", "next_step": "Top it up."}
    result = desk.import_old_set(write_old_set(desk.folder / "old", BOTH, mode="hot", failures=(failure,)))
    assert (result.set_name, result.fresh, result.left_out) == ("20250124T020000Z", True, ())
    opened = open_backup(desk.repository)
    assert opened.manifest.network == ORIGIN
    assert [one.name for one in opened.manifest.failures] == ["late"]
    for (name, canister), state in BOTH.items():
        stored = opened.canister(canister)
        assert_same(stored, state)
        assert stored.status == made_up_status(state)
        entry = stored.entry
        assert (entry.name, entry.mode, entry.status_before) == (name, "imported", "running")
        assert entry.snapshot_id.hex() == "00000000000000070000000000000001"
        # it must never be taken for a snapshot of ours that may be deleted
        assert not entry.took_snapshot
        assert any("while its snapshot was taken" in warning for warning in entry.warnings)


def test_a_set_of_the_first_version_is_recognised_again(desk: Desk) -> None:
    old = write_old_set(desk.folder / "old", BOTH)
    first, again = desk.import_old_set(old), desk.import_old_set(old)
    assert (again.set_name, again.fresh) == (first.set_name, False)


@pytest.mark.parametrize("file", ["status.toml", "snapshot/wasm_memory.bin", "snapshot/metadata.json"])
def test_a_damaged_canister_is_left_out_and_the_others_are_taken(desk: Desk, file: str) -> None:
    old = write_old_set(desk.folder / "old", BOTH)
    damaged = old / "registry" / file
    damaged.write_bytes(damaged.read_bytes()[:-1] + b"?")
    result = desk.import_old_set(old)
    assert result.canisters == ("rune-engine",)
    assert len(result.left_out) == 1
    assert file in result.left_out[0]
    (failure,) = open_backup(desk.repository).manifest.failures
    assert failure.canister == REGISTRY


def test_a_set_of_which_nothing_is_whole_is_refused(desk: Desk) -> None:
    old = write_old_set(desk.folder / "old")
    (old / "rune-engine" / "snapshot" / "stable_memory.bin").unlink()
    with pytest.raises(CorruptionError, match=r"stable_memory\.bin is missing"):
        desk.import_old_set(old)
    assert desk.repository.set_names() == ()


@pytest.mark.parametrize("path", ["../outside", "/etc/passwd", "rune-engine/../../x", "elsewhere/x", "rune-engine"])
def test_a_manifest_cannot_name_files_outside_its_set(desk: Desk, path: str) -> None:
    from quri_console.repository.sealed import unseal

    old = write_old_set(desk.folder / "old")
    document = unseal((old / "MANIFEST.toml").read_bytes(), "it")
    document["files"][0]["path"] = path
    (old / "MANIFEST.toml").write_bytes(seal(document))
    with pytest.raises(CorruptionError, match="not a manifest"):
        desk.import_old_set(old)


def test_a_manifest_that_forgets_a_file_is_refused(desk: Desk) -> None:
    from quri_console.repository.sealed import unseal

    old = write_old_set(desk.folder / "old")
    document = unseal((old / "MANIFEST.toml").read_bytes(), "it")
    document["files"] = [file for file in document["files"] if "wasm_memory" not in file["path"]]
    (old / "MANIFEST.toml").write_bytes(seal(document))
    with pytest.raises(CorruptionError, match=r"does not list rune-engine/snapshot/wasm_memory\.bin"):
        desk.import_old_set(old)


def test_a_set_that_lies_in_a_repository_is_not_taken_for_an_old_one(desk: Desk) -> None:
    name = write_backup(desk.folder / "other")
    with pytest.raises(UsageError, match="not a set of the first version"):
        desk.import_old_set(desk.folder / "other" / "backups" / name)


def test_progress_counts_every_byte_and_the_lock_is_refreshed(desk: Desk) -> None:
    progress, looked = Recorder(), list[int]()
    target = replace(desk.target, progress=progress, still_locked=lambda: looked.append(1))
    (source,) = find_sources(desk.snapshot())
    result = import_directory(source, OWNER, target)
    last = progress.events[-1]
    assert (last.phase, last.done, last.total) == ("import", result.state_bytes, result.state_bytes)
    assert len(looked) == len(progress.events)


def test_a_failure_in_the_middle_leaves_no_set(desk: Desk) -> None:
    def gone() -> None:
        raise KeyboardInterrupt

    (source,) = find_sources(desk.snapshot())
    with pytest.raises(KeyboardInterrupt):
        import_directory(source, OWNER, replace(desk.target, still_locked=gone))
    assert desk.repository.backend.folders("backups") == ()


def test_a_set_of_an_import_whose_process_is_gone_is_removed_by_the_next(desk: Desk) -> None:
    repository = desk.repository
    dead = begun_document(ORIGIN)
    dead["process"] = {"host": this_process().host, "boot": "another boot", "pid": 1, "started": 1}
    reserve_at(repository, AT, dead).put_record("rune-engine", "status.toml", b"half")
    alive = reserve_at(repository, AT, begun_document(ORIGIN))
    backup = begin_backup(repository, AT + timedelta(days=1), operation="backup-7")
    remove_interrupted(repository)
    assert repository.unfinished_names() == (alive.name, backup.name)
