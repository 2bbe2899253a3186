"""Rehearsals as lines and as JSON."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from quri_console.render.escape import escape
from quri_console.render.spans import Line, Span
from quri_console.units import WASM_PAGE_BYTES, format_bytes

if TYPE_CHECKING:
    from quri_console.restore.rehearsal import Rehearsed, SetRehearsal, Verdict

VERDICT_ROLES: dict[Verdict, str] = {
    "passed": "status-ok",
    "failed": "status-critical",
    "not rehearsable": "status-warning",
}
NOT_KEPT = "The result could not be noted beside the backup: the repository cannot be written."


def rehearsal_lines(found: SetRehearsal) -> Iterator[Line]:
    """One backup: its verdict, then each canister with what was asked and what is wrong."""
    if found.problem:
        yield (Span(f"{found.set_name}: failed", VERDICT_ROLES["failed"]),)
        yield (Span(f"  {escape(found.problem)}"),)
        return
    what = f"{found.set_name}: {found.verdict} in {found.seconds:.1f} s"
    yield (Span(what, VERDICT_ROLES[found.verdict]),)
    for canister in found.canisters:
        yield from _canister_lines(canister)
    if not found.kept:
        yield (Span(NOT_KEPT, "muted"),)


def _canister_lines(one: Rehearsed) -> Iterator[Line]:
    yield (Span(f"  {escape(one.name)}  {one.verdict}", VERDICT_ROLES[one.verdict]), Span(_read(one), "muted"))
    for answer in one.answers:
        yield (Span(f"    {escape(answer)}"),)
    if one.reason:
        yield (Span(f"    {escape(one.reason)}", VERDICT_ROLES[one.verdict]),)
    if one.next_step:
        yield (Span(f"    {escape(one.next_step)}", "muted"),)


def _read(one: Rehearsed) -> str:
    if not one.heap_bytes and not one.stable_bytes:
        return ""
    touched = format_bytes(one.stable_pages_read * WASM_PAGE_BYTES)
    stable = f", {touched} of {format_bytes(one.stable_bytes)} stable memory" if one.stable_bytes else ""
    return f"  read {format_bytes(one.heap_bytes)} heap{stable} in {one.seconds:.1f} s"


def rehearsal_json(found: SetRehearsal) -> dict[str, Any]:
    """One backup as JSON values: times in seconds, sizes in bytes, pages of 65,536 bytes."""
    return {
        "backup": found.set_name,
        "verdict": found.verdict,
        "seconds": round(found.seconds, 3),
        "kept": found.kept,
        "problem": found.problem or None,
        "canisters": [
            {
                "name": one.name,
                "id": one.canister,
                "verdict": one.verdict,
                "answers": list(one.answers),
                "reason": one.reason or None,
                "next": one.next_step or None,
                "seconds": round(one.seconds, 3),
                "heap_bytes": one.heap_bytes,
                "stable_bytes": one.stable_bytes,
                "stable_pages_read": one.stable_pages_read,
            }
            for one in found.canisters
        ],
    }
