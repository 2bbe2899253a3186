"""How a command that made something ends: what it made, how large, at which bill, how long it took, and what next."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from quri_console.render.escape import escape
from quri_console.render.spans import Line, Span
from quri_console.units import format_bytes, format_cycles, format_duration

_SHORT_SECONDS = 10


def lasted(seconds: float) -> str:
    """How long something took; a short time with its tenths."""
    return f"{seconds:.1f} s" if 0 <= seconds < _SHORT_SECONDS else format_duration(seconds)


def next_line(command: str) -> Line:
    """The command that is worth typing now; it must be quoted for a shell already."""
    return (Span(f"Next: `{escape(command)}`"),)


def unencrypted_lines() -> tuple[Line, ...]:
    """Said once of a repository in the clear."""
    return (
        (Span("The repository is not encrypted: whoever copies it can read it.", "status-warning"),),
        (Span("  To have an encrypted one, set another [repository] path, then run"),),
        (Span("  `quri-console init --recipient age1…` or `quri-console init --passphrase`."),),
    )


def backup_end_lines(result: Mapping[str, Any]) -> Iterator[Line]:
    """What a backup came to, from its result as JSON values: per canister, in all, and what to do now."""
    for entry in result["canisters"]:
        yield (Span(f"  {escape(entry['name'])}: {_sizes(entry)}{_bill(entry)}"),)
    parts = [f"{format_bytes(result['state_bytes'])} of state"]
    if result.get("stored_bytes") is not None:
        parts.append(f"{format_bytes(result['stored_bytes'])} stored")
    if result.get("duration_seconds") is not None:
        parts.append(f"in {lasted(result['duration_seconds'])}")
    yield (Span(f"  In all {', '.join(parts)}{_bill(result)}."),)
    if result.get("first") and result.get("encryption") == "none":
        yield from unencrypted_lines()
    if result.get("next"):
        yield next_line(result["next"])


def _sizes(entry: Mapping[str, Any]) -> str:
    if not entry["state_bytes"]:
        return "without state"
    return f"{format_bytes(entry['state_bytes'])} of state, {format_bytes(entry['new_bytes'])} of it new"


def _bill(entry: Mapping[str, Any]) -> str:
    """The balance before less the one after; it may have been topped up meanwhile."""
    cycles = entry.get("cycles")
    if not cycles:
        return ""
    if cycles < 0:
        return f"; {format_cycles(-cycles)} cycles more than before"
    return f"; {format_cycles(cycles)} cycles spent"
