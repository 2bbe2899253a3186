"""A backup that was sealed into one file: where it is, what it takes, who can open it, and what leads on."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from typing import TYPE_CHECKING

from quri_console.render.ends import lasted, next_line
from quri_console.render.escape import escape
from quri_console.render.spans import Line, Span
from quri_console.units import format_bytes

if TYPE_CHECKING:
    from quri_console.repository.archive import Archived


def archived_lines(archived: Archived, seconds: float | None = None) -> Iterator[Line]:
    """What was sealed, and how long that took where it is known."""
    yield (Span(f"Sealed {archived.set_name} into {escape(str(archived.path))}"),)
    sizes = f"{format_bytes(archived.content_bytes)} of content in {format_bytes(archived.size)}"
    yield (Span(f"  {sizes}, read back{'' if seconds is None else f', in {lasted(seconds)}'}"),)
    yield (Span(f"  SHA-256 {archived.sha256.hex()}", "muted"),)
    if archived.encrypted:
        yield (Span("  It keeps the key files of now: whoever can open the repository now can open it"),)
        yield (Span("  for ever, also after `quri-console key remove`; nobody else ever can."),)
    else:
        yield (Span("  It is not encrypted: whoever has it can read it.", "status-warning"),)
    yield next_line(import_command(archived))


def import_command(archived: Archived) -> str:
    """What takes it over where it is needed."""
    return f"quri-console import {shlex.quote(str(archived.path))}"
