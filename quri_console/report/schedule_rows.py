"""Schedules in a report, as values; times are aware UTC datetimes. Texts are untrusted until they are rendered."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class ScheduleTrouble:
    """What did not go as planned: one slot, or so many after each other of which the same is to be said.

    `what` is `failed`, `interrupted`, `skipped`, `late` or `not begun`; `slot` and `last_slot` are the first and the
    last of them.
    """

    slot: datetime
    last_slot: datetime
    times: int
    what: str
    why: str


@dataclass(frozen=True, slots=True)
class ScheduleRow:
    """How one schedule went in the period.

    `planned` are the slots that its cron line named in it, while somebody looked after them; None: nobody ever has.
    Runs count in the period in which they end: `run` those that did their work or failed at it, `failed` those that
    failed or were interrupted, `skipped` those that were not begun for a reason, `by_hand` those that somebody began.
    `late` counts where it begins, `not_begun` when its latest time is over. `state` is `on`, `off` or `gone` (no more
    in the configuration). `last_outcome` is that of the newest run, whenever it was; empty: there was none.
    """

    name: str
    job: str
    cron: str
    state: str
    planned: int | None
    run: int
    failed: int
    skipped: int
    late: int
    not_begun: int
    by_hand: int
    last_at: datetime | None
    last_outcome: str
    level: str
    """ok, warning, critical, unknown (nobody ever looked at it), or empty for one that is off or gone and did well."""
    troubles: tuple[ScheduleTrouble, ...]
