"""What a check or a verification found: as lines for people, who want what matters, and as JSON with all of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from quri_console.errors import QuriError
from quri_console.render.escape import escape
from quri_console.render.spans import Line, Span
from quri_console.repository.check_report import Affected, CheckReport, Damage, DataSummary, Note, Verification
from quri_console.units import format_bytes

MOST_DAMAGES, MOST_NAMES = 10, 4
_KEY_ADVICE = "Set `identity` or `passphrase_file` in [repository] of the configuration."
_NOTE_HEADS = {
    "foreign": "foreign file",
    "leftover": "left-over file",
    "unfinished": "unfinished backup",
    "index": "remark on the index",
    "trash": "remark on the trash",
    "unchecked": "object not checked",
}


def check_lines(report: CheckReport) -> tuple[Line, ...]:
    """A whole report."""
    lines: list[Line] = [(Span(_scope(report)),)]
    if report.data is not None:
        lines.append((Span(_data_words(report.data)),))
    if report.key_problem is not None:
        lines.extend(_without_key_lines(report, report.key_problem))
    elif report.ok:
        so_far = " so far" if report.data is not None and report.data.stopped_early else ""
        lines.append((Span(f"Nothing is damaged{so_far}.", "status-ok"),))
    if not report.ok:
        lines.extend(damage_lines(report.damages))
        lines.extend(_affected_lines(report))
    for kind, head in _NOTE_HEADS.items():
        lines.extend(_note_lines(head, [note for note in report.notes if note.kind == kind]))
    return tuple(lines)


def _without_key_lines(report: CheckReport, problem: QuriError) -> list[Line]:
    """How far a check came without the key: never that all is well."""
    lines: list[Line] = [
        (Span(f"What is encrypted was not looked into: {escape(problem.what)}.", "stale"),),
        *([(Span(f"  Why:  {escape(problem.why)}", "stale"),)] if problem.why else []),
        (Span("Only the structure was checked: without the key no content can be read.", "status-warning"),),
    ]
    if report.ok:
        lines.append((Span("No damage was found in the structure; whether the contents are whole is not known."),))
    lines.append((Span(f"  Next: {escape(problem.next_step or _KEY_ADVICE)} Then run the check again."),))
    return lines


def _scope(report: CheckReport) -> str:
    return (
        f"Repository {report.repository_id[:8]}: {counted(len(report.sets), 'backup')}, "
        f"{counted(report.files, 'file')}, {counted(report.packs, 'pack')} ({format_bytes(report.pack_bytes)})"
    )


def _data_words(data: DataSummary) -> str:
    of = f" of {escape(data.selection)}" if data.selection else ""
    if data.stopped_early:
        return f"{data.round_packs} of {counted(data.total_packs, 'pack')}{of} read; run it again to go on"
    sizes = f"{format_bytes(data.read_bytes)}, {format_bytes(data.content_bytes)} inside"
    read = f"{counted(data.read_packs, 'pack')}{of} read ({sizes})"
    return read if data.round_packs == data.read_packs else f"{read}; {data.round_packs} of {data.total_packs} in all"


def damage_lines(damages: Sequence[Damage]) -> list[Line]:
    """What is damaged, why, whom it reaches, and each piece of advice once."""
    lines: list[Line] = [(Span(f"Damaged or missing: {counted(len(damages), 'object')}", "status-critical"),)]
    for damage in damages[:MOST_DAMAGES]:
        lines.append((Span(f"  {escape(damage.name)}: {escape(damage.why)}"),))
        if damage.chunks:
            names = [f"{identifier.hex()[:12]}…" for identifier in damage.chunks]
            lines.append((Span(f"    {counted(len(names), 'chunk')} cannot be read: {_some(names)}", "muted"),))
        if damage.affected:
            lines.append((Span(f"    needed by {_some([escape(item.words) for item in damage.affected])}", "muted"),))
    if len(damages) > MOST_DAMAGES:
        lines.append((Span(f"  and {len(damages) - MOST_DAMAGES} more; --json lists all of them"),))
    steps = dict.fromkeys(damage.next_step for damage in damages if damage.next_step)
    lines.extend((Span(f"  Next: {escape(step)}"),) for step in steps)
    return lines


def _affected_lines(report: CheckReport) -> list[Line]:
    folders: dict[str, list[str]] = {}
    for item in report.affected:
        folders.setdefault(item.set_name, []).append(item.folder or "all of it")
    if not folders:
        known = report.key_problem is None
        return [(Span("No backup is affected." if known else "Which backups are affected cannot be told.", "title"),)]
    lines: list[Line] = [(Span("Do not restore from:", "status-critical"),)]
    lines.extend(
        (Span(f"  {escape(name)}: {_some([escape(item) for item in items])}"),) for name, items in folders.items()
    )
    whole = len({item.name for item in report.sets} - folders.keys())
    lines.append((Span(f"Not affected: {counted(whole, 'other backup')}."),))
    return lines


def _note_lines(head: str, notes: Sequence[Note]) -> list[Line]:
    if not notes:
        return []
    lines: list[Line] = [(Span(f"Note: {counted(len(notes), head)}", "muted"),)]
    lines.extend((Span(f"  {escape(note.name)}: {escape(note.text)}", "muted"),) for note in notes[:MOST_NAMES])
    if len(notes) > MOST_NAMES:
        lines.append((Span(f"  and {len(notes) - MOST_NAMES} more; --json lists all of them", "muted"),))
    return lines


def counted(number: int, noun: str) -> str:
    """A number with its noun, in the plural unless it is one."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(names[:MOST_NAMES])
    return shown if len(names) <= MOST_NAMES else f"{shown} and {len(names) - MOST_NAMES} more"


def verification_lines(verification: Verification) -> tuple[Line, ...]:
    """How one verification ended."""
    name = verification.set_name
    if not verification.ok:
        return ((Span(f"{name} is damaged.", "status-critical"),), *damage_lines(verification.damages))
    folders = ", ".join(escape(folder) for folder in verification.folders)
    sizes = f"{format_bytes(verification.logical_bytes)} of state ({format_bytes(verification.read_bytes)} read)"
    return (
        (Span(f"{name}: {counted(verification.files, 'file')} and {sizes} are as they were written ({folders})."),),
    )


def check_json(report: CheckReport) -> dict[str, Any]:
    """A whole report as JSON values: sizes in bytes, names of chunks in hex."""
    data = report.data
    return {
        "repository": report.repository_id,
        "ok": report.ok,
        "exit_code": int(report.exit_code),
        "files": report.files,
        "packs": report.packs,
        "pack_bytes": report.pack_bytes,
        "key_problem": None if report.key_problem is None else report.key_problem.what,
        "only_structure": report.key_problem is not None,
        "next": None if report.key_problem is None else report.key_problem.next_step or _KEY_ADVICE,
        "data": None
        if data is None
        else {
            "selection": data.selection or "everything",
            "read_packs": data.read_packs,
            "read_bytes": data.read_bytes,
            "content_bytes": data.content_bytes,
            "round_packs": data.round_packs,
            "total_packs": data.total_packs,
            "stopped_early": data.stopped_early,
        },
        "damages": [_damage_json(damage) for damage in report.damages],
        "affected": _affected_json(report.affected),
        "backups": [
            {
                "name": item.name,
                "folders": list(item.folders),
                "bytes": item.logical_bytes,
                "ok": item.name not in report.damaged_sets,
            }
            for item in report.sets
        ],
        "noted_beside": list(report.marked),
        "notes": [{"kind": note.kind, "name": note.name, "text": note.text} for note in report.notes],
    }


def verification_json(verification: Verification) -> dict[str, Any]:
    """One verification as JSON values."""
    return {
        "name": verification.set_name,
        "ok": verification.ok,
        "folders": list(verification.folders),
        "files": verification.files,
        "bytes": verification.logical_bytes,
        "read_bytes": verification.read_bytes,
        "damages": [_damage_json(damage) for damage in verification.damages],
    }


def _damage_json(damage: Damage) -> dict[str, Any]:
    return {
        "kind": damage.kind,
        "name": damage.name,
        "why": damage.why,
        "next": damage.next_step,
        "affected": _affected_json(damage.affected),
        "chunks": [identifier.hex() for identifier in damage.chunks],
    }


def _affected_json(items: Iterable[Affected]) -> list[dict[str, str]]:
    return [{"backup": item.set_name, "folder": item.folder} for item in items]
