"""`quri-console init --from-scripts DIR`: the bash scripts' settings as a proposed configuration."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from typing import TextIO

from quri_console.cli.output import painted, show_json
from quri_console.errors import ExitCode, UsageError
from quri_console.render.escape import escape
from quri_console.service.old_scripts.cron_zone import Zone, zone_named
from quri_console.service.old_scripts.notes import Note, NoteKind, gathered
from quri_console.service.old_scripts.proposal import Proposal, propose
from quri_console.service.old_scripts.writing import Written, write_proposal

_HEADINGS: dict[NoteKind, tuple[str, str]] = {
    "decision": ("To decide", "status-warning"),
    "not understood": ("Not understood", "status-critical"),
    "not read": ("Not read", "status-critical"),
    "difference": ("What is different", "heading"),
    "not needed": ("Needs no counterpart", "muted"),
}
_WIDTH = 78


@dataclass(frozen=True, slots=True)
class Asked:
    """What the options say."""

    folder: Path
    zone: str | None
    write: bool
    force: bool
    as_json: bool


def from_scripts(path: Path, asked: Asked) -> int:
    """Show the proposal, or write it to `path`; PARTIAL when something was not understood. Raises QuriError."""
    proposal = propose(asked.folder, _zone(asked.zone))
    written = write_proposal(proposal, path, datetime.now(UTC), force=asked.force) if asked.write else None
    if asked.as_json:
        show_json(proposal_json(proposal, path, written))
    elif written is None:
        # the configuration alone goes to standard output, so that it can go into a file
        sys.stdout.write(proposal.text)
        sys.stdout.flush()
        _show_notes(proposal.notes, sys.stderr)
    else:
        _show_notes(proposal.notes, sys.stdout)
        _show_written(written)
    return int(ExitCode.OK if proposal.complete else ExitCode.PARTIAL)


def _zone(name: str | None) -> Zone | None:
    if name is None:
        return None
    zone = zone_named(name)
    if zone is None:
        raise UsageError(f"there is no time zone {name!r}", next_step="Write it like Europe/Zurich, or UTC.")
    return zone


def proposal_json(proposal: Proposal, path: Path, written: Written | None) -> dict[str, object]:
    """The proposal as JSON values; of secret files their names alone."""
    return {
        "configuration": proposal.text,
        "path": str(path),
        "written": written is not None,
        "kept": str(written.kept) if written is not None and written.kept is not None else None,
        "secret_files": sorted(proposal.secrets),
        "secret_files_left": [str(left) for left in written.left] if written is not None else [],
        "zone": proposal.zone,
        "files": list(proposal.files),
        "complete": proposal.complete,
        "notes": [
            {
                "kind": note.kind,
                "text": note.text,
                "setting": note.setting or None,
                "places": [{"file": place.file, "line": place.line or None} for place in note.places],
            }
            for note in proposal.notes
        ],
    }


def _show_notes(notes: Iterable[Note], stream: TextIO) -> None:
    order = list(_HEADINGS)
    ranked = sorted(notes, key=lambda note: order.index(note.kind))
    for kind, of_kind in groupby(ranked, key=lambda note: note.kind):
        heading, role = _HEADINGS[kind]
        stream.write(painted(f"\n{heading}", role, stream) + "\n")
        for note in gathered(of_kind):
            where = f"{', '.join(map(str, note.places))}: " if note.places else ""
            filled = textwrap.wrap(
                escape(f"{where}{note.text}"),
                _WIDTH,
                initial_indent="  ",
                subsequent_indent="    ",
                break_on_hyphens=False,
            )
            stream.write("\n".join(filled) + "\n")
    stream.flush()


def _show_written(written: Written) -> None:
    say = sys.stdout.write
    if written.kept is not None:
        say(f"\nWhat was there is kept as {escape(str(written.kept))}.\n")
    say(painted(f"\nWrote {escape(str(written.path))}, readable by you alone.", "status-ok", sys.stdout) + "\n")
    for path in written.secrets:
        say(f"Wrote {escape(str(path))}, the address of a channel; take it out of the old scripts.\n")
    for path in written.left:
        say(f"{escape(str(path))} is there already and was left as it is.\n")
    say("Next: quri-console schedule list, and quri-console notify test CHANNEL.\n")
    sys.stdout.flush()
