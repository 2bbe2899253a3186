"""Which silence or acknowledgement applies to an alert."""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase

from quri_console.history.alerts import Mute


def in_force(mute: Mute, now_ns: int) -> bool:
    """Whether it has not run out.

    Its beginning is not looked at: somebody set it, and a clock that went back does not take that back.
    """
    return mute.until_ns is None or now_ns < mute.until_ns


def silence_of(mutes: Iterable[Mute], subject: str, name: str, rule: str, now_ns: int) -> Mute | None:
    """The silence that keeps messages about this alert back; its subject may be an id or a name, with `*`."""
    for mute in mutes:
        meant = fnmatchcase(subject, mute.subject) or (name != "" and fnmatchcase(name, mute.subject))
        if mute.kind == "silence" and meant and fnmatchcase(rule, mute.rule) and in_force(mute, now_ns):
            return mute
    return None


def acknowledgement_of(mutes: Iterable[Mute], subject: str, rule: str) -> Mute | None:
    """The acknowledgement of exactly this alert, run out or not."""
    return next((m for m in mutes if m.kind == "ack" and m.subject == subject and m.rule == rule), None)
