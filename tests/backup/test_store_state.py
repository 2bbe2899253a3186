"""A state out of files into the repository, byte for byte and without copies of what is there."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

from quri_console.backup.interchange import read_snapshot_directory
from quri_console.backup.store_state import store_state
from quri_console.errors import CorruptionError
from quri_console.repository.chunk_list import ChunkList
from quri_console.repository.store import Blob
from quri_console.units import WASM_PAGE_BYTES
from tests.support.backups import MadeUpState, repository_in, write_snapshot

MANY_SLICES = MadeUpState(
    heap=bytes(40 * WASM_PAGE_BYTES) + b"end" + bytes(WASM_PAGE_BYTES - 3), chunks=(b"one", b"two" * 9000)
)


def test_every_blob_reads_back_and_zeros_are_stored_nowhere(tmp_path: Path) -> None:
    write_snapshot(tmp_path / "snapshot", MANY_SLICES)
    repository = repository_in(tmp_path / "repository")
    chunks, sizes = repository.chunk_writer(), list[int]()
    copied = store_state(read_snapshot_directory(tmp_path / "snapshot"), chunks, sizes.append)
    chunks.flush()
    contents = {name: Blob(found, repository).read(0, found.total_bytes) for name, found in copied.lists.items()}
    assert contents["wasm_module"] == MANY_SLICES.module
    assert contents["wasm_memory"] == MANY_SLICES.heap
    assert contents["stable_memory"] == MANY_SLICES.stable
    assert copied.chunk_sizes == (3, 27_000)
    # each chunk of the store begins at a boundary of its own
    assert contents["chunk_store"][:3] == b"one"
    assert contents["chunk_store"][16_384 : 16_384 + 27_000] == b"two" * 9000
    assert sum(sizes) == copied.state_bytes
    assert sum(1 for _ in copied.lists["wasm_memory"].stored_ids) == 1


def test_the_same_state_has_the_same_lists_and_is_stored_once(tmp_path: Path) -> None:
    write_snapshot(tmp_path / "snapshot", MANY_SLICES)
    repository = repository_in(tmp_path / "repository")
    found: list[dict[str, ChunkList]] = []
    for _ in range(2):
        chunks = repository.chunk_writer()
        found.append(dict(store_state(read_snapshot_directory(tmp_path / "snapshot"), chunks).lists))
        chunks.flush()
    assert found[0] == found[1]
    assert chunks.totals.new_bytes == 0


def test_a_state_without_anything_but_a_module_has_no_chunk_store(tmp_path: Path) -> None:
    write_snapshot(tmp_path / "snapshot", MadeUpState(heap=b"", stable=b"", chunks=()))
    copied = store_state(read_snapshot_directory(tmp_path / "snapshot"), repository_in(tmp_path / "r").chunk_writer())
    assert {name: len(found.ids) for name, found in copied.lists.items()} == {
        "wasm_module": 1,
        "wasm_memory": 0,
        "stable_memory": 0,
    }


def test_a_chunk_that_changes_after_it_was_looked_at_is_refused(tmp_path: Path) -> None:
    write_snapshot(tmp_path / "snapshot", MANY_SLICES)
    opened = read_snapshot_directory(tmp_path / "snapshot")
    opened.chunk_path(hashlib.sha256(b"one").digest()).write_bytes(b"won")
    with pytest.raises(CorruptionError, match="does not have the hash"):
        store_state(replace(opened), repository_in(tmp_path / "repository").chunk_writer())
