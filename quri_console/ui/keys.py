"""Key bindings made of the action registry, so that footer, help and documents cannot disagree."""

from __future__ import annotations

from collections.abc import Sequence

from textual.binding import Binding, BindingType

from quri_console.render.actions import Action, action, actions_of


def bindings_of(*names: str) -> list[BindingType]:
    """The bindings of these actions of the registry, in this order."""
    return _bindings([action(name) for name in names])


def bindings_of_view(view: str) -> list[BindingType]:
    """The bindings of every action that is live in a view."""
    return _bindings(actions_of(view))


def textual_action(entry: Action) -> str:
    """The action as Textual runs it: what is live everywhere belongs to the app, the rest to its view."""
    return entry.name if entry.scopes else f"app.{entry.name}"


def _bindings(entries: Sequence[Action]) -> list[BindingType]:
    return [Binding(entry.key, textual_action(entry), entry.verb, tooltip=entry.help) for entry in entries]
