"""The ways into an encrypted repository as a table that fits its terminal, and what is to be said below it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING

from quri_console.render.escape import escape
from quri_console.render.spans import Line, Span

if TYPE_CHECKING:
    from quri_console.render.table import Role
    from quri_console.repository.key_files import ListedWay, WaysListed

KEY_HEADINGS = ("WAY", "OPENED BY", "LABEL", "SINCE", "KEYS")
_LABEL_COLUMN = 2
_SHORTEST_LABEL = 8
_GAP = 2
KeyCell = tuple[str, "Role"]


def key_rows(listed: WaysListed, width: int | None) -> list[tuple[KeyCell, ...]]:
    """One row a way; a label is shortened where the row would be wider than `width` cells."""
    rows = [_row(item, listed.masters) for item in listed.ways]
    if width is None:
        return rows
    widths = [max(len(row[column][0]) for row in (_headings(), *rows)) for column in range(len(KEY_HEADINGS))]
    room = width - sum(widths) - _GAP * (len(widths) - 1) + widths[_LABEL_COLUMN]
    return [_with_label(row, max(room, _SHORTEST_LABEL)) for row in rows]


def _headings() -> tuple[KeyCell, ...]:
    return tuple((heading, "plain") for heading in KEY_HEADINGS)


def _row(item: ListedWay, masters: int) -> tuple[KeyCell, ...]:
    from quri_console.repository.age import shortened

    way = item.way
    opened_by = shortened(way.recipient) if way.recipient else "passphrase"
    # a way that nobody named is called like what opens it: said once is enough
    label = "–" if way.label == opened_by else escape(way.label)
    keys: KeyCell = (f"{item.masters} of {masters}", "status-ok" if item.complete else "status-warning")
    since = f"{way.created_at:%Y-%m-%d}"
    return ((way.id, "plain"), (escape(opened_by), "plain"), (label, "plain"), (since, "plain"), keys)


def _with_label(row: tuple[KeyCell, ...], room: int) -> tuple[KeyCell, ...]:
    text, role = row[_LABEL_COLUMN]
    label = text if len(text) <= room else f"{text[: room - 1]}…"
    return (*row[:_LABEL_COLUMN], (label, role), *row[_LABEL_COLUMN + 1 :])


def key_notes(listed: WaysListed, made_at: datetime) -> Iterator[Line]:
    """What stands below the table; `made_at` is when the repository was made."""
    if not listed.ways:
        yield (Span("No way in is left that can be read.", "status-critical"),)
    elif listed.masters == 1:
        yield (Span(f"1 master key, made with the repository on {made_at:%Y-%m-%d}; never rotated.", "muted"),)
    else:
        yield (Span(f"{listed.masters} master keys: the newest is used for what is written from now on, the", "muted"),)
        yield (Span("older ones read older backups. Key files do not say when each was made.", "muted"),)
    for item in listed.damage:
        yield (Span(f"{escape(item.name)} cannot be used: {escape(item.why)}", "status-critical"),)
    if listed.unfinished_rotation:
        yield (Span("A rotation was interrupted; the master key before it is in use.", "status-warning"),)
        yield (Span("Next: `quri-console key rotate` finishes it."),)
