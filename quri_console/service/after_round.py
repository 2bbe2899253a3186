"""What follows a round in the process that leads: payers, sums, unusual burn, alerts and the messages about them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import aiosqlite

from quri_console.clock import NANOSECONDS_PER_SECOND
from quri_console.config.alerting import ChannelConfig
from quri_console.errors import QuriError
from quri_console.history import History
from quri_console.history.alerts import AlertEvent
from quri_console.history.causes import Counters
from quri_console.history.failures import damaged
from quri_console.history.integrity import check_if_due
from quri_console.history.payers import PayerBalance
from quri_console.ic.agent import Agent
from quri_console.ic.encoding.principal import parse_principal
from quri_console.ic.management.read import canister_metrics, list_canister_snapshots
from quri_console.monitor import words
from quri_console.monitor.alert_engine import PAYER, AlertEngine, Picture, measures_of, run_step
from quri_console.monitor.alert_groups import WATCH
from quri_console.monitor.anomaly import find_anomaly
from quri_console.monitor.fleet import Finding, FleetStatus, Health
from quri_console.monitor.health import health_of
from quri_console.monitor.notification import Notification
from quri_console.monitor.notify.deliverer import LIFETIME_SECONDS
from quri_console.monitor.notify.documents import outbox_message
from quri_console.monitor.notify.routing import recipients
from quri_console.monitor.payers import PayerReading, read_payer
from quri_console.monitor.windows import HOUR_NS, segments_of_buckets
from quri_console.service.own_stops import without_own_stops
from quri_console.service.session import Session
from quri_console.units import DAY_SECONDS, HOUR_SECONDS

ANOMALY_SECONDS = 56 * DAY_SECONDS
"""How far back the usual burn is learnt from."""
PAYER_SECONDS = 20.0
SNAPSHOTS_SECONDS = 20.0
CAUSES_SECONDS = 90 * DAY_SECONDS
RETENTION_DUTY = "retention"
ALERT_SECONDS = 365 * DAY_SECONDS
"""How long the past of alerts is kept."""
STUCK_SECONDS = 15 * 60
"""After so long a message that nobody took is worth saying."""


@dataclass(frozen=True, slots=True)
class Step:
    """What came of one step of the alerts; `next_due_ns` is when the next one is due, None for the next round."""

    next_due_ns: int | None = None
    events: tuple[AlertEvent, ...] = ()


class AfterRound:
    """Keeps what lies between two rounds in memory: what is unusual, and for which hour that was judged."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._network = session.network.name
        monitor = session.config.monitor
        self._engine = AlertEngine(self._network, session.config.alerts, monitor.interval_seconds)
        self.anomalies: Mapping[str, str] = {}
        self.snapshots: Mapping[str, int] = {}
        self._judged_hour = -1

    async def gather(self, history: History, agent: Agent | None, *, patient: bool = True) -> None:
        """Ask for the payers' balances, add up the hours that are over, and judge their burn once an hour.

        `patient` asks once an hour for what takes update calls, too: how many snapshots there are.
        """
        if agent is not None:
            await self._ask_payers(history, agent)
        now_ns = self._session.clock.now_ns()
        await history.rollups.update(self._network, now_ns)
        if now_ns // HOUR_NS != self._judged_hour:
            self.anomalies = await self._unusual(history, now_ns)
            self._judged_hour = now_ns // HOUR_NS
            await self._tend(history, now_ns)
            if agent is not None and patient:
                self.snapshots = await self._count_snapshots(history, agent, now_ns)
                await self._read_causes(history, agent, now_ns)

    async def _read_causes(self, history: History, agent: Agent, now_ns: int) -> None:
        """What cycles were burnt for so far, of canisters that tell this identity."""
        found: dict[str, Counters] = {}
        for canister in self._session.config.canisters:
            try:
                async with asyncio.timeout(SNAPSHOTS_SECONDS):
                    consumed = await canister_metrics(agent, parse_principal(canister.id), form="query")
            except (QuriError, TimeoutError):
                # older replicas have no such method, and only controllers may call it
                continue
            found[canister.id] = asdict(consumed)
        await history.causes.add(self._network, now_ns, found)

    async def _count_snapshots(self, history: History, agent: Agent, now_ns: int) -> dict[str, int]:
        """How many snapshots are on chain, of canisters whose memory shows that there are some."""
        readings = await history.newest_readings(self._network, now_ns)
        counts: dict[str, int] = {}
        for canister_id, reading in readings.items():
            if not reading.snapshot_bytes:
                continue
            try:
                async with asyncio.timeout(SNAPSHOTS_SECONDS):
                    counts[canister_id] = len(await list_canister_snapshots(agent, parse_principal(canister_id)))
            except (QuriError, TimeoutError):
                # who may see the status need not be allowed to see the snapshots
                continue
        return counts

    async def _tend(self, history: History, now_ns: int) -> None:
        """What the history needs from time to time. Raises HistoryDamaged when the weekly check finds damage."""
        last = await history.duties.get(self._network, RETENTION_DUTY)
        if not 0 <= now_ns - (last.succeeded_ns or 0) < DAY_SECONDS * NANOSECONDS_PER_SECOND:
            await history.retention.prune(self._network, now_ns)
            await history.alerts.prune(self._network, now_ns - ALERT_SECONDS * NANOSECONDS_PER_SECOND)
            await history.causes.prune(now_ns - CAUSES_SECONDS * NANOSECONDS_PER_SECOND)
            await history.duties.succeeded(self._network, RETENTION_DUTY, now_ns)
        faults = await check_if_due(history.duties, history.path, now_ns)
        if faults:
            raise damaged(history.path, faults)

    async def step(self, history: History, fleet: FleetStatus, *, fresh: bool) -> Step:
        """Judge the alerts and put the messages that are due into the outbox; one transaction."""
        now_ns = self._session.clock.now_ns()
        changes = await run_step(
            history,
            self._engine,
            await self._picture(history, fleet, now_ns, fresh=fresh),
            now_ns,
            _putter(history),
            self._session.config.channels,
        )
        return Step(changes.next_due_ns, changes.events)

    async def _ask_payers(self, history: History, agent: Agent) -> None:
        payers = self._session.config.monitor.payers
        if not payers:
            return
        readings = await asyncio.gather(*(self._ask_payer(agent, number) for number in range(len(payers))))
        await history.payers.add(
            self._network,
            [PayerBalance(found.name, found.at_ns, found.cycles, found.error or None) for found in readings],
        )

    async def _ask_payer(self, agent: Agent, number: int) -> PayerReading:
        payer = self._session.config.monitor.payers[number]
        clock = self._session.clock
        try:
            async with asyncio.timeout(PAYER_SECONDS):
                return await read_payer(agent, payer, clock)
        except TimeoutError:
            return PayerReading(payer.name, clock.now_ns(), None, f"no answer within {PAYER_SECONDS:g} s")

    async def _unusual(self, history: History, now_ns: int) -> dict[str, str]:
        since_ns = now_ns - ANOMALY_SECONDS * NANOSECONDS_PER_SECOND
        events = await history.events.newest(self._network, now_ns - DAY_SECONDS * NANOSECONDS_PER_SECOND)
        found: dict[str, str] = {}
        for canister in self._session.config.canisters:
            buckets = await history.rollups.buckets(self._network, canister.id, HOUR_SECONDS, since_ns, now_ns)
            segments = segments_of_buckets(buckets)
            anomaly = find_anomaly(segments, now_ns=now_ns, events=events.get(canister.id, ()))
            if anomaly is not None:
                found[canister.id] = anomaly.text
        return found

    async def _picture(self, history: History, fleet: FleetStatus, now_ns: int, *, fresh: bool) -> Picture:
        operations = self._session.config.paths.operations
        health: dict[str, Health] = {view.canister_id: without_own_stops(view, operations) for view in fleet.canisters}
        names = {view.canister_id: view.name for view in fleet.canisters}
        for payer in fleet.payers:
            health[f"{PAYER}{payer.name}"] = payer.health
            names[f"{PAYER}{payer.name}"] = payer.name
        health[WATCH] = await self._own_health(history, now_ns)
        names[WATCH] = "quri-console"
        measures = {view.canister_id: measures_of(view) for view in fleet.canisters}
        return Picture(health, names, measures, fresh=fresh)

    async def _own_health(self, history: History, now_ns: int) -> Health:
        before_ns = now_ns - STUCK_SECONDS * NANOSECONDS_PER_SECOND
        found: list[Finding] = []
        stuck = await history.outbox.stuck(before_ns=before_ns)
        if stuck:
            channels = sorted({message.channel for message in stuck})
            found.append(Finding("channel-dead", "warning", words.stuck_channels(channels, len(stuck))))
        if self._session.config.schedules.active:
            from quri_console.service.schedule_health import late_schedules

            late = await late_schedules(self._session, history)
            if late:
                found.append(Finding("schedule-late", "warning", "; ".join(late)))
        return health_of(found)


class _putter:  # noqa: N801 - used like a function
    """Puts a notification into the outbox within the transaction that changes its alerts."""

    def __init__(self, history: History) -> None:
        self._history = history

    async def __call__(
        self,
        connection: aiosqlite.Connection,
        notification: Notification,
        channels: Sequence[ChannelConfig],
        now_ns: int,
    ) -> object:
        return await self._history.outbox.put_in(
            connection,
            outbox_message(notification),
            recipients(channels, notification),
            now_ns=now_ns,
            expires_ns=now_ns + round(LIFETIME_SECONDS * NANOSECONDS_PER_SECOND),
        )
