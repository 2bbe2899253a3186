"""Names of chunks that can be compared: those of a repository, or plain ones made by reading."""

from __future__ import annotations

import hashlib
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from quri_console.backup.browse import open_backup
from quri_console.backup.chunk_maps import PLAIN_SHA256, chunk_map_of, chunk_names, naming_of, stored_chunk_map
from quri_console.backup.interchange import SLICE_BYTES
from tests.support.compared_states import NAME, Copy, MadeState, new_repository, write_set

CHUNK = 16_384


def test_chunks_are_named_by_their_sha256_and_zeros_by_none() -> None:
    data = b"a" * CHUNK + bytes(CHUNK) + b"b"
    assert chunk_names(data, CHUNK) == [
        hashlib.sha256(b"a" * CHUNK).digest(),
        None,
        hashlib.sha256(b"b").digest(),
    ]


@given(st.lists(st.sampled_from([b"a" * CHUNK, b"b" * CHUNK, bytes(CHUNK)]), max_size=6), st.binary(max_size=9))
def test_reading_in_slices_names_the_same_as_reading_at_once(chunks: list[bytes], rest: bytes) -> None:
    heap = b"".join(chunks) + rest
    found = chunk_map_of(MadeState(heap=heap), "wasm_memory", chunk_bytes=CHUNK)
    assert list(found.ids) == chunk_names(heap, CHUNK)
    assert found.total_bytes == len(heap)


def test_every_slice_is_reported_when_it_was_read() -> None:
    state, seen = MadeState(heap=b"x" * (SLICE_BYTES + 5)), list[int]()
    chunk_map_of(state, "wasm_memory", chunk_bytes=CHUNK, report=seen.append)
    assert seen == [SLICE_BYTES, 5]


def test_a_repository_in_the_clear_has_plain_names_already(tmp_path: Path) -> None:
    repository = new_repository(tmp_path / "repository")
    write_set(repository)
    state = open_backup(repository).canister(NAME).require_state()
    assert naming_of(state) == PLAIN_SHA256
    stored = stored_chunk_map(state, "wasm_memory")
    assert stored is not None
    assert list(stored.ids) == list(chunk_map_of(state, "wasm_memory", chunk_bytes=stored.chunk_bytes).ids)


def test_an_encrypted_repository_has_names_of_its_own(tmp_path: Path) -> None:
    repository = new_repository(tmp_path / "repository", id_key=b"k" * 32)
    write_set(repository, {NAME: Copy(MadeState(heap=b"heap"))})
    state = open_backup(repository).canister(NAME).require_state()
    assert naming_of(state) == repository.id
    stored, plain = stored_chunk_map(state, "wasm_memory"), chunk_map_of(state, "wasm_memory", chunk_bytes=CHUNK)
    assert stored is not None
    assert stored.ids != tuple(plain.ids)
    assert list(plain.ids) == [hashlib.sha256(b"heap").digest()]


def test_a_state_outside_of_a_repository_has_no_names() -> None:
    assert naming_of(MadeState()) is None
    assert stored_chunk_map(MadeState(), "wasm_memory") is None
