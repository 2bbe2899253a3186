"""A canister's memories compared: sizes, a picture of the pages that differ, and their ranges."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from quri_console.image.page_diff import largest
from quri_console.render.comparison_parts import CHANGED, DOWN, UP, Wanted, aside, members, sizes
from quri_console.render.fact_words import data_text, hash_text, known_texts, timer_text
from quri_console.render.page_strip import page_rows, page_strip
from quri_console.render.pair_layout import labelled
from quri_console.render.spans import Line, Span
from quri_console.units import WASM_PAGE_BYTES, format_bytes

if TYPE_CHECKING:
    from quri_console.backup.comparison import Comparison, Pair
    from quri_console.backup.interchange import Blob
    from quri_console.image.page_diff import ByteRange, MemoryChange

LARGEST_RANGES = 3
MAGNIFIED_ROWS = 200


def memory_lines(comparison: Comparison, wanted: Wanted) -> Iterator[Line]:
    memories: tuple[tuple[str, Pair[int], Blob], ...] = (
        ("heap", comparison.heap_bytes, "wasm_memory"),
        ("stable memory", comparison.stable_bytes, "stable_memory"),
    )
    layout = wanted.layout
    for name, pair, blob in memories:
        yield from sizes(name, pair, layout)
        change = comparison.memory.get(blob)
        if change is not None:
            yield from blob_lines("" if pair.differs else name, change, wanted)
    if comparison.chunks is not None:
        yield from members("chunk", comparison.chunks.added, UP, hash_text, layout)
        yield from members("chunk", comparison.chunks.removed, DOWN, hash_text, layout)
    else:
        yield from sizes("chunk store", comparison.chunk_store_bytes, layout)
    if comparison.globals is not None and comparison.globals.changed:
        yield labelled("globals", f"{comparison.globals.changed} of {comparison.globals.total} changed", CHANGED)
    if comparison.certified_data.differs:
        data = comparison.certified_data
        yield from layout.pair("certified data", data_text(data.left), data_text(data.right), CHANGED)
    if comparison.global_timer.differs:
        timer = comparison.global_timer
        yield from layout.pair("global timer", timer_text(timer.left), timer_text(timer.right), CHANGED)
    if comparison.memory_bytes.differs:
        yield from aside("charged for", known_texts(comparison.memory_bytes, format_bytes), layout)
    if comparison.canister_version.differs:
        yield from aside("version", known_texts(comparison.canister_version, str), layout)


def blob_lines(name: str, change: MemoryChange, wanted: Wanted) -> Iterator[Line]:
    """What changed in a memory: counts, a strip of it, and the ranges; without a name below a line that has it."""
    if not change.changed_bytes and change.exact:
        return
    yield labelled(name, _amount(change), CHANGED if change.changed_bytes else "muted")
    if not change.changed_bytes:
        return
    if wanted.magnified:
        yield from _magnified(change, ascii_only=wanted.ascii_only)
    else:
        yield (Span(f"    {page_strip(change, ascii_only=wanted.ascii_only)}", CHANGED),)
    ranges = change.changed if wanted.all_ranges else largest(change, LARGEST_RANGES)
    yield from (_range(part) for part in ranges)
    if len(ranges) < len(change.changed):
        rest = len(change.changed) - len(ranges)
        yield (Span(f"    and {rest:,} smaller {'range' if rest == 1 else 'ranges'}", "muted"),)


def _magnified(change: MemoryChange, *, ascii_only: bool) -> Iterator[Line]:
    rows = list(page_rows(change, MAGNIFIED_ROWS + 1, ascii_only=ascii_only))
    for first, cells in rows[:MAGNIFIED_ROWS]:
        yield (Span(f"  {first:>9,} ", "muted"), Span(cells, CHANGED))
    if len(rows) > MAGNIFIED_ROWS:
        yield (Span("    and more further up in memory; the ranges tell where", "muted"),)


def _amount(change: MemoryChange) -> str:
    least = "at least " if not change.exact else ""
    share = 100 * change.changed_bytes / change.total_bytes if change.total_bytes else 0
    unknown = f"; {format_bytes(change.unknown_bytes)} not compared" if change.unknown_bytes else ""
    return (
        f"{least}{format_bytes(change.changed_bytes)} of {format_bytes(change.total_bytes)} changed ({share:.3g} %), "
        f"in {change.changed_pages:,} of {change.pages_total:,} pages{unknown}"
    )


def _range(part: ByteRange) -> Line:
    first, last = part.start // WASM_PAGE_BYTES, (part.end - 1) // WASM_PAGE_BYTES
    pages = f"page {first:,}" if first == last else f"pages {first:,}–{last:,}"
    return (Span(f"    {pages}"), Span(f"  0x{part.start:x}–0x{part.end:x}  {format_bytes(part.size_bytes)}", "muted"))
