"""The fleet for one command: from the history when it is young enough, else from the network."""

from __future__ import annotations

from dataclasses import replace

from quri_console.history import History
from quri_console.monitor.fleet import FleetStatus, is_stale
from quri_console.service.pictures import newest_attempts, picture
from quri_console.service.session import Session


async def fleet_status(session: Session, *, live: bool = False) -> FleetStatus:
    """The fleet from the history, or from one round when `live` or when the newest is older than two intervals.

    A network that does not answer is no error here: the last known values come back as stale, with
    the reason in `notice`. When `live`, what an operation that died left stopped is started first.
    Raises QuriError when the history or a key file cannot be used.
    """
    found = await _brought_back(session) if live else ""
    async with await History.open(session.config.paths.history) as history:
        if live or await _outdated(session, history):
            fleet = await _after_a_round(session, history)
            return fleet if not found else replace(fleet, notice=" · ".join(filter(None, (found, fleet.notice))))
        return await picture(session.config, session.network, history, session.clock.now_ns())


async def _brought_back(session: Session) -> str:
    """What operations that died had left stopped, started again now where that is possible; empty when nothing."""
    if not session.config.paths.operations.is_dir():
        return ""
    from quri_console.service.left_stopped import bring_back

    return "; ".join(item.words for item in await bring_back(session))


async def _outdated(session: Session, history: History) -> bool:
    now_ns, interval = session.clock.now_ns(), session.config.monitor.interval_seconds
    attempts = await newest_attempts(history, session.network.name, now_ns)
    times = [attempts[canister.id].at_ns if canister.id in attempts else None for canister in session.config.canisters]
    return any(is_stale(at_ns, now_ns, interval) for at_ns in times)


async def _after_a_round(session: Session, history: History) -> FleetStatus:
    # needs the network's modules, which a picture from the history must not load
    from quri_console.service.connect import as_shown
    from quri_console.service.polling import poller_for

    poller = poller_for(session)
    try:
        await history.add_samples(session.network.name, await poller.round())
        network = as_shown(session.network, poller.root_key)
    finally:
        await poller.aclose()
    return await picture(session.config, network, history, session.clock.now_ns())
