from __future__ import annotations

import os
from pathlib import Path

import pytest

from quri_console.backup.interchange import SLICE_BYTES, Slice, read_snapshot_directory, slices_of
from quri_console.backup.state import iter_slices, state_bytes
from quri_console.errors import CorruptionError
from quri_console.repository.chunking import is_zero
from quri_console.units import WASM_PAGE_BYTES
from tests.support.backups import MadeUpState, write_snapshot

STATE = MadeUpState()


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    write_snapshot(tmp_path / "snapshot", STATE)
    return tmp_path / "snapshot"


def test_slices_cover_each_blob_once_and_fit_into_one_answer() -> None:
    state = MadeUpState(heap=bytes(61 * WASM_PAGE_BYTES), stable=bytes(30 * WASM_PAGE_BYTES))
    assert list(slices_of(state.metadata())) == [
        Slice("wasm_module", 0, len(state.module)),
        Slice("wasm_memory", 0, SLICE_BYTES),
        Slice("wasm_memory", SLICE_BYTES, SLICE_BYTES),
        Slice("wasm_memory", 2 * SLICE_BYTES, WASM_PAGE_BYTES),
        Slice("stable_memory", 0, SLICE_BYTES),
    ]
    assert SLICE_BYTES <= 2_000_000


def test_a_directory_reads_back_as_it_was_written(directory: Path) -> None:
    opened = read_snapshot_directory(directory, module_hash=STATE.module_hash())
    assert opened.metadata == STATE.metadata()
    content = {"wasm_module": b"", "wasm_memory": b"", "stable_memory": b""}
    for part, data in iter_slices(opened, slice_bytes=WASM_PAGE_BYTES):
        assert part.offset == len(content[part.blob])
        content[part.blob] += data
    assert content == {"wasm_module": STATE.module, "wasm_memory": STATE.heap, "stable_memory": STATE.stable}
    digest = STATE.metadata().wasm_chunk_store[0]
    assert opened.chunk_path(digest).read_bytes() == opened.chunk(digest) == STATE.chunks[0]
    assert state_bytes(opened) == opened.state_bytes + len(STATE.chunks[0])


def test_the_files_that_icp_adds_are_ignored(directory: Path) -> None:
    (directory / ".lock").touch()
    (directory / ".upload_progress.json").write_text("{}")
    assert read_snapshot_directory(directory).metadata == STATE.metadata()


def test_an_empty_stable_memory_may_have_no_file(tmp_path: Path) -> None:
    write_snapshot(tmp_path / "snapshot", MadeUpState(stable=b""))
    (tmp_path / "snapshot" / "stable_memory.bin").unlink()
    assert read_snapshot_directory(tmp_path / "snapshot").metadata.stable_memory_size == 0


@pytest.mark.parametrize("name", ["metadata.json", "wasm_module.bin", "wasm_memory.bin", "stable_memory.bin"])
def test_a_missing_file_is_named(directory: Path, name: str) -> None:
    (directory / name).unlink()
    with pytest.raises(CorruptionError, match=name):
        read_snapshot_directory(directory)


@pytest.mark.parametrize("name", ["wasm_module.bin", "wasm_memory.bin", "stable_memory.bin"])
@pytest.mark.parametrize("change", [-1, 1])
def test_a_size_other_than_the_metadata_says_is_refused(directory: Path, name: str, change: int) -> None:
    path = directory / name
    os.truncate(path, path.stat().st_size + change)
    with pytest.raises(CorruptionError, match=name):
        read_snapshot_directory(directory)


def test_a_changed_chunk_is_refused(directory: Path) -> None:
    path = next((directory / "wasm_chunk_store").iterdir())
    path.write_bytes(b"something else")
    with pytest.raises(CorruptionError, match="SHA-256 in its name"):
        read_snapshot_directory(directory)


def test_an_oversized_chunk_is_not_even_read(directory: Path) -> None:
    path = next((directory / "wasm_chunk_store").iterdir())
    os.truncate(path, 1 << 40)
    with pytest.raises(CorruptionError, match="too large"):
        read_snapshot_directory(directory)


def test_another_module_than_the_installed_one_is_refused(directory: Path) -> None:
    with pytest.raises(CorruptionError, match="not the module"):
        read_snapshot_directory(directory, module_hash=bytes(32))


@pytest.mark.parametrize("name", ["metadata.json", "wasm_module.bin", "wasm_memory.bin", "stable_memory.bin"])
def test_links_are_never_followed(directory: Path, tmp_path: Path, name: str) -> None:
    (directory / name).rename(tmp_path / name)
    (directory / name).symlink_to(tmp_path / name)
    with pytest.raises(CorruptionError, match="not a plain file"):
        read_snapshot_directory(directory)


def test_a_linked_chunk_store_is_refused(directory: Path, tmp_path: Path) -> None:
    (directory / "wasm_chunk_store").rename(tmp_path / "elsewhere")
    (directory / "wasm_chunk_store").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(CorruptionError, match="not a folder"):
        read_snapshot_directory(directory)


def test_a_linked_directory_is_refused(directory: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(directory)
    with pytest.raises(CorruptionError, match="not a folder"):
        read_snapshot_directory(tmp_path / "link")


def test_a_pipe_in_place_of_a_file_neither_hangs_nor_passes(directory: Path) -> None:
    (directory / "wasm_memory.bin").unlink()
    os.mkfifo(directory / "wasm_memory.bin")
    with pytest.raises(CorruptionError, match="not a plain file"):
        read_snapshot_directory(directory)


def test_a_file_that_shrinks_while_it_is_read_is_noticed(directory: Path) -> None:
    opened = read_snapshot_directory(directory)
    os.truncate(directory / "stable_memory.bin", 10)
    with pytest.raises(CorruptionError, match="shorter"):
        list(iter_slices(opened))


@pytest.mark.parametrize("size", [0, 1, 63, 64, 65, 5000])
def test_zeros_are_told_from_everything_else(size: int) -> None:
    assert is_zero(bytes(size))
    assert is_zero(memoryview(bytes(size)))
    for position in {0, size // 2, size - 1} if size else ():
        data = bytearray(size)
        data[position] = 1
        assert not is_zero(bytes(data))
        assert not is_zero(memoryview(data))
