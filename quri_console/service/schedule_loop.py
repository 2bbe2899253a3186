"""Schedules within `watch`: one process has the lease and runs what is due; what was missed is run once."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import socket
from collections.abc import Callable
from dataclasses import dataclass, replace

from quri_console.clock import NANOSECONDS_PER_SECOND, utc_datetime
from quri_console.config.schedule_model import ScheduleConfig
from quri_console.errors import QuriError
from quri_console.history import History
from quri_console.history.leases import Lease
from quri_console.history.schedule_runs import ScheduleRun
from quri_console.service.schedule_ends import settle
from quri_console.service.schedule_log import log_end
from quri_console.service.schedule_messages import Unkept
from quri_console.service.schedule_runs import Runner
from quri_console.service.schedule_times import Due, first_seen, next_due
from quri_console.service.session import Session

LOOK_SECONDS = 60.0
"""The longest pause: after it a clock that jumped, or a host that slept, is noticed."""
LEASE_SECONDS = 180.0
PAUSE_SECONDS = 10.0
LEAST_PAUSE_SECONDS = 0.5

Say = Callable[[str, bool], None]
"""Hears what happens, and whether it is a problem."""


@dataclass(frozen=True, slots=True)
class _Plan:
    """What is due when, as it was worked out at a time."""

    made_ns: int
    due: dict[str, Due]
    waits: bool
    """Whether a run goes on that nobody here watches, so that its end has to be looked for."""

    @property
    def next_ns(self) -> int | None:
        """When the first of them is due."""
        return min((due.at_ns for due in self.due.values()), default=None)

    def is_due(self, name: str, now_ns: int) -> bool:
        """Whether a schedule's time has come."""
        return name in self.due and self.due[name].at_ns <= now_ns


class ScheduleLoop:
    """Runs the schedules of one network while it holds the lease `schedule:NETWORK`."""

    def __init__(
        self, session: Session, say: Say, *, runner: Runner | None = None, look_seconds: float = LOOK_SECONDS
    ) -> None:
        self._session = session
        self._say = say
        self._runner = runner or Runner(session)
        self._look_seconds = look_seconds
        self._holder = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
        self._lease: Lease | None = None
        self._plan: _Plan | None = None
        self._runs: dict[tuple[str, int], asyncio.Task[None]] = {}
        self._held_ns: dict[str, int] = {}
        self._unkept = Unkept(session)

    @property
    def leads(self) -> bool:
        """Whether this process runs the schedules now."""
        return self._lease is not None and self._lease.holder == self._holder

    @property
    def _duty(self) -> str:
        return f"schedule:{self._session.network.name}"

    async def run(self) -> None:
        """Run until cancelled; what goes wrong is said and tried again. What runs then is ended with it."""
        try:
            while True:
                try:
                    await self._serve()
                except QuriError as error:
                    await self._not_kept("schedules", error)
                except Exception as error:  # noqa: BLE001 - a bug must be seen, and must not end the watch
                    why = f"schedules: quri-console itself failed: {type(error).__name__}: {error}"
                    self._session.log.say("schedule", why, "error")
                    self._say(why, True)
                await self._session.clock.sleep(PAUSE_SECONDS)
        finally:
            tasks = tuple(self._runs.values())
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _serve(self) -> None:
        self._lease = self._plan = None
        async with await History.open(self._session.config.paths.history) as history:
            try:
                while True:
                    if await self._has_lease(history):
                        await self._look(history)
                    await self._session.clock.sleep(self._pause_seconds())
            finally:
                with contextlib.suppress(QuriError):
                    await history.leases.release(self._duty, self._holder)

    async def _has_lease(self, history: History) -> bool:
        """Take or renew it, at the latest when half of it is over; a clock that jumped counts as that."""
        now_ns, lease = self._session.clock.now_ns(), self._lease
        half_ns = round(LEASE_SECONDS * NANOSECONDS_PER_SECOND / 2)
        if lease is not None and self.leads and half_ns < lease.expires_ns - now_ns <= 2 * half_ns:
            return True
        led = self.leads
        self._lease = await history.leases.acquire(self._duty, self._holder, now_ns=now_ns, seconds=LEASE_SECONDS)
        if self.leads and not led:
            self._plan = None
            self._session.log.say("lease", "running the schedules from here", duty="schedule", news=True)
            self._say("running the schedules from here", False)
        elif led and not self.leads:
            lost = f"lost the lease: {self._lease.holder} runs the schedules now"
            self._session.log.say("lease", lost, "warning", duty="schedule", news=True)
        return self.leads

    def _pause_seconds(self) -> float:
        plan = self._plan if self.leads else None
        longest = PAUSE_SECONDS if plan is not None and plan.waits else self._look_seconds
        if plan is None or plan.next_ns is None:
            return longest
        left = (plan.next_ns - self._session.clock.now_ns()) / NANOSECONDS_PER_SECOND
        return min(max(left, LEAST_PAUSE_SECONDS), longest)

    async def _look(self, history: History) -> None:
        now_ns, plan = self._session.clock.now_ns(), self._plan
        if plan is None or plan.waits or now_ns < plan.made_ns or (plan.next_ns or now_ns + 1) <= now_ns:
            # worked out anew: meanwhile a newer slot may have come, or another process may have run this one
            self._plan = plan = await self._planned(history, now_ns)
        due = [schedule for schedule in self._schedules if plan.is_due(schedule.name, now_ns)]
        for schedule in due:
            await self._start(schedule, plan.due[schedule.name])
        if due:
            self._plan = await self._planned(history, now_ns)

    @property
    def _schedules(self) -> tuple[ScheduleConfig, ...]:
        return self._session.config.schedules.entries

    async def _planned(self, history: History, now_ns: int) -> _Plan:
        network = self._session.network.name
        for run in await history.schedule_runs.unfinished(network):
            await self._settle(history, run, now_ns)
        known = await history.schedule_runs.newest(network, now_ns)
        due: dict[str, Due] = {}
        waits = bool(await self._unwatched(history))
        for schedule in self._schedules:
            last = await self._last(history, schedule, known.get(schedule.name), now_ns)
            if last.outcome == "interrupted":
                # what it had begun may live on: it is not begun again beside that
                last = await self._settle(history, last, now_ns)
                waits = waits or last.outcome == "running"
            found = next_due(schedule, network, last, now_ns) if schedule.enabled else None
            if found is not None:
                due[schedule.name] = replace(found, at_ns=max(found.at_ns, self._held_ns.get(schedule.name, 0)))
        return _Plan(now_ns, due, waits)

    async def _unwatched(self, history: History) -> list[ScheduleRun]:
        runs = await history.schedule_runs.unfinished(self._session.network.name)
        return [run for run in runs if not self._is_ours(run)]

    def _is_ours(self, run: ScheduleRun) -> bool:
        return (run.schedule, run.slot_ns) in self._runs

    async def _last(
        self, history: History, schedule: ScheduleConfig, last: ScheduleRun | None, now_ns: int
    ) -> ScheduleRun:
        """The newest run; of a schedule that is new, was off or has another cron line that it begins now."""
        cron = schedule.cron if schedule.enabled else ""
        if last is not None and last.cron == cron:
            return last
        first = first_seen(schedule, self._session.network.name, now_ns, "watch")
        await history.schedule_runs.put(first)
        return first

    async def _settle(self, history: History, run: ScheduleRun, now_ns: int) -> ScheduleRun:
        if self._is_ours(run):
            return run
        settled = await settle(self._session, history, run, now_ns)
        if settled.outcome not in ("running", run.outcome):
            log_end(self._session, settled)
            self._told(settled)
        return settled

    async def _start(self, schedule: ScheduleConfig, due: Due) -> None:
        """Begin a run beside the others; returns when its slot is claimed, so that nothing begins it again."""
        key, claimed = (schedule.name, due.slot_ns), asyncio.Event()
        self._runs[key] = asyncio.create_task(self._one(schedule, due, claimed))
        await claimed.wait()

    async def _one(self, schedule: ScheduleConfig, due: Due, claimed: asyncio.Event) -> None:
        def begun() -> None:
            self._say(f"schedule {schedule.name}: begins" + (f" ({due.remark})" if due.remark else ""), False)
            claimed.set()

        try:
            run = await self._runner.run(schedule, due, "watch", claimed=begun)
            if run is not None:
                self._told(run)
        except QuriError as error:
            claimed.set()
            await self._put_off(schedule, error)
        except Exception as error:  # noqa: BLE001 - a bug must be seen, and must not end the watch
            await self._put_off(schedule, QuriError(f"quri-console itself failed: {type(error).__name__}: {error}"))
        finally:
            claimed.set()
            self._runs.pop((schedule.name, due.slot_ns), None)
            self._plan = None

    async def _put_off(self, schedule: ScheduleConfig, error: QuriError) -> None:
        """A run that could not even be written down, as on a full disk: said, and tried again later."""
        later = round(self._look_seconds * NANOSECONDS_PER_SECOND)
        self._held_ns[schedule.name] = self._session.clock.now_ns() + later
        await self._not_kept(f"schedule {schedule.name}", error)

    async def _not_kept(self, what: str, error: QuriError) -> None:
        """Said at once, and again every hour: what cannot be written down can be sent."""
        if self._unkept.is_news(what, error):
            self._session.log.say("schedule", f"{what}: {error}", "error")
            self._say(f"{what}: {error}", True)
            await self._unkept.tell(what, error)

    def _told(self, run: ScheduleRun) -> None:
        text = f"schedule {run.schedule} of {utc_datetime(run.slot_ns):%Y-%m-%d %H:%M} UTC: {run.outcome}"
        self._say(text + (f": {run.note}" if run.note else ""), run.outcome != "done")
