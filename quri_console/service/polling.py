"""Who asks the canisters of a session's fleet, and by which sources."""

from __future__ import annotations

from quri_console.monitor.poll import Poller
from quri_console.monitor.sources import PollTarget
from quri_console.service.connect import connect
from quri_console.service.session import Session


def poller_for(session: Session) -> Poller:
    """A poller of the session's fleet with the identity of the duty `poll`."""
    monitor = session.config.monitor
    return Poller(
        lambda: connect(session.network, session.config.identity("poll"), session.clock),
        [PollTarget(canister.id, canister.sources, monitor.blackhole) for canister in session.config.canisters],
        clock=session.clock,
        concurrency=monitor.concurrency,
        deadline_seconds=monitor.round_deadline_seconds,
    )
