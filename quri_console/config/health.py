"""How canisters are asked whether they are well: `health_query`, or one table for each query."""

from __future__ import annotations

import re

from quri_console.config.fields import Table
from quri_console.config.model import HealthCheck
from quri_console.units import MIB

_FIELDS = ("method", "argument", "expect", "matches", "timeout", "max_reply")
_MOST_CHECKS = 20
_LONGEST_TIMEOUT_SECONDS = 60.0
_LARGEST_REPLY_BYTES = 3 * MIB


def health_checks_of(table: Table) -> tuple[HealthCheck, ...]:
    """The checks of a canister's table, the short form first. Raises ConfigError."""
    method = table.text("health_query", 'Allowed: the name of a query without arguments, like "health".')
    short = () if method is None else (HealthCheck(method),)
    entries = table.array("health")
    if len(entries) > _MOST_CHECKS:
        raise table.fault("health", f"has {len(entries)} tables", allowed=f"Allowed: up to {_MOST_CHECKS}.")
    return (*short, *(_check(entry) for entry in entries))


def _check(table: Table) -> HealthCheck:
    table.done(_FIELDS)
    usual = HealthCheck("")
    method = table.required_text("method", 'Allowed: the name of a query, like "health".')
    argument = table.text("argument", 'Allowed: Candid text, like "()" or "(5 : nat64)".')
    return HealthCheck(
        method=method,
        argument=usual.argument if argument is None else argument,
        expect=table.text("expect", 'Allowed: Candid text, like "(record { healthy = true })".'),
        matches=_pattern(table),
        timeout_seconds=table.duration(
            "timeout", usual.timeout_seconds, low=1, high=_LONGEST_TIMEOUT_SECONDS, examples="10s or 1m"
        ),
        max_reply_bytes=table.size("max_reply", usual.max_reply_bytes, low=1, high=_LARGEST_REPLY_BYTES),
    )


def _pattern(table: Table) -> str | None:
    allowed = 'Allowed: a regular expression that is found in the reply\'s Candid text, like "healthy = true".'
    text = table.text("matches", allowed)
    try:
        re.compile(text or "")
    except re.error as error:
        raise table.fault("matches", f"is {text!r}", why=str(error), allowed=allowed) from error
    return text
