"""Memories compared by the names of their chunks say what a comparison byte by byte would say."""

from __future__ import annotations

import hashlib
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quri_console.image.page_diff import ByteRange, ChunkMap, MemoryChange, compare_memory, largest, page_map
from quri_console.units import KIB, WASM_PAGE_BYTES

GRAIN = 16 * KIB
"""The unit of the large memories here: all their sizes are multiples of it."""


def chunk_map(memory: bytes, chunk_bytes: int) -> ChunkMap:
    chunks = [memory[start : start + chunk_bytes] for start in range(0, len(memory), chunk_bytes)]
    return ChunkMap(
        chunk_bytes, len(memory), [hashlib.sha256(chunk).digest() if any(chunk) else None for chunk in chunks]
    )


def covered(ranges: tuple[ByteRange, ...]) -> list[int]:
    return [position for start, end in ranges for position in range(start, end)]


def change_of(*ranges: tuple[int, int], total: int) -> MemoryChange:
    parts = tuple(ByteRange(*part) for part in ranges)
    return MemoryChange(total, total, parts, sum(part.size_bytes for part in parts), 0, 0, 0)


memories = st.binary(max_size=40) | st.lists(st.sampled_from([0, 0, 0, 1]), max_size=60).map(bytes)
chunk_sizes = st.integers(1, 9)
ids = st.sampled_from([None, b"a", b"b", b"c"])


@st.composite
def pairs_of_memories(draw: st.DrawFn) -> tuple[bytes, bytes]:
    """Often alike, as two states of one canister are."""
    left = draw(memories)
    right = bytearray(draw(memories) if draw(st.booleans()) else left)
    for _ in range(draw(st.integers(0, 3))):
        if right:
            right[draw(st.integers(0, len(right) - 1))] = draw(st.integers(0, 255))
    right += draw(st.binary(max_size=12))
    return left, bytes(right)


@st.composite
def pairs_of_large_maps(draw: st.DrawFn) -> tuple[ChunkMap, ChunkMap]:
    """Memories of some Wasm pages, cut as the repository cuts them; mostly both alike."""
    first, second = draw(st.sampled_from([(1, 1), (4, 4), (20, 20), (1, 4)]))
    left = large_map(draw, first, draw(st.integers(0, 60)))
    same_size = first == second and draw(st.booleans())
    return left, large_map(draw, second, left.total_bytes // GRAIN if same_size else draw(st.integers(0, 60)))


def large_map(draw: st.DrawFn, chunk_grains: int, grains: int) -> ChunkMap:
    count = -(-grains // chunk_grains)
    return ChunkMap(chunk_grains * GRAIN, grains * GRAIN, draw(st.lists(ids, min_size=count, max_size=count)))


def test_one_changed_chunk_is_one_range_and_one_page() -> None:
    left = ChunkMap(GRAIN, 8 * GRAIN, [b"a"] * 8)
    right = ChunkMap(GRAIN, 8 * GRAIN, [*[b"a"] * 5, b"b", *[b"a"] * 2])
    assert compare_memory(left, right) == MemoryChange(
        left_bytes=8 * GRAIN,
        right_bytes=8 * GRAIN,
        changed=(ByteRange(5 * GRAIN, 6 * GRAIN),),
        changed_bytes=GRAIN,
        changed_pages=1,
        pages_total=2,
        unknown_bytes=0,
    )


def test_chunks_side_by_side_are_one_range_and_growth_joins_it() -> None:
    change = compare_memory(ChunkMap(4, 12, [b"a", None, b"c"]), ChunkMap(4, 20, [b"a", b"b", b"d", b"e", None]))
    assert change.changed == (ByteRange(4, 20),)
    assert change.exact
    assert change.total_bytes == 20


@pytest.mark.parametrize(("left", "right"), [(b"", b"abc"), (b"abc", b"")])
def test_a_memory_that_one_side_lacks_is_changed_as_a_whole(left: bytes, right: bytes) -> None:
    change = compare_memory(chunk_map(left, 2), chunk_map(right, 2))
    assert (change.changed, change.changed_bytes, change.unknown_bytes) == ((ByteRange(0, 3),), 3, 0)


def test_two_empty_memories_do_not_differ() -> None:
    change = compare_memory(ChunkMap(4, 0, []), ChunkMap(8, 0, []))
    assert (change.changed, change.pages_total, change.exact) == ((), 0, True)
    assert page_map(change, 3) == (0.0, 0.0, 0.0)


def test_maps_of_different_chunk_sizes_tell_only_sizes() -> None:
    change = compare_memory(ChunkMap(4, 8, [None, None]), ChunkMap(8, 12, [None, None]))
    assert change.changed == (ByteRange(8, 12),)
    assert (change.unknown_bytes, change.exact) == (8, False)


@pytest.mark.parametrize(
    ("short", "long", "changed", "unknown"),
    [
        (b"a", b"a", (ByteRange(6, 12),), 2),
        (None, b"a", (ByteRange(6, 12),), 2),
        (b"a", None, (ByteRange(4, 12),), 0),
        (None, None, (ByteRange(6, 12),), 0),
    ],
)
def test_the_chunk_in_which_only_one_side_ends_is_unknown_unless_zeros_decide(
    short: bytes | None, long: bytes | None, changed: tuple[ByteRange, ...], unknown: int
) -> None:
    shorter, longer = ChunkMap(4, 6, [b"x", short]), ChunkMap(4, 12, [b"x", long, None])
    for change in (compare_memory(shorter, longer), compare_memory(longer, shorter)):
        assert (change.changed, change.unknown_bytes) == (changed, unknown)


@given(pairs_of_memories(), chunk_sizes)
def test_every_byte_that_differs_lies_in_a_changed_range_or_is_unknown(pair: tuple[bytes, bytes], size: int) -> None:
    left, right = pair
    change = compare_memory(chunk_map(left, size), chunk_map(right, size))
    common = min(len(left), len(right))
    differing = {place for place in range(common) if left[place] != right[place]}
    differing |= set(range(common, max(len(left), len(right))))
    unknown = set(range(common - change.unknown_bytes, common))
    assert differing <= set(covered(change.changed)) | unknown
    assert not unknown & set(covered(change.changed))
    assert change.unknown_bytes < size


@given(pairs_of_memories(), chunk_sizes)
def test_every_chunk_within_a_changed_range_really_differs(pair: tuple[bytes, bytes], size: int) -> None:
    left, right = pair
    change = compare_memory(chunk_map(left, size), chunk_map(right, size))
    for start in {place // size * size for place in covered(change.changed)}:
        assert left[start : start + size] != right[start : start + size]


def grains_expected(left: ChunkMap, right: ChunkMap) -> tuple[set[int], set[int]]:
    """The grains that changed and those that the ids cannot tell, one grain after the other."""
    shorter, longer = sorted((left, right), key=lambda side: side.total_bytes)
    common, total = shorter.total_bytes // GRAIN, longer.total_bytes // GRAIN
    if left.chunk_bytes != right.chunk_bytes:
        return set(range(common, total)), set(range(common))
    changed, unknown = set(range(common, total)), set()
    for grain in range(common):
        chunk = grain * GRAIN // left.chunk_bytes
        is_cut_differently = common != total and (chunk + 1) * left.chunk_bytes > shorter.total_bytes
        if is_cut_differently and longer.ids[chunk] is not None:
            unknown.add(grain)
        elif left.ids[chunk] != right.ids[chunk]:
            changed.add(grain)
    return changed, unknown


@given(pairs_of_large_maps())
def test_ranges_bytes_and_pages_are_those_of_a_comparison_grain_by_grain(pair: tuple[ChunkMap, ChunkMap]) -> None:
    left, right = pair
    change = compare_memory(left, right)
    changed, unknown = grains_expected(left, right)
    ranges = tuple(ByteRange(start // GRAIN, end // GRAIN) for start, end in change.changed)
    assert covered(ranges) == sorted(changed)
    assert change.changed_bytes == len(changed) * GRAIN
    assert change.unknown_bytes == len(unknown) * GRAIN
    assert change.exact is not bool(unknown)
    assert change.changed_pages == len({grain * GRAIN // WASM_PAGE_BYTES for grain in changed})
    assert change.pages_total == -(-change.total_bytes // WASM_PAGE_BYTES)
    assert all(before.end < after.start for before, after in zip(change.changed, change.changed[1:], strict=False))


@given(pairs_of_large_maps())
def test_left_and_right_may_change_places(pair: tuple[ChunkMap, ChunkMap]) -> None:
    there, back = compare_memory(*pair), compare_memory(*reversed(pair))
    assert (there.changed, there.unknown_bytes) == (back.changed, back.unknown_bytes)


@given(pairs_of_memories(), chunk_sizes, st.integers(1, 70))
def test_each_cell_of_the_map_is_its_share_of_changed_bytes(pair: tuple[bytes, bytes], size: int, width: int) -> None:
    change = compare_memory(chunk_map(pair[0], size), chunk_map(pair[1], size))
    cells = page_map(change, width)
    changed = set(covered(change.changed))
    total = change.total_bytes
    assert len(cells) == width
    for number, cell in enumerate(cells):
        inside = range(number * total // width, (number + 1) * total // width)
        share = Fraction(len(changed & set(inside)), len(inside)) if inside else Fraction(0)
        assert cell == float(share)


def test_a_map_of_a_range_across_cells_shows_each_part() -> None:
    assert page_map(change_of((5, 30), total=40), 4) == (0.5, 1.0, 1.0, 0.0)


def test_a_map_without_cells_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one cell"):
        page_map(change_of(total=1), 0)


def test_the_largest_ranges_come_first_and_of_equal_ones_the_lower() -> None:
    change = change_of((0, 1), (4, 8), (10, 13), (20, 24), total=30)
    assert largest(change, 3) == ((4, 8), (20, 24), (10, 13))
    assert largest(change, 9)[-1] == (0, 1)
    assert largest(change, 0) == ()


@pytest.mark.parametrize(
    ("chunk_bytes", "total_bytes", "count"), [(0, 0, 0), (4, -1, 0), (4, 8, 1), (4, 9, 2), (4, 0, 1)]
)
def test_a_map_whose_ids_do_not_cover_the_memory_is_refused(chunk_bytes: int, total_bytes: int, count: int) -> None:
    with pytest.raises(ValueError, match="chunks"):
        ChunkMap(chunk_bytes, total_bytes, [None] * count)
