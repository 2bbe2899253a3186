"""Notifications as the outbox keeps them: JSON, so that another process, or a later version, can deliver them."""

from __future__ import annotations

import json
from dataclasses import asdict, fields
from typing import Any

from quri_console.errors import CorruptionError
from quri_console.history.outbox import OutboxMessage
from quri_console.monitor.notification import AlertNote, Notification

_NOTE_FIELDS = frozenset(field.name for field in fields(AlertNote))
_FIELDS = frozenset(field.name for field in fields(Notification))


class UnreadableNotification(CorruptionError):
    """A stored message is not one that this version can read."""


def outbox_message(notification: Notification) -> OutboxMessage:
    """What is put into the outbox. Order is kept within the notification's group."""
    return OutboxMessage(notification.key, to_document(notification), notification.group_key)


def to_document(notification: Notification) -> str:
    """The notification as JSON."""
    return json.dumps(asdict(notification), separators=(",", ":"))


def from_document(document: str) -> Notification:
    """The notification of a JSON document; fields of later versions are passed over. Raises UnreadableNotification."""
    try:
        values = json.loads(document)
        notes = tuple(AlertNote(**_known(note, _NOTE_FIELDS)) for note in values.pop("alerts", ()))
        return Notification(**_known(values, _FIELDS), alerts=notes)
    except (ValueError, TypeError, AttributeError) as error:
        raise UnreadableNotification("a stored message cannot be read", why=type(error).__name__) from error


def _known(values: dict[str, Any], names: frozenset[str]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if name in names}
