"""The files of a stored canister under the names that an operator uses."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from quri_console.backup.browse import StoredCanister, open_backup
from quri_console.backup.contents import BLOCK_BYTES, content_file, content_files, save_content
from quri_console.backup.status_record import decode_status
from quri_console.errors import CorruptionError, UsageError
from quri_console.repository.store import Repository
from quri_console.units import WASM_PAGE_BYTES
from tests.support.backups import INTERFACE, MadeUpState, made_up_status, repository_in, write_backup

STATE = MadeUpState(heap=b"heap" * (8 * WASM_PAGE_BYTES), chunks=(b"one", b"two"))
FILES = {
    "extras.toml": "text",
    "interface.did": "text",
    "snapshot.toml": "text",
    "status.toml": "text",
    "wasm_module.bin": "binary",
    "wasm_memory.bin": "binary",
    "stable_memory.bin": "binary",
    **{f"chunk_store/{hashlib.sha256(chunk).hexdigest()}.bin": "binary" for chunk in STATE.chunks},
}


def whole(stored: StoredCanister, name: str) -> bytes:
    return b"".join(content_file(stored, name).blocks())


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return repository_in(tmp_path / "repository")


@pytest.fixture
def stored(repository: Repository) -> StoredCanister:
    from tests.support.backups import RUNE_ENGINE

    write_backup(repository, {("rune-engine", RUNE_ENGINE): STATE})
    return open_backup(repository).canister("rune-engine")


def test_records_and_blobs_are_listed_with_the_sizes_that_they_read_as(stored: StoredCanister) -> None:
    files = content_files(stored)
    assert {file.name: file.kind for file in files} == FILES
    for file in files:
        assert sum(map(len, file.blocks())) == file.size, file.name


def test_every_file_reads_as_it_was_stored(stored: StoredCanister) -> None:
    assert whole(stored, "wasm_memory.bin") == STATE.heap
    assert whole(stored, "stable_memory.bin") == STATE.stable
    assert whole(stored, "wasm_module.bin") == STATE.module
    assert whole(stored, "interface.did") == INTERFACE
    assert decode_status(whole(stored, "status.toml"), "it") == made_up_status(STATE)
    for chunk in STATE.chunks:
        assert whole(stored, f"chunk_store/{hashlib.sha256(chunk).hexdigest()}.bin") == chunk


@pytest.mark.parametrize(("offset", "size"), [(0, 0), (3, 5), (BLOCK_BYTES - 1, 2), (BLOCK_BYTES, None), (1 << 40, 9)])
def test_a_range_is_that_part_of_the_bytes(stored: StoredCanister, offset: int, size: int | None) -> None:
    end = None if size is None else offset + size
    assert b"".join(content_file(stored, "wasm_memory.bin").blocks(offset, size)) == STATE.heap[offset:end]


def test_an_unknown_file_is_answered_with_what_there_is(stored: StoredCanister) -> None:
    with pytest.raises(UsageError, match=r"status\.toml, wasm_module\.bin"):
        content_file(stored, "../status.toml")


def test_a_copy_without_state_has_records_alone(repository: Repository) -> None:
    write_backup(repository, mode="metadata")
    stored = open_backup(repository).canister("rune-engine")
    assert {file.kind for file in content_files(stored)} == {"text"}


def test_a_file_is_saved_for_its_owner_alone_and_replaces_nothing(stored: StoredCanister, tmp_path: Path) -> None:
    file = content_file(stored, "wasm_memory.bin")
    assert save_content(file, tmp_path / "heap", 4, 8) == 8
    assert (tmp_path / "heap").read_bytes() == STATE.heap[4:12]
    assert (tmp_path / "heap").stat().st_mode & 0o777 == 0o600
    with pytest.raises(UsageError, match="there already"):
        save_content(file, tmp_path / "heap")
    (tmp_path / "link").symlink_to("/etc/passwd")
    with pytest.raises(UsageError, match="there already"):
        save_content(file, tmp_path / "link")


def test_nothing_is_left_of_a_file_that_is_damaged(
    stored: StoredCanister, repository: Repository, tmp_path: Path
) -> None:
    for pack in (tmp_path / "repository" / "packs").rglob("*"):
        if pack.is_file():
            pack.write_bytes(pack.read_bytes()[:-20] + bytes(20))
    fresh = open_backup(repository_in(tmp_path / "repository")).canister("rune-engine")
    with pytest.raises(CorruptionError):
        save_content(content_file(fresh, "stable_memory.bin"), tmp_path / "stable")
    assert not (tmp_path / "stable").exists()
