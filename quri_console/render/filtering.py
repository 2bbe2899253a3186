"""Which canisters of the fleet are shown: a text, a pattern, a state, or anything but that."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from quri_console.monitor.fleet import CanisterView
from quri_console.render.escape import escape
from quri_console.render.fleet_words import is_old

LONGEST_TEXT = 300
"""As much of a name as is looked at."""
_Test = Callable[[CanisterView, int], bool]

STATES: Mapping[str, _Test] = {
    "critical": lambda view, now_ns: view.health.level == "critical",
    "warning": lambda view, now_ns: view.health.level == "warning",
    "unknown": lambda view, now_ns: view.health.level == "unknown",
    "ok": lambda view, now_ns: view.health.level == "ok",
    "stale": is_old,
    "stopped": lambda view, now_ns: view.status in ("stopped", "stopping"),
    "firing": lambda view, now_ns: view.alert == "firing",
}
"""What `is:` can be followed by."""


@dataclass(frozen=True, slots=True)
class FleetFilter:
    """What was typed, and what it means; with a `problem` it hides nothing."""

    text: str = ""
    test: _Test | None = None
    inverse: bool = False
    problem: str = ""

    @property
    def active(self) -> bool:
        """Whether anything may be hidden."""
        return self.test is not None

    def shows(self, view: CanisterView, now_ns: int) -> bool:
        """Whether a canister is shown."""
        return self.test is None or self.test(view, now_ns) != self.inverse


def parse_filter(text: str) -> FleetFilter:
    """The filter that was typed: `rune`, `/^rune-\\d+$/`, `is:stale`, and each with `!` before it."""
    text = text.strip()
    inverse = text.startswith("!")
    wanted = text.removeprefix("!").strip()
    if not wanted:
        return FleetFilter(text)
    if wanted.startswith("is:"):
        return _by_state(text, wanted.removeprefix("is:").strip().casefold(), inverse)
    if wanted.startswith("/"):
        return _by_pattern(text, wanted[1:].removesuffix("/"), inverse)
    letters = wanted.casefold()
    return FleetFilter(text, lambda view, now_ns: letters in _words(view).casefold(), inverse)


def _by_state(text: str, state: str, inverse: bool) -> FleetFilter:
    if state in STATES:
        return FleetFilter(text, STATES[state], inverse)
    known = ", ".join(STATES)
    return FleetFilter(text, problem=f"is: is followed by one of {known}")


def _by_pattern(text: str, pattern: str, inverse: bool) -> FleetFilter:
    if not pattern:
        return FleetFilter(text)
    try:
        compiled = re.compile(pattern, re.IGNORECASE)
    except (re.error, RecursionError, OverflowError) as error:
        return FleetFilter(text, problem=f"{escape(pattern, limit=40)} is no regular expression: {error}")
    return FleetFilter(text, lambda view, now_ns: compiled.search(_words(view)) is not None, inverse)


def _words(view: CanisterView) -> str:
    """What letters and patterns are looked for in, a line each: name, id and group."""
    return f"{view.name[:LONGEST_TEXT]}\n{view.canister_id}\n{view.group[:LONGEST_TEXT]}"
