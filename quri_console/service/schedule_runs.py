"""One run of one schedule: claimed, judged, carried out to its deadline, and told: history, heartbeat, channels."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from quri_console.config.schedule_model import COSTING, ScheduleConfig
from quri_console.effects.durable import make_private_directory
from quri_console.effects.lockdown import read_lockdown
from quri_console.errors import ExitCode, LockedError, QuriError
from quri_console.history import History
from quri_console.history.schedule_runs import RunOrigin, RunOutcome, ScheduleRun
from quri_console.service.duty_heartbeat import Ending, heartbeats_of
from quri_console.service.lockdowns import lockdown_words
from quri_console.service.schedule_jobs import canisters_of, commands_of, not_there, reports_folder, run_reason
from quri_console.service.schedule_log import log_begin, log_end
from quri_console.service.schedule_messages import DAY_NS, tell
from quri_console.service.schedule_process import Execute, Job, JobEnd, JobFiles, Processes
from quri_console.service.schedule_times import Due
from quri_console.service.session import Session
from quri_console.units import format_cycles, format_duration

Bill = Callable[[Session, ScheduleConfig], Awaitable[int]]
"""What a run will cost, in cycles. Raises QuriError."""
NOTE_LENGTH = 500


def job_files(session: Session, schedule: str) -> JobFiles:
    """Where a schedule's lock, log and output lie."""
    return JobFiles(session.config.paths.state / "schedules", session.network.name, schedule)


async def backup_bill(session: Session, schedule: ScheduleConfig) -> int:
    """What the plan of a backup estimates."""
    from quri_console.service.backups import plan_of_backup

    names = [canister.name for canister in canisters_of(session.config, schedule)]
    return (await plan_of_backup(session, names, mode="stop", stop_timeout_seconds=60.0)).cycles


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a run ended."""

    outcome: RunOutcome
    note: str = ""
    exit_code: int | None = None
    cycles: int | None = None
    """What it cost as measured; None where what was reserved stays."""


@dataclass(slots=True)
class _Reserved:
    """What a run may cost."""

    cycles: int = 0


class Runner:
    """Runs schedules of a session; of two runs that cost cycles one is billed after the other."""

    def __init__(self, session: Session, *, execute: Execute | None = None, bill: Bill = backup_bill) -> None:
        self._session = session
        self._execute = execute or Processes.of(session.config.path, session.network.name, session.clock)
        self._bill = bill
        self._billing = asyncio.Lock()

    async def run(
        self,
        schedule: ScheduleConfig,
        due: Due,
        origin: RunOrigin,
        *,
        claimed: Callable[[], None] = lambda: None,
    ) -> ScheduleRun | None:
        """Run what is due to its end and say how it went; None when somebody else has claimed it.

        `claimed` is called when the slot is taken. Raises QuriError where the history cannot be written: then nothing
        was begun, or its end was not noted.
        """
        now_ns = self._session.clock.now_ns()
        network, name = self._session.network.name, schedule.name
        run = ScheduleRun(network, name, due.slot_ns, due.attempt, schedule.cron, origin, now_ns, note=due.remark)
        try:
            # before the claim: a run that is not over and that nobody holds has lost its process
            with job_files(self._session, schedule.name).held() as lock:
                if not await self._claim(run):
                    return None
                claimed()
                log_begin(self._session, run)
                if due.missed:
                    await self._tell_missed(schedule, run, due.missed)
                return await self._claimed(schedule, run, lock)
        except LockedError as error:
            run = _ended(run, Verdict("skipped", str(error)), now_ns)
            if not await self._claim(run):
                return None
            log_end(self._session, run)
            return run

    async def _claim(self, run: ScheduleRun) -> bool:
        async with await self._history() as history:
            return await history.schedule_runs.claim(run)

    async def _tell_missed(self, schedule: ScheduleConfig, run: ScheduleRun, missed: int) -> None:
        async with await self._history() as history:
            await tell(self._session, history, schedule, run, f"was not run {missed} time{'s' if missed > 1 else ''}")

    async def _claimed(self, schedule: ScheduleConfig, run: ScheduleRun, lock: int) -> ScheduleRun:
        bill = _Reserved()
        try:
            verdict = await self._judged(schedule, run, lock, bill)
        except asyncio.CancelledError:
            verdict = Verdict("interrupted", "it was ended half-way with whoever ran it")
            await self._end(schedule, replace(run, cycles=bill.cycles), verdict)
            raise
        return await self._end(schedule, replace(run, cycles=bill.cycles), verdict)

    async def _judged(self, schedule: ScheduleConfig, run: ScheduleRun, lock: int, bill: _Reserved) -> Verdict:
        try:
            obstacle = self._obstacle(schedule) or await self._too_dear(schedule, run, bill)
            if obstacle:
                return Verdict("skipped", obstacle)
            job = Job(job_files(self._session, schedule.name), lock, schedule.deadline_seconds)
            name = run_reason(self._session.config, schedule, run.slot_ns)
            async with heartbeats_of(self._session.config, "schedule", name, self._session.clock) as ending:
                return await self._commands(schedule, run, job, ending)
        except QuriError as error:
            return Verdict("failed", str(error), int(error.exit_code))
        except Exception as error:  # noqa: BLE001 - a bug must be seen, and must not end the watch
            return Verdict("failed", f"quri-console itself failed: {type(error).__name__}: {error}")

    def _obstacle(self, schedule: ScheduleConfig) -> str:
        """Why nothing is begun; empty when it is."""
        session = self._session
        lockdown = read_lockdown(session.config.paths.state)
        if lockdown is not None:
            return lockdown_words(lockdown)
        if session.read_only:
            return "this process is read-only"
        if schedule.job in COSTING and session.network.production and not session.config.schedules.production:
            return (
                f"{session.network.name} is a production network, and [schedules] production = true, "
                "the permit to work there with nobody present, is not given"
            )
        return not_there(schedule)

    async def _too_dear(self, schedule: ScheduleConfig, run: ScheduleRun, bill: _Reserved) -> str:
        """Why the day's cycles do not suffice; reserves them when they do. Raises QuriError."""
        if schedule.job not in COSTING:
            return ""
        most = self._session.config.schedules.max_cycles_per_day
        async with self._billing, await self._history() as history:
            cycles = await self._bill(self._session, schedule)
            since_ns = run.at_ns - run.at_ns % DAY_NS
            spent = await history.schedule_runs.cycles_since(run.network, since_ns, since_ns + DAY_NS)
            if spent + cycles > most:
                return (
                    f"it would cost about {format_cycles(cycles)} cycles, and of today's {format_cycles(most)} "
                    f"([schedules] max_cycles_per_day) {format_cycles(spent)} are spent"
                )
            bill.cycles = cycles
            await history.schedule_runs.put(replace(run, cycles=cycles))
        return ""

    async def _commands(self, schedule: ScheduleConfig, run: ScheduleRun, job: Job, ending: Ending) -> Verdict:
        verdict = Verdict("done", exit_code=0)
        if schedule.job.startswith("report"):
            make_private_directory(reports_folder(self._session.config))
        commands = commands_of(self._session.config, self._session.network, schedule, run.slot_ns)
        for command in commands:
            end = await self._execute(command.arguments, job)
            verdict = _verdict(schedule, command.arguments[0], end, command.fine)
            if verdict.outcome != "done":
                ending.exit_code = ExitCode.FAILED
                if end.exit_code is None and schedule.job in COSTING:
                    await self._abort_operations(run_reason(self._session.config, schedule, run.slot_ns))
                break
        return verdict

    async def _abort_operations(self, reason: str) -> None:
        """Ask what the job started to end: an operation lives on without the command that follows it."""
        from quri_console.service.following import operations
        from quri_console.service.resuming import abort

        for operation in await asyncio.to_thread(operations, self._session):
            if operation.reason == reason and operation.state == "running":
                abort(self._session, operation.id)

    async def _end(self, schedule: ScheduleConfig, run: ScheduleRun, verdict: Verdict) -> ScheduleRun:
        run = _ended(run, verdict, self._session.clock.now_ns())
        async with await self._history() as history:
            await history.schedule_runs.put(run)
            log_end(self._session, run)
            if run.outcome in ("failed", "interrupted"):
                await tell(self._session, history, schedule, run)
        return run

    async def _history(self) -> History:
        return await History.open(self._session.config.paths.history)


def _ended(run: ScheduleRun, verdict: Verdict, at_ns: int) -> ScheduleRun:
    return replace(
        run,
        ended_ns=at_ns,
        outcome=verdict.outcome,
        exit_code=verdict.exit_code,
        cycles=run.cycles if verdict.cycles is None else verdict.cycles,
        note="; ".join(filter(None, (run.note, verdict.note)))[:NOTE_LENGTH],
    )


def _verdict(schedule: ScheduleConfig, command: str, end: JobEnd, fine: tuple[int, ...]) -> Verdict:
    measured = end.document.get("cycles") if schedule.job in COSTING else None
    cycles = max(measured, 0) if isinstance(measured, int) else None
    if end.exit_code is None:
        note = f"`{command}` was not over after {format_duration(schedule.deadline_seconds)} (deadline) and was ended"
        return Verdict("failed", note)
    last = _last_words(end.tail)
    if end.exit_code in fine:
        return Verdict("done", last if end.exit_code else "", end.exit_code, cycles)
    note = f"`{command}` ended with exit code {end.exit_code}" + (f": {last}" if last else "")
    return Verdict("failed", note, end.exit_code, cycles)


def _last_words(tail: str) -> str:
    """How a command's last lines end: in the words of its failure, as JSON or as text, or in whatever it said."""
    lines = tail.splitlines()
    for number, line in enumerate(lines):
        with contextlib.suppress(ValueError, KeyError, TypeError):
            error = json.loads(line)["error"]
            return " ".join(filter(None, (": ".join(filter(None, (error["what"], error["why"]))), error["next_step"])))
        if line.startswith("Error: "):
            return " ".join(part.strip() for part in lines[number:][:3])
    return " ".join([part for line in lines if (part := line.strip())][-3:])
