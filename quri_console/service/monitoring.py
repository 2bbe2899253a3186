"""One round for one command: samples kept, fleet judged, and on request everybody told."""

from __future__ import annotations

from quri_console.history import History
from quri_console.monitor.fleet import FleetStatus
from quri_console.service.after_round import AfterRound
from quri_console.service.connect import as_shown
from quri_console.service.pictures import picture
from quri_console.service.polling import poller_for
from quri_console.service.round_log import RoundLog
from quri_console.service.session import Session

DELIVERY_SECONDS = 30.0
"""How long a single round waits for messages to be taken; what is left goes out with the next round or `watch`."""


async def monitor_once(session: Session, *, notify: bool = False) -> FleetStatus:
    """Ask every canister once; with `notify` judge the alerts, and deliver what is due.

    A network that does not answer is part of the picture. Raises QuriError when the history or a key cannot be used.
    """
    async with await History.open(session.config.paths.history) as history:
        poller = poller_for(session)
        after, log = AfterRound(session), RoundLog(session)
        try:
            samples = await poller.round()
            log.answered(samples)
            await history.add_samples(session.network.name, samples)
            await after.gather(history, poller.agent, patient=False)
            network = as_shown(session.network, poller.root_key)
        finally:
            await poller.aclose()
        now_ns = session.clock.now_ns()
        fleet = await picture(session.config, network, history, now_ns, anomalies=after.anomalies)
        if notify:
            log.alerts((await after.step(history, fleet, fresh=True)).events)
            from quri_console.service.deliveries import deliver_for

            await deliver_for(session, history, DELIVERY_SECONDS)
    return fleet
