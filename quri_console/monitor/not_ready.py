"""What was kept of looks whether canisters could be restored: each has a duty of its own in the history."""

from __future__ import annotations

from collections.abc import Mapping

from quri_console.history.duties import Duty

READY_DUTY = "ready:"
"""Begins the name of a canister's duty; its id follows."""
READY_ALL = "ready"
"""The duty of asking for the whole fleet."""


def readiness_marks(duties: Mapping[str, Duty]) -> dict[str, tuple[bool, int]]:
    """Whether canisters were ready when they were last looked at, and when that was (ns), by their ids."""
    marks: dict[str, tuple[bool, int]] = {}
    for name, duty in duties.items():
        ended = max(duty.succeeded_ns or 0, duty.failed_ns or 0)
        if name.startswith(READY_DUTY) and ended:
            marks[name.removeprefix(READY_DUTY)] = (not duty.failing, ended)
    return marks


def not_ready(duties: Mapping[str, Duty]) -> dict[str, str]:
    """Why canisters were not ready when they were last looked at, by their ids."""
    return {
        name.removeprefix(READY_DUTY): duty.note
        for name, duty in duties.items()
        if name.startswith(READY_DUTY) and duty.failing
    }
