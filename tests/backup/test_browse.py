from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from quri_console.backup.browse import (
    BackupNotFound,
    latest_backup_of,
    list_backups,
    list_unfinished,
    open_backup,
    verify_backup,
    verify_canister,
)
from quri_console.backup.manifest import ManifestFailure, NewerFormat, encode_manifest, read_manifest
from quri_console.backup.sealed import seal
from quri_console.errors import CorruptionError, ExitCode, UsageError
from quri_console.progress import ProgressEvent
from tests.support.backups import ORIGIN, REGISTRY, RUNE_ENGINE, MadeUpState, made_up_status, write_backup

BOTH = {("rune-engine", RUNE_ENGINE): MadeUpState(), ("registry", REGISTRY): MadeUpState(stable=b"", chunks=())}


class Recorder:
    def __init__(self) -> None:
        self.events: list[ProgressEvent] = []

    def report(self, event: ProgressEvent) -> None:
        self.events.append(event)


def _files(path: Path) -> list[Path]:
    return sorted(file for file in path.rglob("*") if file.is_file())


async def test_a_set_is_listed_opened_and_verified(tmp_path: Path) -> None:
    path = await write_backup(tmp_path, BOTH)
    assert path == tmp_path / "backups" / "20250124T020000Z"
    (summary,) = list_backups(tmp_path)
    assert (summary.name, summary.network, summary.partial, summary.damage) == (path.name, "local", False, None)
    assert [(entry.name, entry.canister_id) for entry in summary.canisters] == [
        ("rune-engine", RUNE_ENGINE.to_str()),
        ("registry", REGISTRY.to_str()),
    ]
    stored = open_backup(tmp_path).canister("registry")
    assert stored.label == "20250124T020000Z/registry"
    assert stored.status == made_up_status(BOTH["registry", REGISTRY])
    assert stored.metadata == BOTH["registry", REGISTRY].metadata()
    assert open_backup(tmp_path, path.name).canister(REGISTRY) == stored
    recorder = Recorder()
    verified = verify_backup(path, recorder)
    assert verified.total_bytes == summary.stored_bytes == recorder.events[-1].done == recorder.events[-1].total


async def test_the_newest_comes_first_and_is_the_latest(tmp_path: Path) -> None:
    moments = [datetime(2025, 1, day, tzinfo=UTC) for day in (3, 1, 2)]
    for moment in moments:
        await write_backup(tmp_path, at=moment)
    names = [summary.name for summary in list_backups(tmp_path)]
    assert names == ["20250103T000000Z", "20250102T000000Z", "20250101T000000Z"]
    assert open_backup(tmp_path).name == names[0]


async def test_the_latest_backup_of_a_canister_may_be_in_an_older_set(tmp_path: Path) -> None:
    await write_backup(tmp_path, BOTH)
    await write_backup(tmp_path, at=datetime(2025, 2, 1, tzinfo=UTC))
    assert latest_backup_of(tmp_path, REGISTRY).set_name == "20250124T020000Z"
    assert latest_backup_of(tmp_path, RUNE_ENGINE).set_name == "20250201T000000Z"


async def test_the_latest_backup_is_one_of_this_network_while_there_is_one(tmp_path: Path) -> None:
    await write_backup(tmp_path)
    elsewhere = replace(ORIGIN, root_key_hash=bytes(32))
    await write_backup(tmp_path, at=datetime(2025, 2, 1, tzinfo=UTC), origin=elsewhere)
    own = latest_backup_of(tmp_path, RUNE_ENGINE, root_key_hash=ORIGIN.root_key_hash)
    assert own.set_name == "20250124T020000Z"
    # with none of this network the newest is found, so that the plan can say whose it is
    other = latest_backup_of(tmp_path, RUNE_ENGINE, root_key_hash=b"\1" * 32)
    assert other.set_name == "20250201T000000Z"


def test_no_repository_is_an_empty_list_and_a_clear_error(tmp_path: Path) -> None:
    assert list_backups(tmp_path / "none") == ()
    with pytest.raises(BackupNotFound) as caught:
        open_backup(tmp_path / "none")
    assert caught.value.exit_code is ExitCode.REPOSITORY_MISSING


async def test_an_unknown_name_cannot_leave_the_repository(tmp_path: Path) -> None:
    await write_backup(tmp_path)
    for name in ("../backups/20250124T020000Z", "20250124T020001Z", "", "/etc"):
        with pytest.raises(BackupNotFound):
            open_backup(tmp_path, name)


async def test_an_unknown_canister_is_answered_with_what_there_is(tmp_path: Path) -> None:
    await write_backup(tmp_path, BOTH)
    with pytest.raises(UsageError, match="rune-engine, registry"):
        open_backup(tmp_path).canister("nobody")


async def test_directories_without_a_manifest_are_no_backups(tmp_path: Path) -> None:
    path = await write_backup(tmp_path)
    (path / "MANIFEST.toml").unlink()
    (tmp_path / "backups" / ".unfinished-20250125T020000Z").mkdir()
    (tmp_path / "backups" / "20251399T990000Z").mkdir()
    assert list_backups(tmp_path) == ()
    assert [item.name for item in list_unfinished(tmp_path)] == [".unfinished-20250125T020000Z"]


async def test_a_partial_set_says_who_is_missing(tmp_path: Path) -> None:
    failure = ManifestFailure(REGISTRY, "registry", "it is frozen", "Top it up.")
    path = await write_backup(tmp_path, failures=(failure,))
    (summary,) = list_backups(tmp_path)
    assert summary.partial
    assert summary.failures == ("registry: it is frozen",)
    assert read_manifest(path).failures == (failure,)


async def test_one_flipped_bit_in_any_byte_of_a_record_is_found(tmp_path: Path) -> None:
    path = await write_backup(tmp_path)
    for record in (path / "MANIFEST.toml", path / "rune-engine" / "status.toml"):
        whole = record.read_bytes()
        for position in range(0, len(whole), 7):
            record.write_bytes(whole[:position] + bytes([whole[position] ^ 1]) + whole[position + 1 :])
            with pytest.raises(CorruptionError, match=record.name):
                verify_backup(path)
        record.write_bytes(whole)
    verify_backup(path)


async def test_a_flipped_byte_in_each_file_is_found_and_named(tmp_path: Path) -> None:
    path = await write_backup(tmp_path, BOTH)
    files = _files(path)
    assert len(files) == 12
    for file in files:
        whole = file.read_bytes()
        if not whole:
            continue
        middle = len(whole) // 2
        file.write_bytes(whole[:middle] + bytes([whole[middle] ^ 0x80]) + whole[middle + 1 :])
        with pytest.raises(CorruptionError) as caught:
            verify_backup(path)
        assert str(file.relative_to(path)) in str(caught.value)
        assert caught.value.exit_code is ExitCode.CORRUPTION
        file.write_bytes(whole)
    verify_backup(path)


async def test_only_the_damaged_canister_is_refused(tmp_path: Path) -> None:
    path = await write_backup(tmp_path, BOTH)
    (path / "registry" / "wasm_memory.bin").unlink(missing_ok=True)
    (path / "registry" / "snapshot" / "wasm_memory.bin").write_bytes(b"")
    assert verify_canister(path, RUNE_ENGINE).name == "rune-engine"
    with pytest.raises(CorruptionError, match=r"wasm_memory\.bin of registry"):
        verify_canister(path, REGISTRY)
    with pytest.raises(UsageError):
        verify_canister(path, made_up_status().settings.controllers[0])


async def test_a_missing_file_is_found(tmp_path: Path) -> None:
    path = await write_backup(tmp_path)
    for file in _files(path):
        whole = file.read_bytes()
        file.unlink()
        with pytest.raises(CorruptionError, match=file.name):
            verify_backup(path)
        file.write_bytes(whole)


async def test_a_damaged_manifest_hides_no_other_backup(tmp_path: Path) -> None:
    await write_backup(tmp_path)
    newer = await write_backup(tmp_path, at=datetime(2025, 2, 1, tzinfo=UTC))
    (newer / "MANIFEST.toml").write_bytes(b"garbage")
    damaged, good = list_backups(tmp_path)
    assert damaged.name == newer.name
    assert damaged.damage
    assert damaged.taken_at == datetime(2025, 2, 1, tzinfo=UTC)
    assert good.damage is None


async def test_a_newer_format_is_named(tmp_path: Path) -> None:
    path = await write_backup(tmp_path)
    (path / "MANIFEST.toml").write_bytes(seal({"format": 2}))
    with pytest.raises(NewerFormat, match="format 2"):
        open_backup(tmp_path)
    assert list_backups(tmp_path)[0].damage


@pytest.mark.parametrize("escape", ["../outside", "/etc/passwd", "rune-engine/../../x", "elsewhere/x", "rune-engine"])
async def test_a_manifest_cannot_name_files_outside_its_set(tmp_path: Path, escape: str) -> None:
    path = await write_backup(tmp_path)
    manifest = read_manifest(path)
    forged = replace(
        manifest, files=(*manifest.files, replace(manifest.files[0], path=type(manifest.files[0].path)(escape)))
    )
    (path / "MANIFEST.toml").write_bytes(encode_manifest(forged))
    with pytest.raises(CorruptionError, match="file path"):
        verify_backup(path)


async def test_a_manifest_that_forgets_a_file_is_refused(tmp_path: Path) -> None:
    path = await write_backup(tmp_path)
    manifest = read_manifest(path)
    kept = tuple(file for file in manifest.files if file.path.name != "wasm_memory.bin")
    (path / "MANIFEST.toml").write_bytes(encode_manifest(replace(manifest, files=kept)))
    with pytest.raises(CorruptionError, match=r"does not list rune-engine/snapshot/wasm_memory\.bin"):
        verify_backup(path)


async def test_a_linked_canister_folder_is_refused(tmp_path: Path) -> None:
    path = await write_backup(tmp_path)
    (path / "rune-engine").rename(tmp_path / "elsewhere")
    (path / "rune-engine").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(CorruptionError, match="not a folder"):
        verify_backup(path)


async def test_everything_is_for_the_owner_alone(tmp_path: Path) -> None:
    path = await write_backup(tmp_path / "deep" / "repository", BOTH)
    for item in (tmp_path / "deep").rglob("*"):
        assert item.stat().st_mode & 0o777 == (0o700 if item.is_dir() else 0o600), item
    assert path.stat().st_mode & 0o777 == 0o700
