"""The table `[contacts]`: whom to call, as the runbook shows it."""

from __future__ import annotations

from dataclasses import dataclass

from quri_console.config.fields import Table


@dataclass(frozen=True, slots=True)
class Contact:
    """Somebody to call: `name` is whom (a person, a team, a duty), `text` how."""

    name: str
    text: str


def contacts_of(table: Table) -> tuple[Contact, ...]:
    """The contacts in the file's order. Raises ConfigError."""
    allowed = 'Allowed: how to reach them, like on-call = "+41 44 000 00 00, day and night".'
    return tuple(Contact(name, table.required_text(name, allowed)) for name in table.names())
