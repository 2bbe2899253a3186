"""A snapshot directory that was written: where it is, what is in it, and the command that uploads it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from quri_console.render.ends import lasted, next_line
from quri_console.render.escape import escape
from quri_console.render.spans import Line, Span
from quri_console.units import format_bytes

if TYPE_CHECKING:
    from quri_console.backup.exported_copy import ExportedCopy


def exported_lines(copy: ExportedCopy) -> Iterator[Line]:
    """What was written, and what can be done with it."""
    written = copy.written
    yield (Span(f"Wrote {escape(copy.label)} into {escape(str(written.path))}"),)
    sizes = f"{format_bytes(written.state_bytes)} of state, {format_bytes(copy.disk_bytes)} on the disk"
    files = f"{written.files} file{'' if written.files == 1 else 's'}"
    yield (Span(f"  {sizes} in {files}, every byte compared, in {lasted(copy.seconds)}"),)
    if written.refused_by_icp:
        text = f"icp will refuse it. {written.refused_by_icp}; `quri-console restore` takes it as it is."
        yield (Span(text, "status-warning"),)
    yield next_line(copy.next_command)


def exported_json(copy: ExportedCopy) -> dict[str, Any]:
    """The same as plain values."""
    return {
        "backup": copy.backup,
        "canister": {"name": copy.name, "id": copy.canister_id},
        "directory": str(copy.written.path),
        "format": "icp",
        "files": copy.written.files,
        "state_bytes": copy.written.state_bytes,
        "module_sha256": copy.module_hash.hex(),
        "refused_by_icp": copy.written.refused_by_icp,
        "disk_bytes": copy.disk_bytes,
        "duration_seconds": copy.seconds,
        "next": copy.next_command,
    }
