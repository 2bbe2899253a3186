"""The long part of the selected canister: settings, controllers, recent events and operations."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from quri_console.render.cycles_events import SIGNS, event_words
from quri_console.render.escape import escape
from quri_console.render.operation_list import STATE_ROLES, what_now
from quri_console.render.setting_words import setting_words
from quri_console.render.spans import Line, Span
from quri_console.render.table import cycles_text
from quri_console.render.zone import moment_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from quri_console.monitor.canister_facts import CanisterFacts
    from quri_console.monitor.fleet import CanisterView

MOST_EVENTS = 12
LONGEST_VALUE = 300


def more_lines(view: CanisterView, facts: CanisterFacts | None, now_ns: int) -> Iterator[Line]:
    """Everything else that is known; `facts` None: they are being read."""
    yield from _section("Module and settings")
    if view.module_hash is not None:
        yield (Span("module ", "muted"), Span(view.module_hash.hex()))
    if view.freezing_limit is not None:
        yield (Span("freezing limit ", "muted"), Span(f"{cycles_text(view.freezing_limit)} cycles"))
    if view.reserved_cycles:
        yield (Span("reserved ", "muted"), Span(f"{cycles_text(view.reserved_cycles)} cycles"))
    for name, text in settings_words(view.settings):
        yield (Span(f"{name} ", "muted"), Span(text))
    grouped = f", group {escape(view.group, limit=LONGEST_VALUE)}" if view.group else ""
    yield (Span("matters ", "muted"), Span(f"{view.criticality}{grouped}"))
    yield from _section("Controllers")
    yield from ((Span(escape(controller, limit=LONGEST_VALUE)),) for controller in view.controllers)
    if not view.controllers:
        yield (Span("not known", "muted"),)
    if facts is None:
        yield from _section("Events and operations")
        yield (Span("being read …", "muted"),)
    else:
        yield from _facts(facts)


def _section(title: str) -> Iterator[Line]:
    yield ()
    yield (Span(title, "title"),)


@lru_cache(maxsize=8)
def settings_words(document: str | None) -> tuple[tuple[str, str], ...]:
    """Names and values of a settings document, but for the controllers; what is not understood is shown as it is."""
    try:
        settings = json.loads(document) if document else {}
    except ValueError:
        return (("settings", escape(document or "", limit=LONGEST_VALUE)),)
    if not isinstance(settings, dict):
        return ()
    return tuple(
        (escape(name.replace("_", " "), limit=60), _value_words(name, value))
        for name, value in settings.items()
        if name != "controllers" and value is not None
    )


def _value_words(name: str, value: Any) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        return setting_words(name, value)
    if isinstance(value, dict) and isinstance(value.get("kind"), str):
        viewers = value.get("viewers")
        named = ", ".join(map(str, viewers)) if isinstance(viewers, list) else ""
        return escape(f"{value['kind'].replace('_', ' ')} {named}".rstrip(), limit=LONGEST_VALUE)
    return escape(json.dumps(value), limit=LONGEST_VALUE) if value != [] else "none"


def _facts(facts: CanisterFacts) -> Iterator[Line]:
    if facts.problem:
        yield from _section("Events and operations")
        yield (Span(f"could not be read: {escape(facts.problem, limit=LONGEST_VALUE)}", "status-warning"),)
        return
    yield from _section("Events of 30 days, newest first")
    for event in facts.events[:MOST_EVENTS]:
        sign = SIGNS.get(event.kind)
        role = sign.role if sign is not None else ""
        yield (Span(f"{moment_text(event.at_ns)}  ", "muted"), Span(event_words(event), role))
    if not facts.events:
        yield (Span("nothing happened", "muted"),)
    if len(facts.events) > MOST_EVENTS:
        yield (Span(f"and {len(facts.events) - MOST_EVENTS} more", "muted"),)
    yield from _section("Last operations")
    for done in facts.operations:
        when = moment_text(done.created_at_ns) if done.created_at_ns else "–"
        yield (Span(f"{when}  ", "muted"), Span(f"{escape(done.kind)} "), Span(done.state, STATE_ROLES[done.state]))
        if sentence := what_now(done):
            yield (Span(f"  {escape(sentence)}", "muted"),)
    if not facts.operations:
        yield (Span("none on this machine", "muted"),)
