"""The table `[retention]`: how many backups are kept of canisters of each criticality."""

from __future__ import annotations

from typing import get_args

from quri_console.config.fields import Table
from quri_console.config.model import Criticality, RetentionConfig, RetentionRules
from quri_console.units import DAY_SECONDS

_COUNTS = ("keep_last", "keep_hourly", "keep_daily", "keep_weekly", "keep_monthly", "keep_yearly")
_MOST = 10_000
_LONGEST_SECONDS = 3650 * DAY_SECONDS


def retention_of(table: Table) -> RetentionConfig:
    """What the table says; the defaults where it is silent. Raises ConfigError."""
    levels = get_args(Criticality)
    table.done((*levels, "grace"))
    default = RetentionConfig()
    grace = table.duration(
        "grace", default.grace_seconds, low=3600, high=_LONGEST_SECONDS, examples='"7d" or "12h"; at least "1h"'
    )
    rules = {level: _rules(table.table(level)) for level in levels}
    return RetentionConfig(rules["high"], rules["medium"], rules["low"], grace)


def _rules(table: Table) -> RetentionRules:
    table.done((*_COUNTS, "keep_within", "minimum_age"))
    counts = {field: table.integer(field, 0, low=0, high=_MOST) for field in _COUNTS if table.has(field)}
    within = _age(table, "keep_within")
    if len(counts) == len(_COUNTS) and not any(counts.values()) and not within:
        raise table.fault(
            "keep_last", "and all the others are 0, which keeps nothing", allowed="Keep at least one: keep_last = 1."
        )
    return RetentionRules(**counts, keep_within_seconds=within, minimum_age_seconds=_age(table, "minimum_age"))


def _age(table: Table, field: str) -> float | None:
    if not table.has(field):
        return None
    return table.duration(field, 0, low=0, high=_LONGEST_SECONDS, examples='"1d" or "90d"')
