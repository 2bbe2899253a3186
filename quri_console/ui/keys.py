"""Key bindings made of the action registry, so that footer, help and documents cannot disagree."""

from __future__ import annotations

from textual.binding import Binding, BindingType

from quri_console.render.actions import action


def bindings_of(*names: str) -> list[BindingType]:
    """The bindings of these actions of the registry, in this order."""
    return [
        Binding(entry.key, entry.name, entry.verb, tooltip=entry.help) for entry in (action(name) for name in names)
    ]
