"""Metrics of the fleet as the history has it, and of the watch as far as the history knows it."""

from __future__ import annotations

from typing import get_args

from quri_console.history import History
from quri_console.monitor.fleet import FleetStatus
from quri_console.monitor.metrics import MetricsFormat, PayerFacts, WatchFacts, metrics_text
from quri_console.monitor.rules import HealthLevel
from quri_console.service.pictures import picture
from quri_console.service.session import Session


async def metrics_now(session: Session, form: MetricsFormat = "text") -> str:
    """All metrics. Raises HistoryUnusable."""
    async with await History.open(session.config.paths.history) as history:
        now_ns = session.clock.now_ns()
        fleet = await picture(session.config, session.network, history, now_ns, series=False)
        attempts = [view.attempted_at_ns for view in fleet.canisters if view.attempted_at_ns is not None]
        facts = await watch_facts(session, history, fleet, last_round_at_ns=max(attempts, default=None))
    return metrics_text(fleet, facts, form=form)


async def watch_facts(
    session: Session,
    history: History,
    fleet: FleetStatus,
    *,
    heartbeat_at_ns: int | None = None,
    last_round_at_ns: int | None = None,
    last_round_seconds: float | None = None,
) -> WatchFacts:
    """What the history knows of the watch, and what its process adds. Raises HistoryUnusable."""
    firing: dict[HealthLevel, int] = {}
    for alert in await history.alerts.current(fleet.network):
        if alert.state == "firing":
            level = level_of(alert.level)
            firing[level] = firing.get(level, 0) + 1
    counts = await history.outbox.counts()
    warnings = {payer.name: payer.warning_cycles for payer in session.config.monitor.payers}
    return WatchFacts(
        heartbeat_at_ns=heartbeat_at_ns,
        last_round_at_ns=last_round_at_ns,
        last_round_seconds=last_round_seconds,
        outbox_waiting={name: found.waiting for name, found in counts.items()},
        alerts_firing=firing,
        payers=tuple(PayerFacts(p.name, p.cycles, warnings.get(p.name, 0), p.at_ns) for p in fleet.payers),
    )


def level_of(text: str) -> HealthLevel:
    """A level as stored, by this version or by a later one that may have more."""
    return next((level for level in get_args(HealthLevel) if level == text), "ok")
