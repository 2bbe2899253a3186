"""A comparison as lines: what differs, part by part, what could not be compared, and a picture of each memory."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from quri_console.backup.comparison import PARTS, Part
from quri_console.image.page_diff import largest
from quri_console.render.escape import escape
from quri_console.render.fact_words import (
    data_text,
    hash_text,
    known_texts,
    number_texts,
    setting_texts,
    side_text,
    timer_text,
)
from quri_console.render.page_strip import page_rows, page_strip
from quri_console.render.spans import Line, Span
from quri_console.units import WASM_PAGE_BYTES, format_bytes, format_cycles

if TYPE_CHECKING:
    from quri_console.backup.comparison import ChangedSection, Comparison, Pair
    from quri_console.backup.diff import Diff
    from quri_console.backup.interchange import Blob
    from quri_console.image.candid_interface import ChangedMethod, InterfaceChanges, Method
    from quri_console.image.page_diff import ByteRange, MemoryChange

UP, DOWN, CHANGED = "delta-up", "delta-down", "delta-changed"
LONGEST_LIST = 40
LARGEST_RANGES = 3
MAGNIFIED_ROWS = 200
_NAME_CHARACTERS = 200
_SIGNATURE_CHARACTERS = 600
_LABEL_WIDTH = 18


@dataclass(frozen=True, slots=True)
class Wanted:
    """What of a comparison is shown, and how."""

    parts: Collection[Part] = PARTS
    all_ranges: bool = False
    """Every changed range of memory, not only the largest."""
    magnified: bool = False
    """The changed parts of a memory with a cell for each page, instead of all of it in one line."""
    ascii_only: bool = False


def diff_lines(diff: Diff, wanted: Wanted | None = None) -> tuple[Line, ...]:
    """Every comparison, one below the other, then what could not be compared because it is on one side only."""
    wanted = wanted or Wanted()
    lines: list[Line] = []
    for comparison in diff.comparisons:
        lines += [*comparison_lines(comparison, wanted), ()]
    for failure in diff.failures:
        lines.append((Span(f"{_name(failure.name)} could not be compared: ", "status-critical"),))
        lines += [(Span(f"  {escape(str(failure.error))}", "status-critical"),), ()]
    for words, role, names in (("left", DOWN, diff.only_left), ("right", UP, diff.only_right)):
        if names:
            lines.append((Span(f"Only on the {words}: "), Span(", ".join(map(_name, names)), role)))
    while lines and not lines[-1]:
        lines.pop()
    return tuple(lines)


def comparison_lines(comparison: Comparison, wanted: Wanted | None = None) -> tuple[Line, ...]:
    """One comparison: its sides, the verdict, then each wanted part."""
    wanted = wanted or Wanted()
    bodies: dict[Part, Callable[[], Iterable[Line]]] = {
        "settings": lambda: _settings(comparison),
        "module": lambda: _module(comparison, wanted),
        "interface": lambda: _interface(comparison.interface),
        "memory": lambda: _memory(comparison, wanted),
    }
    lines: list[Line] = [*_heading(comparison), _verdict(comparison, wanted.parts)]
    lines += ((Span(f"  note   {escape(note)}", "status-warning"),) for note in comparison.notes)
    for part in PARTS:
        if part in wanted.parts:
            lines += [(), (Span(part.capitalize(), "title"),), *_body(comparison, part, bodies[part]())]
    return tuple(lines)


def _heading(comparison: Comparison) -> Iterator[Line]:
    left, right = comparison.left, comparison.right
    names = dict.fromkeys((_name(left.name), _name(right.name)))
    yield (Span(" → ".join(names), "title"), Span(_identity(comparison), "muted"))
    yield (Span(f"  left   {side_text(left)}"),)
    yield (Span(f"  right  {side_text(right)}"),)


def _identity(comparison: Comparison) -> str:
    known = (side.canister for side in (comparison.left, comparison.right) if side.canister is not None)
    ids = dict.fromkeys(canister.to_str() for canister in known)
    return f"  {' → '.join(ids)}" if ids else ""


def _verdict(comparison: Comparison, parts: Collection[Part]) -> Line:
    differing = [part for part in comparison.differing_parts if part in parts]
    missing = comparison.not_compared(parts)
    rest = f"; not compared: {', '.join(missing)}" if missing else ""
    if differing:
        return (Span(f"  differs in {_and(differing)}", CHANGED), Span(rest, "muted"))
    if not missing:
        whole = comparison.identical and set(parts) == set(PARTS)
        return (Span("  identical, every byte of the state included" if whole else "  no difference", "status-ok"),)
    return (Span("  no difference in what could be compared"), Span(rest, "muted"))


def _and(words: Sequence[str]) -> str:
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def _body(comparison: Comparison, part: Part, lines: Iterable[Line]) -> Iterator[Line]:
    missing = comparison.not_compared((part,))
    if part not in comparison.differing_parts and not missing:
        yield (Span("  no difference", "muted"),)
    yield from lines
    if missing:
        yield (Span(f"  not compared: {', '.join(missing)}", "muted"),)


def _settings(comparison: Comparison) -> Iterator[Line]:
    if comparison.status.differs:
        yield _change("status", (escape(str(comparison.status.left)), escape(str(comparison.status.right))))
    for setting in comparison.settings or ():
        yield _change(setting.name.replace("_", " "), setting_texts(setting.name, setting.left, setting.right))
    if comparison.controllers is not None:
        yield from _members("controller", comparison.controllers.added, UP, "+", lambda one: one.to_str())
        yield from _members("controller", comparison.controllers.removed, DOWN, "-", lambda one: one.to_str())
    if comparison.cycles.differs:
        yield _aside("cycles", known_texts(comparison.cycles, format_cycles))


def _module(comparison: Comparison, wanted: Wanted) -> Iterator[Line]:
    if comparison.module_hash.differs:
        yield _change("SHA-256", (hash_text(comparison.module_hash.left), hash_text(comparison.module_hash.right)))
    yield from _sizes("size", comparison.module_bytes)
    if comparison.module is not None:
        module = comparison.module
        yield from _sizes("uncompressed", module.plain_bytes)
        yield from _sizes("code", module.code_bytes)
        if module.memory_is_64_bit.differs:
            yield _change("memory", ("64 bit", "32 bit") if module.memory_is_64_bit.left else ("32 bit", "64 bit"))
        yield from _members("", module.exports.added, UP, "+", lambda one: f"{one.kind} {_name(one.name)}")
        yield from _members("", module.exports.removed, DOWN, "-", lambda one: f"{one.kind} {_name(one.name)}")
        yield from _limited([_section(section) for section in module.sections])
    if "wasm_module" in comparison.memory:
        yield from _blob("content", comparison.memory["wasm_module"], wanted)


def _section(section: ChangedSection) -> Line:
    texts = [None if size is None else format_bytes(size) for size in (section.left_bytes, section.right_bytes)]
    sign, role = ("+", UP) if texts[0] is None else ("-", DOWN) if texts[1] is None else ("~", CHANGED)
    sizes = " → ".join(dict.fromkeys(text for text in texts if text is not None))
    return (Span(f"  {sign} section {_name(section.name)}", role), Span(f", {sizes}", "muted"))


def _interface(changes: InterfaceChanges) -> Iterator[Line]:
    if changes.differs:
        yield _compatibility(changes)
    yield from _limited([_method("+", UP, method) for method in changes.added])
    yield from _limited([_method("-", DOWN, method) for method in changes.removed])
    for method in changes.changed[:LONGEST_LIST]:
        yield from _changed_method(method)
    if len(changes.changed) > LONGEST_LIST:
        yield _more(len(changes.changed) - LONGEST_LIST)


def _compatibility(changes: InterfaceChanges) -> Line:
    if changes.compatible is None:
        return (Span("  whether clients of the left side can call the right one cannot be told", "status-warning"),)
    if changes.compatible:
        return (Span("  clients of the left side can call the right one", "status-ok"),)
    return (Span("  some calls of the left side's clients fail on the right one", "status-critical"),)


def _method(sign: str, role: str, method: Method) -> Line:
    signature = escape(method.signature, limit=_SIGNATURE_CHARACTERS)
    return (Span(f"  {sign} {_name(method.name)}", role), Span(f" : {signature}"))


def _changed_method(method: ChangedMethod) -> Iterator[Line]:
    words = {True: "calls still work", False: "calls fail", None: "whether calls work cannot be told"}
    loss = ", but values in opt arrive as null" if method.may_lose_values else ""
    yield (Span(f"  ~ {_name(method.name)}", CHANGED), Span(f"  {words[method.compatible]}{loss}", "muted"))
    yield (Span(f"      - {escape(method.left, limit=_SIGNATURE_CHARACTERS)}", DOWN),)
    yield (Span(f"      + {escape(method.right, limit=_SIGNATURE_CHARACTERS)}", UP),)


def _memory(comparison: Comparison, wanted: Wanted) -> Iterator[Line]:
    memories: tuple[tuple[str, Pair[int], Blob], ...] = (
        ("heap", comparison.heap_bytes, "wasm_memory"),
        ("stable memory", comparison.stable_bytes, "stable_memory"),
    )
    for name, pair, blob in memories:
        yield from _sizes(name, pair)
        change = comparison.memory.get(blob)
        if change is not None:
            yield from _blob("" if pair.differs else name, change, wanted)
    if comparison.chunks is not None:
        yield from _members("chunk", comparison.chunks.added, UP, "+", hash_text)
        yield from _members("chunk", comparison.chunks.removed, DOWN, "-", hash_text)
    else:
        yield from _sizes("chunk store", comparison.chunk_store_bytes)
    if comparison.globals is not None and comparison.globals.changed:
        yield _labelled("globals", f"{comparison.globals.changed} of {comparison.globals.total} changed", CHANGED)
    if comparison.certified_data.differs:
        data = comparison.certified_data
        yield _change("certified data", (data_text(data.left), data_text(data.right)))
    if comparison.global_timer.differs:
        timer = comparison.global_timer
        yield _change("global timer", (timer_text(timer.left), timer_text(timer.right)))
    if comparison.memory_bytes.differs:
        yield _aside("charged for", known_texts(comparison.memory_bytes, format_bytes))
    if comparison.canister_version.differs:
        yield _aside("version", known_texts(comparison.canister_version, str))


def _blob(name: str, change: MemoryChange, wanted: Wanted) -> Iterator[Line]:
    """What changed in a memory: counts, a strip of it, and the ranges; without a name below a line that has it."""
    if not change.changed_bytes and change.exact:
        return
    yield _labelled(name, _amount(change), CHANGED if change.changed_bytes else "muted")
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


def _sizes(label: str, pair: Pair[int]) -> Iterator[Line]:
    if pair.left is None or pair.right is None or not pair.differs:
        return
    left, right = number_texts(pair.left, pair.right, format_bytes)
    grows = pair.right > pair.left
    change = f"{'+' if grows else '-'}{format_bytes(abs(pair.right - pair.left))}"
    yield (Span(f"  {label:<{_LABEL_WIDTH}} {left} → {right} "), Span(f"({change})", UP if grows else DOWN))


def _change(label: str, texts: tuple[str, str]) -> Line:
    return _labelled(label, f"{texts[0]} → {texts[1]}", CHANGED)


def _aside(label: str, texts: tuple[str, str]) -> Line:
    """A fact that changes by itself and makes no difference."""
    return _labelled(label, f"{texts[0]} → {texts[1]}", "muted")


def _labelled(label: str, text: str, role: str) -> Line:
    return (Span(f"  {label:<{_LABEL_WIDTH}} "), Span(text, role))


def _members(label: str, members: Sequence[object], role: str, sign: str, text: Callable[..., str]) -> Iterator[Line]:
    prefix = f"{label} " if label else ""
    yield from _limited([(Span(f"  {sign} {prefix}{text(member)}", role),) for member in members])


def _limited(lines: Sequence[Line]) -> Iterator[Line]:
    yield from lines[:LONGEST_LIST]
    if len(lines) > LONGEST_LIST:
        yield _more(len(lines) - LONGEST_LIST)


def _more(count: int) -> Line:
    return (Span(f"  and {count:,} more; --json lists all", "muted"),)


def _name(text: str) -> str:
    return escape(text, limit=_NAME_CHARACTERS)
