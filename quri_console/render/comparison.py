"""A comparison as lines: what differs, part by part, what could not be compared, and a picture of each memory."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from quri_console.backup.comparison import PARTS, Part
from quri_console.render.comparison_memory import blob_lines, memory_lines
from quri_console.render.comparison_parts import (
    CHANGED,
    DOWN,
    LONGEST_LIST,
    UP,
    Wanted,
    aside,
    limited,
    members,
    more,
    named,
    sizes,
)
from quri_console.render.escape import escape
from quri_console.render.fact_words import (
    hash_text,
    known_texts,
    setting_texts,
    side_text,
)
from quri_console.render.pair_layout import PairLayout
from quri_console.render.spans import Line, Span
from quri_console.units import format_bytes, format_cycles

if TYPE_CHECKING:
    from quri_console.backup.comparison import ChangedSection, Comparison
    from quri_console.backup.diff import Diff
    from quri_console.image.candid_interface import ChangedMethod, InterfaceChanges, Method

_SIGNATURE_CHARACTERS = 600


def diff_lines(diff: Diff, wanted: Wanted | None = None) -> tuple[Line, ...]:
    """Every comparison, one below the other, then what could not be compared because it is on one side only."""
    wanted = wanted or Wanted()
    lines: list[Line] = []
    for comparison in diff.comparisons:
        lines += [*comparison_lines(comparison, wanted), ()]
    for failure in diff.failures:
        lines.append((Span(f"{named(failure.name)} could not be compared: ", "status-critical"),))
        lines += [(Span(f"  {escape(str(failure.error))}", "status-critical"),), ()]
    for words, role, names in (("left", DOWN, diff.only_left), ("right", UP, diff.only_right)):
        if names:
            lines.append((Span(f"Only on the {words}: "), Span(", ".join(map(named, names)), role)))
    while lines and not lines[-1]:
        lines.pop()
    return tuple(lines)


def comparison_lines(comparison: Comparison, wanted: Wanted | None = None) -> tuple[Line, ...]:
    """One comparison: its sides, the verdict, then each wanted part."""
    wanted = wanted or Wanted()
    bodies: dict[Part, Callable[[], Iterable[Line]]] = {
        "settings": lambda: _settings(comparison, wanted.layout),
        "module": lambda: _module(comparison, wanted),
        "interface": lambda: _interface(comparison.interface, wanted.layout),
        "memory": lambda: memory_lines(comparison, wanted),
    }
    lines: list[Line] = [*_heading(comparison), _verdict(comparison, wanted.parts)]
    lines += ((Span(f"  note   {escape(note)}", "status-warning"),) for note in comparison.notes)
    for part in PARTS:
        if part in wanted.parts:
            head = wanted.layout.heading() if part in comparison.differing_parts else ()
            lines += [(), (Span(part.capitalize(), "title"),), *head, *_body(comparison, part, bodies[part]())]
    return tuple(lines)


def _heading(comparison: Comparison) -> Iterator[Line]:
    left, right = comparison.left, comparison.right
    names = dict.fromkeys((named(left.name), named(right.name)))
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


def _settings(comparison: Comparison, layout: PairLayout) -> Iterator[Line]:
    if comparison.status.differs:
        texts = (escape(str(comparison.status.left)), escape(str(comparison.status.right)))
        yield from layout.pair("status", *texts, CHANGED)
    for setting in comparison.settings or ():
        texts = setting_texts(setting.name, setting.left, setting.right)
        yield from layout.pair(setting.name.replace("_", " "), *texts, CHANGED)
    if comparison.controllers is not None:
        yield from members("controller", comparison.controllers.added, UP, lambda one: one.to_str(), layout)
        yield from members("controller", comparison.controllers.removed, DOWN, lambda one: one.to_str(), layout)
    if comparison.cycles.differs:
        yield from aside("cycles", known_texts(comparison.cycles, format_cycles), layout)


def _module(comparison: Comparison, wanted: Wanted) -> Iterator[Line]:
    layout = wanted.layout
    if comparison.module_hash.differs:
        hashes = (hash_text(comparison.module_hash.left), hash_text(comparison.module_hash.right))
        yield from layout.pair("SHA-256", *hashes, CHANGED)
    yield from sizes("size", comparison.module_bytes, layout)
    if comparison.module is not None:
        module = comparison.module
        yield from sizes("uncompressed", module.plain_bytes, layout)
        yield from sizes("code", module.code_bytes, layout)
        if module.memory_is_64_bit.differs:
            texts = ("64 bit", "32 bit") if module.memory_is_64_bit.left else ("32 bit", "64 bit")
            yield from layout.pair("memory", *texts, CHANGED)
        yield from members("", module.exports.added, UP, lambda one: f"{one.kind} {named(one.name)}", layout)
        yield from members("", module.exports.removed, DOWN, lambda one: f"{one.kind} {named(one.name)}", layout)
        yield from limited([_section(section) for section in module.sections])
    if "wasm_module" in comparison.memory:
        yield from blob_lines("content", comparison.memory["wasm_module"], wanted)


def _section(section: ChangedSection) -> Line:
    texts = [None if size is None else format_bytes(size) for size in (section.left_bytes, section.right_bytes)]
    sign, role = ("+", UP) if texts[0] is None else ("-", DOWN) if texts[1] is None else ("~", CHANGED)
    sizes = " → ".join(dict.fromkeys(text for text in texts if text is not None))
    return (Span(f"  {sign} section {named(section.name)}", role), Span(f", {sizes}", "muted"))


def _interface(changes: InterfaceChanges, layout: PairLayout) -> Iterator[Line]:
    if changes.differs:
        yield _compatibility(changes)
    yield from limited([_method("+", UP, method) for method in changes.added])
    yield from limited([_method("-", DOWN, method) for method in changes.removed])
    for method in changes.changed[:LONGEST_LIST]:
        yield from _changed_method(method, layout)
    if len(changes.changed) > LONGEST_LIST:
        yield more(len(changes.changed) - LONGEST_LIST)


def _compatibility(changes: InterfaceChanges) -> Line:
    if changes.compatible is None:
        return (Span("  whether clients of the left side can call the right one cannot be told", "status-warning"),)
    if changes.compatible:
        return (Span("  clients of the left side can call the right one", "status-ok"),)
    return (Span("  some calls of the left side's clients fail on the right one", "status-critical"),)


def _method(sign: str, role: str, method: Method) -> Line:
    signature = escape(method.signature, limit=_SIGNATURE_CHARACTERS)
    return (Span(f"  {sign} {named(method.name)}", role), Span(f" : {signature}"))


def _changed_method(method: ChangedMethod, layout: PairLayout) -> Iterator[Line]:
    words = {True: "calls still work", False: "calls fail", None: "whether calls work cannot be told"}
    loss = ", but values in opt arrive as null" if method.may_lose_values else ""
    yield (Span(f"  ~ {named(method.name)}", CHANGED), Span(f"  {words[method.compatible]}{loss}", "muted"))
    left, right = (escape(side, limit=_SIGNATURE_CHARACTERS) for side in (method.left, method.right))
    if layout.width is None:
        yield (Span(f"      - {left}", DOWN),)
        yield (Span(f"      + {right}", UP),)
    else:
        yield from layout.pair("", left, right, CHANGED)
