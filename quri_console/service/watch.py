"""The watch as a foreground service: rounds, alerts, deliveries, metrics and signs of life, until told to end."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING, Literal

from quri_console.config.alerting import HeartbeatDuty
from quri_console.errors import QuriError
from quri_console.history import History
from quri_console.history.alerts import AlertEvent
from quri_console.monitor.fleet import FleetStatus
from quri_console.monitor.metrics import metrics_text
from quri_console.monitor.notify.outside import Outside
from quri_console.monitor.rules import HealthLevel
from quri_console.service.alerting import subject_names
from quri_console.service.deliveries import PAUSE_SECONDS, deliver_until_cancelled
from quri_console.service.metrics_endpoint import MetricsEndpoint
from quri_console.service.metrics_now import level_of, watch_facts
from quri_console.service.metrics_textfile import write_metrics_textfile
from quri_console.service.pace import RoundFacts
from quri_console.service.process_log import keep_counting, logged
from quri_console.service.rounds import Rounds
from quri_console.service.session import Session

if TYPE_CHECKING:
    from quri_console.monitor.heartbeats import Heartbeats

NoticeKind = Literal["started", "round", "alert", "schedule", "problem", "ended"]
CLOSE_SECONDS = 1.0
"""How long a sign of life under way may hold up the end."""
DUTY: HeartbeatDuty = "watch"


@dataclass(frozen=True, slots=True)
class Notice:
    """Something that the watch has to say; `subject` is a canister's id where there is one."""

    at_ns: int
    kind: NoticeKind
    text: str
    level: HealthLevel = "ok"
    subject: str = ""


async def watch(session: Session, say: Callable[[Notice], None]) -> None:
    """Watch until cancelled, and write down what happens; `say` hears of it, too."""

    def tell(problem: str) -> None:
        say(Notice(session.clock.now_ns(), "problem", problem, "warning"))

    with logged(session, "watch", tell) as opened:
        await Watch(opened, say).run()


@dataclass(slots=True)
class _Facts:
    round: RoundFacts | None = None
    round_seconds: float | None = None
    said: dict[str, str] = field(default_factory=dict)


class Watch:
    """One process's watch over one network."""

    def __init__(self, session: Session, say: Callable[[Notice], None]) -> None:
        self._session = session
        self._say = say
        self._facts = _Facts()
        self._fleet: FleetStatus | None = None
        self._changed = asyncio.Event()
        metrics = session.config.monitor.metrics
        self._endpoint = (
            None if metrics.listen_port is None else MetricsEndpoint(metrics.listen_host, metrics.listen_port)
        )
        self._heartbeats: Heartbeats | None = None
        self._polling: Rounds | None = None
        self._said_controller = False
        self._names = subject_names(session)

    @property
    def metrics_port(self) -> int | None:
        """The port that metrics can be fetched from, None without an endpoint."""
        return None if self._endpoint is None else self._endpoint.port

    async def run(self) -> None:
        """Watch until cancelled. Raises QuriError only for what is wrong from the start."""
        if self._endpoint is not None:
            await self._endpoint.start()
            host = self._session.config.monitor.metrics.listen_host
            served = f"metrics are served on {host}:{self._endpoint.port}"
            self._session.log.say("metrics", served)
            self._note("started", served)
        try:
            async with Outside() as outside:
                self._heartbeats = self._open_heartbeats(outside)
                self._note("started", f"watching {len(self._session.config.canisters)} canisters")
                async with asyncio.TaskGroup() as tasks:
                    self._polling = self._rounds()
                    tasks.create_task(self._polling.run())
                    tasks.create_task(deliver_until_cancelled(self._session, self._problem))
                    tasks.create_task(self._insist("metrics", self._publish_metrics))
                    tasks.create_task(self._bring_back())
                    tasks.create_task(self._ask_ready())
                    tasks.create_task(self._run_schedules())
                    tasks.create_task(keep_counting(self._session.log, self._session.clock))
        finally:
            if self._heartbeats is not None:
                await self._heartbeats.close(CLOSE_SECONDS)
            if self._endpoint is not None:
                await self._endpoint.aclose()
            self._note("ended", "the watch has ended")

    def _rounds(self) -> Rounds:
        return Rounds(
            self._session,
            self._published,
            alerts_changed=self._alerts_changed,
            round_ended=self._round_ended,
            series=False,
        )

    def _open_heartbeats(self, outside: Outside) -> Heartbeats | None:
        configs = self._session.config.monitor.heartbeats
        if not configs:
            return None
        from quri_console.monitor.heartbeats import Heartbeats

        clock = self._session.clock
        return Heartbeats(configs, outside, clock=clock, random=Random())  # noqa: S311 - jitter

    async def _bring_back(self) -> None:
        """Start again what an operation that died left stopped, looked for as often as the fleet is."""
        from quri_console.service.left_stopped import keep_bringing_back

        interval = self._session.config.monitor.interval_seconds
        await self._insist("left stopped", lambda: keep_bringing_back(self._session, self._problem, interval))

    async def _ask_ready(self) -> None:
        """Ask whether the fleet could be restored, as often as the configuration says; never unless it does."""
        from quri_console.service.readiness import keep_asking

        if self._session.config.monitor.ready_interval_seconds > 0:
            await self._insist("ready", lambda: keep_asking(self._session))

    async def _run_schedules(self) -> None:
        """Run what [schedules] says while this process has the lease; a console that changes nothing runs none."""
        schedules = self._session.config.schedules
        if not schedules.active or not schedules.in_watch:
            return
        if self._session.read_only:
            self._problem("--read-only was given, so no schedule is run from here")
            return
        from quri_console.service.schedule_loop import ScheduleLoop

        def say(text: str, problem: bool) -> None:
            self._note("problem" if problem else "schedule", text, "warning" if problem else "ok")

        await ScheduleLoop(self._session, say).run()

    async def _insist(self, what: str, work: Callable[[], Awaitable[None]]) -> None:
        """Do it without end; what goes wrong is said, tried again, and leaves the rounds alone."""
        while True:
            try:
                await work()
            except QuriError as error:
                self._problem(f"{what}: {error}")
            except Exception as error:  # noqa: BLE001 - a bug must be seen, and must not end the watch
                self._problem(f"{what}: quri-console itself failed: {type(error).__name__}: {error}")
            await self._session.clock.sleep(PAUSE_SECONDS)

    async def _publish_metrics(self) -> None:
        metrics = self._session.config.monitor.metrics
        if self._endpoint is None and metrics.textfile is None:
            await asyncio.Event().wait()
        async with await History.open(self._session.config.paths.history) as history:
            while True:
                await self._changed.wait()
                self._changed.clear()
                if self._fleet is None:
                    continue
                fleet, newest = self._fleet, self._facts.round
                facts = await watch_facts(
                    self._session,
                    history,
                    fleet,
                    heartbeat_at_ns=self._session.clock.now_ns(),
                    last_round_at_ns=newest.ended_ns if newest is not None else None,
                    last_round_seconds=self._facts.round_seconds,
                )
                if self._endpoint is not None:
                    self._endpoint.publish(fleet, facts)
                if metrics.textfile is not None:
                    await asyncio.to_thread(write_metrics_textfile, metrics.textfile, metrics_text(fleet, facts))

    def _published(self, fleet: FleetStatus) -> None:
        before, self._fleet = self._fleet, fleet
        self._changed.set()
        if fleet.notice and (before is None or before.notice != fleet.notice):
            self._note("problem", fleet.notice, "warning")
        for view in fleet.canisters:
            said = view.health.reasons[0] if view.health.reasons else "healthy"
            # the wording changes with every age and balance, so only the level is news
            if self._facts.said.get(view.canister_id) != view.health.level:
                self._facts.said[view.canister_id] = view.health.level
                self._note("round", f"{view.name}: {said}", view.health.level, view.canister_id)

    def _round_ended(self, facts: RoundFacts) -> None:
        self._facts.round = facts
        self._facts.round_seconds = self._session.clock.monotonic() - facts.started
        self._changed.set()
        self._say_if_controller()
        if self._heartbeats is None:
            return
        if facts.answered:
            self._heartbeats.alive(DUTY, took_seconds=self._facts.round_seconds)
        else:
            self._heartbeats.failed(DUTY, "no canister answered")

    def _say_if_controller(self) -> None:
        """Once: a key that may change canisters lies on the machine that only watches them."""
        sender = self._polling.polling_as if self._polling is not None else None
        if self._said_controller or sender is None or self._fleet is None:
            return
        controlled = [view.name for view in self._fleet.canisters if sender in view.controllers]
        if controlled:
            self._said_controller = True
            text = (
                f"polling with a key that controls {', '.join(controlled)}: a viewer is enough "
                "(set status_visibility to allow it, and give [identities.poll] its key)"
            )
            self._problem(text)

    def _alerts_changed(self, events: Sequence[AlertEvent]) -> None:
        for event in events:
            name = self._names.get(event.subject, event.subject)
            text = f"{name} {event.rule} {event.state}: {event.text}"
            self._note("alert", text, level_of(event.level), event.subject)

    def _problem(self, text: str) -> None:
        self._session.log.say("problem", text, "warning")
        self._note("problem", text, "warning")

    def _note(self, kind: NoticeKind, text: str, level: HealthLevel = "ok", subject: str = "") -> None:
        self._say(Notice(self._session.clock.now_ns(), kind, text, level, subject))
