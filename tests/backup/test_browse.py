"""Finding the set that is meant, and opening what it holds."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from quri_console.backup.browse import (
    BackupNotFound,
    NoState,
    find_set,
    latest_backup_of,
    open_backup,
    readable_backups,
)
from quri_console.backup.interchange import BLOBS
from quri_console.backup.manifest import ManifestFailure
from quri_console.backup.state import iter_slices
from quri_console.errors import CorruptionError, ExitCode, UsageError
from quri_console.repository.errors import NewerFormat, NotARepository, RepositoryMissing
from quri_console.repository.marks import put_mark
from quri_console.repository.sealed import seal
from quri_console.repository.store import Repository
from quri_console.repository.trash import Forgotten, put_forgotten
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
)

BOTH = {("rune-engine", RUNE_ENGINE): MadeUpState(), ("registry", REGISTRY): MadeUpState(stable=b"", chunks=())}
LATER = AT + timedelta(days=8)
NOW_NS = int(NOW.timestamp()) * 10**9


def read_everything(repository: Repository) -> None:
    manifest = open_backup(repository).manifest.raw
    for file in manifest.files:
        repository.record(manifest, file.path)


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return repository_in(tmp_path)


def forget(repository: Repository, name: str) -> None:
    put_forgotten(repository.backend, Forgotten(name, NOW, "eva", "it is old"))


def test_a_set_opens_with_every_byte_that_was_stored(repository: Repository) -> None:
    name = write_backup(repository, BOTH)
    for (folder, canister), made_up in BOTH.items():
        stored = open_backup(repository, name).canister(canister)
        assert stored.label == f"{name}/{folder}"
        assert stored.status == made_up_status(made_up)
        state = stored.require_state()
        assert state.metadata == made_up.metadata()
        content = {blob: b"".join(data for part, data in iter_slices(state) if part.blob == blob) for blob in BLOBS}
        assert list(content.values()) == [made_up.module, made_up.heap, made_up.stable]
        assert tuple(state.chunk(digest) for digest in state.metadata.wasm_chunk_store) == made_up.chunks


def test_a_canister_is_found_by_name_by_id_and_by_folder(repository: Repository) -> None:
    write_backup(repository, BOTH)
    opened = open_backup(repository)
    assert opened.canister("registry") == opened.canister(REGISTRY) == opened.canister(REGISTRY.to_str())
    with pytest.raises(UsageError, match="rune-engine, registry"):
        opened.canister("nobody")


def test_the_newest_is_the_latest_and_a_beginning_is_enough(repository: Repository) -> None:
    names = [write_backup(repository, at=datetime(2025, 1, day, tzinfo=UTC)) for day in (3, 1, 2)]
    assert find_set(repository) == "20250103T000000Z"
    assert find_set(repository, "20250102") == names[2]
    with pytest.raises(BackupNotFound, match="3 backups") as caught:
        find_set(repository, "202501")
    assert caught.value.exit_code is ExitCode.REPOSITORY_MISSING
    assert caught.value.why == "They are 20250103T000000Z, 20250102T000000Z, 20250101T000000Z."


def test_of_many_that_begin_so_five_are_named(repository: Repository) -> None:
    for day in range(1, 8):
        write_backup(repository, at=datetime(2025, 1, day, tzinfo=UTC))
    with pytest.raises(BackupNotFound, match="7 backups") as caught:
        find_set(repository, "2025")
    assert caught.value.why.startswith("They are 20250107T000000Z, ")
    assert caught.value.why.endswith("20250103T000000Z and 2 more.")


def test_latest_of_a_canister_is_the_newest_that_holds_it_undamaged_and_remembered(repository: Repository) -> None:
    names = [write_backup(repository, BOTH, at=AT + timedelta(days=day)) for day in range(4)]
    only_one = write_backup(repository, at=AT + timedelta(days=5))
    assert find_set(repository) == only_one
    for wanted in ("latest/registry", f"latest/{REGISTRY.to_str()}"):
        assert find_set(repository, wanted) == names[3]
    assert find_set(repository, "latest", "rune-engine") == only_one
    forget(repository, names[3])
    assert find_set(repository, "latest/registry") == names[2]
    put_mark(repository.backend, names[2], "verification", NOW_NS, {"ok": False, "scope": "data"})
    assert find_set(repository, "latest/registry") == names[1]
    assert latest_backup_of(repository, REGISTRY).set_name == names[1]
    seen = write_backup(repository, BOTH, at=AT + timedelta(days=6), mode="metadata")
    assert find_set(repository, "latest/registry") == names[1]
    assert find_set(repository) == seen


def test_where_all_that_holds_a_canister_is_damaged_the_newest_of_it_is_meant(repository: Repository) -> None:
    names = [write_backup(repository, at=AT + timedelta(days=day)) for day in range(2)]
    for name in names:
        put_mark(repository.backend, name, "verification", NOW_NS, {"ok": False, "scope": "data"})
    assert find_set(repository, "latest/rune-engine") == names[1]
    assert latest_backup_of(repository, RUNE_ENGINE).set_name == names[1]


def test_a_canister_that_is_held_nowhere_or_not_there_is_a_usage_error(repository: Repository) -> None:
    name = write_backup(repository)
    with pytest.raises(UsageError, match="holds registry"):
        find_set(repository, "latest/registry")
    with pytest.raises(UsageError, match="does not hold registry"):
        find_set(repository, f"{name}/registry")


def test_a_forgotten_set_is_meant_only_by_its_whole_name(repository: Repository) -> None:
    older, newer = write_backup(repository), write_backup(repository, at=LATER)
    forget(repository, newer)
    assert find_set(repository) == older
    assert find_set(repository, newer) == newer
    assert latest_backup_of(repository, RUNE_ENGINE).set_name == older
    with pytest.raises(BackupNotFound):
        find_set(repository, newer[:8])


@pytest.mark.parametrize("name", ["../backups/20250124T020000Z", "20250124T020001Z", "", "/etc", "20251399T990000Z"])
def test_an_unknown_name_finds_nothing_and_leaves_the_repository_by_no_way(repository: Repository, name: str) -> None:
    write_backup(repository)
    with pytest.raises(BackupNotFound):
        find_set(repository, name)


def test_the_latest_backup_of_a_canister_may_be_in_an_older_set(repository: Repository) -> None:
    older, newer = write_backup(repository, BOTH), write_backup(repository, at=LATER)
    assert latest_backup_of(repository, REGISTRY).set_name == older
    assert latest_backup_of(repository, RUNE_ENGINE).set_name == newer
    with pytest.raises(BackupNotFound):
        latest_backup_of(repository, made_up_status().settings.controllers[0])


def test_the_latest_backup_is_one_of_this_network_while_there_is_one(repository: Repository) -> None:
    own = write_backup(repository)
    elsewhere = write_backup(repository, at=LATER, origin=replace(ORIGIN, root_key_hash=bytes(32)))
    assert latest_backup_of(repository, RUNE_ENGINE, root_key_hash=ORIGIN.root_key_hash).set_name == own
    # with none of this network the newest is found, so that the plan can say whose it is
    assert latest_backup_of(repository, RUNE_ENGINE, root_key_hash=b"\1" * 32).set_name == elsewhere


def test_what_holds_no_state_is_never_the_latest_backup_and_says_so(repository: Repository) -> None:
    with_state = write_backup(repository)
    seen = write_backup(repository, at=LATER, mode="metadata")
    assert latest_backup_of(repository, RUNE_ENGINE).set_name == with_state
    stored = open_backup(repository, seen).canister("rune-engine")
    assert stored.state is None
    with pytest.raises(NoState, match="holds no state"):
        stored.require_state()


def test_an_imported_state_can_be_restored_from_without_the_id_of_a_snapshot(repository: Repository) -> None:
    write_backup(repository, mode="imported", snapshot_id=b"")
    stored = latest_backup_of(repository, RUNE_ENGINE)
    assert stored.require_state().metadata == MadeUpState().metadata()
    assert not stored.entry.took_snapshot


def test_a_folder_that_is_no_repository_is_told_from_a_missing_one(tmp_path: Path) -> None:
    with pytest.raises(RepositoryMissing) as caught:
        Repository.open(tmp_path / "none")
    assert caught.value.exit_code is ExitCode.REPOSITORY_MISSING
    old = tmp_path / "old" / "backups" / "20250124T020000Z"
    old.mkdir(parents=True)
    (old / "MANIFEST.toml").touch()
    with pytest.raises(NotARepository, match=r"no repository\.toml"):
        Repository.open(tmp_path / "old")


def test_a_set_without_a_manifest_is_no_backup(repository: Repository) -> None:
    begin_backup(repository)
    assert repository.unfinished_names() == ("20250124T020000Z",)
    with pytest.raises(BackupNotFound, match="There is no backup in"):
        find_set(repository)


def test_who_is_missing_is_kept_with_the_reason(repository: Repository) -> None:
    failure = ManifestFailure(REGISTRY, "registry", "it is frozen", "Top it up.")
    write_backup(repository, failures=(failure,))
    manifest = open_backup(repository).manifest
    assert manifest.partial
    assert manifest.failures == (failure,)


def test_a_flipped_byte_in_any_record_is_found_when_it_is_opened(tmp_path: Path) -> None:
    repository = repository_in(tmp_path)
    name = write_backup(repository)
    folder = tmp_path / "backups" / name
    for record in (folder / "MANIFEST.toml", *(folder / "rune-engine").iterdir()):
        whole = record.read_bytes()
        for position in range(0, len(whole), 97):
            record.write_bytes(whole[:position] + bytes([whole[position] ^ 1]) + whole[position + 1 :])
            with pytest.raises(CorruptionError, match=re.escape(record.name)):
                read_everything(repository)
        record.write_bytes(whole)


def test_a_damaged_manifest_hides_no_other_backup(tmp_path: Path) -> None:
    repository = repository_in(tmp_path)
    older, newer = write_backup(repository), write_backup(repository, at=LATER)
    (tmp_path / "backups" / newer / "MANIFEST.toml").write_bytes(b"garbage")
    assert [backup.name for backup in readable_backups(repository)] == [older]
    with pytest.raises(CorruptionError):
        open_backup(repository)


def test_a_newer_format_is_named(tmp_path: Path) -> None:
    repository = repository_in(tmp_path)
    name = write_backup(repository)
    (tmp_path / "backups" / name / "MANIFEST.toml").write_bytes(seal({"format": 99}))
    with pytest.raises(NewerFormat, match="format 99"):
        open_backup(repository)


def test_everything_is_for_the_owner_alone(tmp_path: Path) -> None:
    write_backup(tmp_path / "deep" / "repository", BOTH)
    for item in (tmp_path / "deep").rglob("*"):
        assert item.stat().st_mode & 0o777 == (0o700 if item.is_dir() else 0o600), item
