"""Two opened sides compared to the page: by stored names where they mean the same, else by reading."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quri_console.backup.browse import open_backup
from quri_console.backup.canister_facts import CanisterFacts
from quri_console.backup.compare_sides import OpenSide, compare_sides
from quri_console.backup.comparison import Side
from quri_console.backup.interchange import Slice
from quri_console.backup.readable_state import KeptState
from quri_console.backup.side_opening import open_directory, open_stored
from quri_console.image.page_diff import ByteRange
from quri_console.repository.store import Repository
from quri_console.units import WASM_PAGE_BYTES
from tests.support.compared_states import NAME, Copy, MadeState, module, new_repository, write_set
from tests.support.guinea_pig import Recorder

if TYPE_CHECKING:
    from quri_console.ic.management.types import SnapshotMetadata

PAGE = WASM_PAGE_BYTES
STATE = MadeState(heap=b"a" * PAGE + bytes(4 * PAGE) + b"z" * PAGE)
CHANGED = replace(STATE, heap=b"a" * PAGE + bytes(2 * PAGE) + b"new!" + bytes(2 * PAGE - 4) + b"z" * PAGE)
CHANGED_RANGES = (ByteRange(3 * PAGE, 3 * PAGE + 16_384),)


def stored(path: Path, state: MadeState = STATE, *, id_key: bytes | None = None, **copy: object) -> OpenSide:
    """A copy in a repository of its own, with one cycle's worth of difference to nothing."""
    repository = new_repository(path, id_key=id_key)
    return stored_in(repository, state, **copy)


def stored_in(repository: Repository, state: MadeState, **copy: object) -> OpenSide:
    name = write_set(repository, {NAME: Copy(state, **copy)})  # type: ignore[arg-type]
    return open_stored(open_backup(repository, name).canister(NAME))


def in_memory(state: MadeState) -> OpenSide:
    facts = CanisterFacts(Side("directory", "memory", NAME, None, None)).with_snapshot(state.metadata)
    return OpenSide(facts, KeptState(state))


@dataclass
class Counting:
    """A state that tells how many bytes of it were read."""

    state: MadeState
    read_bytes: int = 0
    asked: list[Slice] = field(default_factory=list)

    @property
    def metadata(self) -> SnapshotMetadata:
        return self.state.metadata

    def read(self, part: Slice) -> bytes:
        self.read_bytes += part.size
        self.asked.append(part)
        return self.state.read(part)

    def is_zero(self, part: Slice) -> bool:
        return self.state.is_zero(part)

    def chunk(self, digest: bytes) -> bytes:
        return self.state.chunk(digest)

    def chunk_bytes(self, digest: bytes) -> int:
        return self.state.chunk_bytes(digest)


@pytest.mark.parametrize(
    ("left_key", "right_key"),
    [(None, None), (b"k" * 32, None), (None, b"k" * 32), (b"k" * 32, b"l" * 32), (b"k" * 32, b"k" * 32)],
)
async def test_the_changed_pages_are_found_across_any_two_repositories(
    tmp_path: Path, left_key: bytes | None, right_key: bytes | None
) -> None:
    left = stored(tmp_path / "left", id_key=left_key)
    right = stored(tmp_path / "right", CHANGED, id_key=right_key)
    comparison = await compare_sides(left, right)
    assert comparison.memory["wasm_memory"].changed == CHANGED_RANGES
    assert comparison.memory["wasm_memory"].changed_pages == 1
    assert comparison.memory["stable_memory"].changed == ()
    assert comparison.differing_parts == ("memory",)
    assert (await compare_sides(left, left)).identical


async def test_blobs_cut_into_chunks_of_other_sizes_are_read_and_compared_exactly(tmp_path: Path) -> None:
    left = stored(tmp_path / "left", chunk_bytes=65_536)
    right = stored(tmp_path / "right", CHANGED)
    forth, back = await compare_sides(left, right), await compare_sides(right, left)
    assert forth.memory["wasm_memory"].changed == (ByteRange(3 * PAGE, 4 * PAGE),)
    assert back.memory["wasm_memory"].changed == CHANGED_RANGES
    assert forth.memory["wasm_memory"].exact


async def test_a_snapshot_directory_is_compared_with_a_backup(tmp_path: Path) -> None:
    folder = open_directory(CHANGED.write_directory(tmp_path / "download"), "download")
    comparison = await compare_sides(stored(tmp_path / "repository"), folder)
    assert comparison.memory["wasm_memory"].changed == CHANGED_RANGES
    assert comparison.module_hash.is_known
    assert not comparison.module_differs
    assert comparison.not_compared() == ("settings", "controllers")
    assert (await compare_sides(folder, folder)).identical


async def test_only_the_side_without_names_is_read(tmp_path: Path) -> None:
    counting = Counting(CHANGED)
    right = OpenSide(in_memory(CHANGED).facts, KeptState(counting))
    progress = Recorder()
    left = stored(tmp_path / "repository")
    await compare_sides(left, right, parts=("memory",), progress=progress)
    assert counting.read_bytes == len(CHANGED.heap) + len(CHANGED.stable)
    assert {(event.phase, event.total) for event in progress.events} == {
        ("read heap", len(CHANGED.heap)),
        ("read stable memory", len(CHANGED.stable)),
    }


async def test_nothing_is_read_for_parts_that_are_not_wanted() -> None:
    counting = Counting(CHANGED)
    side = OpenSide(in_memory(CHANGED).facts, KeptState(counting))
    await compare_sides(in_memory(STATE), side, parts=("settings",))
    assert counting.read_bytes == 0
    comparison = await compare_sides(in_memory(STATE), side, parts=("interface",))
    assert counting.read_bytes == len(CHANGED.module)
    assert comparison.interface.is_known
    assert comparison.memory == {}


async def test_the_module_itself_tells_its_interface_before_the_record_does(tmp_path: Path) -> None:
    carrying = MadeState(module=module(interface="service : { get : () -> (nat) query }"))
    silent = MadeState(module=module(interface=None))
    recorded = "service : { other : () -> () }"
    left = stored(tmp_path / "left", carrying, interface=recorded)
    right = stored(tmp_path / "right", silent, interface=recorded)
    changes = (await compare_sides(left, right)).interface
    assert [method.name for method in changes.removed] == ["get"]
    assert [method.name for method in changes.added] == ["other"]
    assert changes.compatible is False


async def test_a_module_that_cannot_be_read_is_a_note(tmp_path: Path) -> None:
    comparison = await compare_sides(in_memory(STATE), stored(tmp_path / "right", MadeState(module=b"no module")))
    assert comparison.module is None
    assert comparison.module_differs
    assert any("right: The module cannot be read" in note for note in comparison.notes)


chunks = st.lists(st.sampled_from([b"a" * 16_384, b"b" * 16_384, bytes(16_384)]), max_size=8).map(b"".join)
heaps = st.builds(bytes.__add__, chunks, st.binary(max_size=20))


@given(heaps, heaps)
async def test_the_changed_ranges_are_those_of_the_chunks_that_differ(left: bytes, right: bytes) -> None:
    forth = await compare_sides(in_memory(MadeState(heap=left)), in_memory(MadeState(heap=right)), parts=("memory",))
    back = await compare_sides(in_memory(MadeState(heap=right)), in_memory(MadeState(heap=left)), parts=("memory",))
    change = forth.memory["wasm_memory"]
    assert change.changed == back.memory["wasm_memory"].changed
    differing = {at // 16_384 for at in range(min(len(left), len(right))) if left[at] != right[at]}
    found = {at // 16_384 for part in change.changed for at in range(part.start, part.end, 1)}
    common = range(min(len(left), len(right)) // 16_384)
    assert {chunk for chunk in found if chunk in common} == {chunk for chunk in differing if chunk in common}
    assert (change.changed_bytes == 0 and change.exact) <= (left == right)
