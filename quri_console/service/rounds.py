"""The loop of rounds: one process polls, the others read along, and a dead one is replaced."""

from __future__ import annotations

import os
import random
import secrets
import socket
from collections.abc import Callable, Sequence
from dataclasses import replace

from quri_console.clock import NANOSECONDS_PER_SECOND
from quri_console.errors import QuriError
from quri_console.history import History
from quri_console.history.alerts import AlertEvent
from quri_console.history.failures import HistoryDamaged, damaged
from quri_console.history.integrity import quick_check
from quri_console.history.leases import Lease
from quri_console.history.recovery import open_history, recover
from quri_console.monitor.fleet import FleetStatus
from quri_console.service.after_round import AfterRound, Step
from quri_console.service.connect import as_shown
from quri_console.service.pace import Asked, Pace, RoundFacts
from quri_console.service.pictures import empty_picture, picture
from quri_console.service.polling import poller_for
from quri_console.service.round_log import RoundLog
from quri_console.service.session import Session
from quri_console.tasks import first_failure

Publish = Callable[[FleetStatus], None]


LOOK_OUT_SECONDS = 1.0


class Rounds:
    """Polls while it holds the lease of its network, reads along while another does; publishes every change."""

    def __init__(
        self,
        session: Session,
        publish: Publish,
        *,
        chance: Callable[[], float] = random.random,
        alerts_changed: Callable[[Sequence[AlertEvent]], None] = lambda _: None,
        round_ended: Callable[[RoundFacts], None] = lambda _: None,
        series: bool = True,
    ) -> None:
        """`alerts_changed` hears of every alert that this process changed, `round_ended` of every round of its own.

        `series`: whether pictures have a day of balances in them, which a thousand canisters make large.
        """
        self._session = session
        self._publish = publish
        self._pace = Pace(session, chance)
        self._holder = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
        self._asked = Asked(session.clock)
        self._poller = poller_for(session)
        self._shown_version = -1
        self._alerts_changed = alerts_changed
        self._round_ended = round_ended
        self._series = series
        self._after = AfterRound(session)
        self._log = RoundLog(session)
        self._newest: FleetStatus | None = None
        # what the operator has to know for as long as this process runs
        self._standing_notice = ""
        self._next_due_ns: int | None = None

    @property
    def polling_as(self) -> str | None:
        """The principal that asks, None before the first round."""
        agent = self._poller.agent
        return None if agent is None else agent.identity.sender.to_str()

    @property
    def _duty(self) -> str:
        return f"poll:{self._session.network.name}"

    def keep_notice(self, text: str) -> None:
        """Say this with every picture from now on, unless there is something newer to say."""
        self._standing_notice = text

    def poll_now(self) -> None:
        """Start a round now instead of at the next interval; asked twice before it starts, it runs once."""
        self._asked.ask()

    async def run(self) -> None:
        """Run until cancelled. What goes wrong is published as the picture's notice and tried again."""
        try:
            while True:
                try:
                    history, recovered = await open_history(self._session.config.paths.history, self._session.clock)
                    async with history:
                        if recovered is not None:
                            self._recovered(recovered.notice)
                        async with first_failure() as tasks:
                            tasks.create_task(self._check_whole(history))
                            await self._serve(history)
                except HistoryDamaged as error:
                    await self._recover(error)
                except QuriError as error:
                    await self._wait_out(error)
        finally:
            await self._poller.aclose()

    async def _check_whole(self, history: History) -> None:
        """Beside the rounds: damage that shows at a glance is met before more is built on it. Raises HistoryDamaged."""
        faults = await quick_check(history.path)
        if faults:
            raise damaged(history.path, faults)

    def _recovered(self, notice: str) -> None:
        self._standing_notice = notice
        self._session.log.say("history", notice, "warning")

    async def _recover(self, damage: HistoryDamaged) -> None:
        self._session.log.say("history", str(damage), "error")
        self._publish(empty_picture(self._session, damage))
        try:
            recovered = await recover(self._session.config.paths.history, self._session.clock)
        except QuriError as error:
            await self._wait_out(error)
            return
        if recovered is None:
            # another process has done it, or it passed
            await self._asked.pause(LOOK_OUT_SECONDS)
        else:
            self._recovered(recovered.notice)

    async def _wait_out(self, error: QuriError) -> None:
        self._log.failed(str(error))
        self._publish(empty_picture(self._session, error))
        await self._asked.pause(self._pace.interval)

    async def _serve(self, history: History) -> None:
        await self._show(history)
        try:
            await self._asked.pause(await self._pace.seconds_until_due(history))
            while True:
                lease = await self._acquire(history)
                if lease.holder == self._holder or self._asked.now:
                    await self._lead(history)
                else:
                    await self._read_along(history, lease)
        finally:
            await history.leases.release(self._duty, self._holder)
            self._log.released(self._holder)

    async def _acquire(self, history: History) -> Lease:
        lease = await history.leases.acquire(
            self._duty, self._holder, now_ns=self._session.clock.now_ns(), seconds=self._pace.lease_seconds
        )
        self._log.lease(lease, self._holder)
        return lease

    async def _lead(self, history: History) -> None:
        self._asked.met()
        started = self._session.clock.monotonic()
        try:
            samples = await self._poller.round(await self._pace.due(history))
        except QuriError as error:
            await self._failed(history, str(error))
            self._pace.ended(answered=False)
        except Exception as error:  # noqa: BLE001 - a bug must be seen, and must not end the watch
            await self._failed(history, f"quri-console itself failed: {type(error).__name__}: {error}")
            self._pace.ended(answered=False)
        else:
            self._log.answered(samples)
            await history.add_samples(self._session.network.name, samples)
            self._pace.ended(answered=any(sample.answered for sample in samples))
            await self._follow_up(history, started)
        delay = self._pace.delay_seconds()
        self._say_when_next(delay)
        await self._rest(history, delay)

    async def _failed(self, history: History, why: str) -> None:
        self._log.failed(why)
        await self._show(history, notice=why)

    def _say_when_next(self, delay: float) -> None:
        """While nobody answers, rounds come more seldom; whoever looks should know when the next one is."""
        if self._pace.silent_rounds and self._newest is not None:
            due_ns = self._session.clock.now_ns() + round(delay * NANOSECONDS_PER_SECOND)
            self._newest = replace(self._newest, next_round_ns=due_ns)
            self._publish(self._newest)

    async def _follow_up(self, history: History, started: float) -> None:
        try:
            await self._after.gather(history, self._poller.agent)
            fleet = await self._show(history)
            self._log.judged(fleet)
            self._told(await self._after.step(history, fleet, fresh=True))
        except QuriError:
            raise
        except Exception as error:  # noqa: BLE001 - a bug must be seen, and must not end the watch
            await self._failed(history, f"quri-console itself failed: {type(error).__name__}: {error}")
        self._round_ended(RoundFacts(self._session.clock.now_ns(), self._pace.silent_rounds == 0, started))

    async def _rest(self, history: History, seconds: float) -> None:
        """Wait for the next round; an alert whose waiting ends before it is not kept waiting."""
        clock = self._session.clock
        until = clock.monotonic() + seconds
        while (left := until - clock.monotonic()) > 0 and not self._asked.now:
            due_ns = self._next_due_ns
            if due_ns is None:
                return await self._asked.pause(left)
            await self._asked.pause(min(left, max((due_ns - clock.now_ns()) / NANOSECONDS_PER_SECOND, 0.0)))
            if clock.now_ns() >= due_ns and self._newest is not None:
                self._told(await self._after.step(history, self._newest, fresh=False))
        return None

    def _told(self, step: Step) -> None:
        self._next_due_ns = step.next_due_ns
        if step.events:
            self._log.alerts(step.events)
            self._alerts_changed(step.events)

    async def _read_along(self, history: History, lease: Lease) -> None:
        """Publish what another process writes, until its lease has run out or a round is asked for."""
        while self._session.clock.now_ns() < lease.expires_ns and not self._asked.now:
            if await history.data_version() != self._shown_version:
                await self._show(history)
                return
            await self._asked.pause(LOOK_OUT_SECONDS)

    async def _show(self, history: History, *, notice: str = "") -> FleetStatus:
        session = self._session
        # read before the picture: what is written while it is made will be noticed as new
        self._shown_version = await history.data_version()
        network = as_shown(session.network, self._poller.root_key)
        fleet = await picture(
            session.config,
            network,
            history,
            session.clock.now_ns(),
            notice=notice or self._standing_notice,
            series=self._series,
            anomalies=self._after.anomalies,
            snapshots=self._after.snapshots,
        )
        self._newest = fleet
        self._publish(fleet)
        return fleet
