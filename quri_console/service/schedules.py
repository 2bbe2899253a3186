"""Schedules as an operator sees them: what runs when, how it went, why not; and a run by hand or by a timer."""

from __future__ import annotations

import difflib

from quri_console.clock import NANOSECONDS_PER_SECOND
from quri_console.config.schedule_model import COSTING, ScheduleConfig
from quri_console.effects.durable import StateFolderUnusable
from quri_console.effects.lockdown import read_lockdown
from quri_console.errors import UsageError
from quri_console.history import History
from quri_console.history.failures import HistoryUnusable
from quri_console.history.schedule_runs import ScheduleRun
from quri_console.history.schedule_views import SchedulesView, ScheduleView
from quri_console.service.lockdowns import lockdown_words
from quri_console.service.schedule_ends import settle
from quri_console.service.schedule_jobs import MEANING, canisters_of, commands_of, not_there
from quri_console.service.schedule_messages import DAY_NS, Unkept
from quri_console.service.schedule_runs import Runner
from quri_console.service.schedule_times import ON_TIME_SECONDS, Due, first_seen, jitter_ns, next_due, planned, slot_at
from quri_console.service.session import Session

NEXT_RUNS = 5
SHOWN_RUNS = 10


async def schedules(session: Session) -> SchedulesView:
    """What the configuration says and the history tells. Raises HistoryUnusable."""
    config, now_ns, network = session.config.schedules, session.clock.now_ns(), session.network.name
    async with await History.open(session.config.paths.history) as history:
        views = [await _view(session, history, entry, 1, 1) for entry in config.entries]
        lease = await history.leases.get(f"schedule:{network}")
        spent = await _spent_today(session, history)
    return SchedulesView(
        network=network,
        now_ns=now_ns,
        schedules=tuple(views),
        runner=lease.holder if lease is not None and now_ns < lease.expires_ns else "",
        in_watch=config.in_watch,
        spent_cycles=spent,
        most_cycles=config.max_cycles_per_day,
        remarks=unattended(session),
    )


async def explain(session: Session, name: str) -> ScheduleView:
    """One schedule with its next and last runs. Raises UsageError, HistoryUnusable."""
    schedule = schedule_named(session, name)
    async with await History.open(session.config.paths.history) as history:
        return await _view(session, history, schedule, NEXT_RUNS, SHOWN_RUNS)


def schedule_named(session: Session, name: str) -> ScheduleConfig:
    """The schedule of that name. Raises UsageError."""
    entries = session.config.schedules.entries
    for entry in entries:
        if entry.name == name:
            return entry
    names = [entry.name for entry in entries]
    close = difflib.get_close_matches(name, names, n=1)
    hint = f"Did you mean {close[0]!r}? " if close else ""
    known = f"It knows: {', '.join(names)}." if names else "Add [schedules] with enabled = true, or [schedules.NAME]."
    raise UsageError(f"{session.config.path} has no schedule {name!r}", next_step=hint + known)


async def _view(session: Session, history: History, entry: ScheduleConfig, ahead: int, back: int) -> ScheduleView:
    network, now_ns = session.network.name, session.clock.now_ns()
    most = session.config.schedules.max_cycles_per_day if entry.job in COSTING else None
    # the overview is from history alone: a backup's command needs the rooms that make backups
    slot_ns = slot_at(entry.cron, now_ns) or now_ns
    commands = commands_of(session.config, session.network, entry, slot_ns) if ahead > 1 else ()
    whose = canisters_of(session.config, entry) if entry.job in (*COSTING, "ready", "poll") else ()
    return ScheduleView(
        schedule=entry,
        meaning=MEANING[entry.job],
        canisters=tuple(canister.name for canister in whose),
        commands=tuple(command.arguments for command in commands),
        next_ns=planned(entry, network, now_ns, ahead) if entry.enabled else (),
        runs=await history.schedule_runs.of(network, entry.name, back),
        obstacles=obstacles(session, entry),
        spent_cycles=0 if most is None else await _spent_today(session, history),
        most_cycles=most,
    )


async def _spent_today(session: Session, history: History) -> int:
    now_ns = session.clock.now_ns()
    midnight = now_ns - now_ns % DAY_NS
    return await history.schedule_runs.cycles_since(session.network.name, midnight, midnight + DAY_NS)


def obstacles(session: Session, schedule: ScheduleConfig) -> tuple[str, ...]:
    """Why a run would not be begun now."""
    found = [] if schedule.enabled else ["it is off: enabled = false"]
    lockdown = read_lockdown(session.config.paths.state)
    if lockdown is not None:
        found.append(lockdown_words(lockdown))
    if schedule.job in COSTING and session.network.production and not session.config.schedules.production:
        found.append(f"{session.network.name} is production, and [schedules] production = true is not given")
    if schedule.job in COSTING and session.config.identity("backup") is None:
        found.append("there is no [identities.backup]")
    missing = not_there(schedule)
    return (*found, missing) if missing else tuple(found)


def unattended(session: Session) -> tuple[str, ...]:
    """What has to be said of keys that work with nobody present."""
    config = session.config
    if not config.schedules.in_watch or not any(entry.job in COSTING for entry in config.schedules.active):
        return ()
    identity = config.identity("backup")
    if identity is None:
        return ()  # without it such a schedule is not begun, which `obstacles` says
    return (
        f"`watch` uses the key of [identities.backup] ({identity.pem}) with nobody present: whoever takes over that "
        "process or its user controls the canisters. Better: in_watch = false, and one-shot jobs under a user of "
        "their own (`quri-console schedule install --systemd --system --as USER`).",
    )


async def run_schedule(
    session: Session, name: str, *, if_due: bool = False, runner: Runner | None = None
) -> ScheduleRun | None:
    """Run a schedule now, or only when a slot of it waits to be run; None when there was nothing to run.

    Lockdown, permit and the day's cycles hold here as well. Raises UsageError, QuriError.
    """
    schedule = schedule_named(session, name)
    runner = runner or Runner(session)
    if not if_due:
        now_ns = session.clock.now_ns()
        return await runner.run(schedule, Due(now_ns, now_ns), "command")
    if not schedule.enabled:
        return None
    try:
        async with await History.open(session.config.paths.history) as history:
            due = await _due_now(session, history, schedule)
        return None if due is None else await runner.run(schedule, due, "timer")
    except (HistoryUnusable, StateFolderUnusable) as error:
        # nobody is there to read what a timer's command says
        await Unkept(session).tell(f"schedule {name}", error)
        raise


async def _due_now(session: Session, history: History, schedule: ScheduleConfig) -> Due | None:
    """The slot that waits to be run; None when nothing waits."""
    network, now_ns = session.network.name, session.clock.now_ns()
    for run in await history.schedule_runs.unfinished(network):
        if run.schedule == schedule.name:
            await settle(session, history, run, now_ns)
    last = (await history.schedule_runs.newest(network, now_ns)).get(schedule.name)
    if last is None or last.cron != schedule.cron:
        slot_ns = slot_at(schedule.cron, now_ns)
        latest = round((schedule.jitter_seconds + ON_TIME_SECONDS) * NANOSECONDS_PER_SECOND)
        if slot_ns is not None and now_ns - slot_ns <= latest:
            return Due(slot_ns, now_ns)
        await history.schedule_runs.put(first_seen(schedule, network, now_ns, "timer"))
        return None
    due = next_due(schedule, network, last, now_ns)
    # the timer has waited in its own way
    if due is None or due.at_ns - jitter_ns(schedule, network, due.slot_ns) > now_ns:
        return None
    return due
