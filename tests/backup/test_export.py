"""A stored state as the directory that the official tools upload: all of it, or nothing."""

from __future__ import annotations

import math
import os
from dataclasses import replace
from pathlib import Path

import pytest

from quri_console.backup.browse import NoState, StoredCanister, open_backup
from quri_console.backup.export import export_state, refused_by_icp
from quri_console.backup.interchange import read_snapshot_directory
from quri_console.backup.state import StoredState
from quri_console.errors import CorruptionError, UsageError
from quri_console.ic.management.types import Global
from quri_console.repository.files import StorageFailed
from quri_console.units import WASM_PAGE_BYTES
from tests.support.backups import RUNE_ENGINE, MadeUpState, repository_in, write_backup, write_snapshot
from tests.support.guinea_pig import Recorder

# one page at the head of each of three slices, the rest of them zero
STATE = MadeUpState(heap=(b"head" * (WASM_PAGE_BYTES // 4) + bytes(29 * WASM_PAGE_BYTES)) * 3, chunks=(b"one", b"two"))


def stored(folder: Path, state: MadeUpState = STATE, **changes: object) -> StoredCanister:
    repository = repository_in(folder / "repository")
    write_backup(repository, {("rune-engine", RUNE_ENGINE): state}, **changes)  # type: ignore[arg-type]
    return open_backup(repository).canister("rune-engine")


def files(directory: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(directory)): path.read_bytes() for path in sorted(directory.rglob("*")) if path.is_file()
    }


def test_the_directory_is_the_one_that_the_snapshot_was(tmp_path: Path) -> None:
    write_snapshot(tmp_path / "original", STATE)
    progress = Recorder()
    exported = export_state(stored(tmp_path), tmp_path / "exported", progress)
    assert files(tmp_path / "exported") == files(tmp_path / "original")
    assert read_snapshot_directory(tmp_path / "exported").metadata == STATE.metadata()
    assert (exported.files, exported.refused_by_icp) == (6, "")
    last = progress.events[-1]
    assert (last.done, last.total, last.unit) == (exported.state_bytes, exported.state_bytes, "bytes")


def test_zeros_are_holes_and_all_of_it_is_for_the_owner_alone(tmp_path: Path) -> None:
    export_state(stored(tmp_path), tmp_path / "exported")
    found = (tmp_path / "exported" / "wasm_memory.bin").stat()
    assert found.st_size == len(STATE.heap)
    assert found.st_blocks * 512 <= 4 * WASM_PAGE_BYTES
    for path in (tmp_path / "exported", *(tmp_path / "exported").rglob("*")):
        assert path.stat().st_mode & 0o777 == (0o700 if path.is_dir() else 0o600), path


def test_a_state_without_memories_has_all_files_nevertheless(tmp_path: Path) -> None:
    export_state(stored(tmp_path, MadeUpState(heap=b"", stable=b"", chunks=())), tmp_path / "exported")
    assert (tmp_path / "exported" / "wasm_chunk_store").is_dir()
    assert (tmp_path / "exported" / "stable_memory.bin").read_bytes() == b""
    read_snapshot_directory(tmp_path / "exported")


@pytest.mark.parametrize("there", ["file", "folder", "link"])
def test_what_is_there_already_is_never_touched(tmp_path: Path, there: str) -> None:
    target = tmp_path / "exported"
    if there == "file":
        target.write_text("mine")
    elif there == "folder":
        target.mkdir()
    else:
        target.symlink_to(tmp_path / "nowhere")
    with pytest.raises(UsageError, match="there already"):
        export_state(stored(tmp_path), target)
    assert os.path.lexists(target)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["exported", "repository"]


def test_a_missing_parent_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no folder"):
        export_state(stored(tmp_path), tmp_path / "none" / "exported")


def test_a_copy_without_state_cannot_be_exported(tmp_path: Path) -> None:
    with pytest.raises(NoState):
        export_state(stored(tmp_path, mode="metadata"), tmp_path / "exported")


def test_a_damaged_pack_leaves_nothing_behind(tmp_path: Path) -> None:
    stored(tmp_path)
    for pack in (tmp_path / "repository" / "packs").rglob("*"):
        if pack.is_file():
            data = bytearray(pack.read_bytes())
            data[-10] ^= 0xFF
            pack.write_bytes(data)
    fresh = open_backup(repository_in(tmp_path / "repository")).canister("rune-engine")
    with pytest.raises(CorruptionError):
        export_state(fresh, tmp_path / "exported")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["repository"]


def test_a_module_other_than_the_manifest_names_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CorruptionError, match="module"):
        export_state(stored(tmp_path, module_hash=bytes(32)), tmp_path / "exported")
    assert not (tmp_path / "exported").exists()


def test_a_chunk_of_the_chunk_store_without_its_hash_is_refused(tmp_path: Path) -> None:
    found = stored(tmp_path)
    state = found.require_state()
    digests = tuple(reversed(state.metadata.wasm_chunk_store))
    swapped = StoredState(
        state.repository, state.manifest, state.folder, replace(state.metadata, wasm_chunk_store=digests), (3, 3)
    )
    with pytest.raises(CorruptionError, match="chunk store"):
        export_state(replace(found, state=swapped), tmp_path / "exported")


def test_a_place_that_cannot_be_written_is_a_clear_failure(tmp_path: Path) -> None:
    with pytest.raises(StorageFailed, match="export 20250124T020000Z/rune-engine"):
        export_state(stored(tmp_path), Path("/proc/exported"))


def test_a_lost_lock_stops_it_and_leaves_nothing(tmp_path: Path) -> None:
    def lost() -> None:
        raise RuntimeError("the lock is gone")

    with pytest.raises(RuntimeError):
        export_state(stored(tmp_path), tmp_path / "exported", still_locked=lost)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["repository"]


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_float_that_json_cannot_say_is_told_with_its_place(tmp_path: Path, value: float) -> None:
    state = MadeUpState(globals=(None, Global("i32", 1), Global("f32", value)))
    assert "Global 2" in export_state(stored(tmp_path, state), tmp_path / "exported").refused_by_icp
    # our own reader takes it back to the bit
    (found,) = (
        item for item in read_snapshot_directory(tmp_path / "exported").metadata.globals if item and item.kind == "f32"
    )
    assert math.isnan(found.value) if math.isnan(value) else found.value == value
    assert refused_by_icp(MadeUpState().metadata()) == ""
