"""What people are sent about schedules: runs that failed, slots that nobody ran, and what could not be written down."""

from __future__ import annotations

import asyncio

from quri_console.clock import NANOSECONDS_PER_SECOND, utc_datetime
from quri_console.config.schedule_model import ScheduleConfig
from quri_console.errors import QuriError
from quri_console.history import History
from quri_console.history.schedule_runs import ScheduleRun
from quri_console.service.duty_heartbeat import heartbeats_of
from quri_console.service.session import Session
from quri_console.units import DAY_SECONDS, HOUR_SECONDS

DAY_NS = DAY_SECONDS * NANOSECONDS_PER_SECOND
HOUR_NS = HOUR_SECONDS * NANOSECONDS_PER_SECOND


async def tell(session: Session, history: History, schedule: ScheduleConfig, run: ScheduleRun, what: str = "") -> None:
    """Put a message about a run that failed, or `what` else is to be said, into the outbox of every channel, once."""
    if not session.config.channels:
        return
    from quri_console.monitor.notification import Notification
    from quri_console.monitor.notify.documents import outbox_message

    slot = utc_datetime(run.slot_ns)
    text = "\n".join(
        (f"Slot: {slot:%Y-%m-%d %H:%M} UTC", f"Why: {run.note}", f"See: quri-console schedule explain {schedule.name}")
    )
    key = f"schedule:{run.network}:{run.schedule}:{run.slot_ns}:{run.attempt}{':missed' if what else ''}"
    title = f"Schedule {schedule.name} ({schedule.job}) on {run.network} {what or run.outcome}"
    now_ns = session.clock.now_ns()
    message = outbox_message(Notification(key, "", "internal", title, now_ns, text=text))
    names = [channel.name for channel in session.config.channels]
    await history.outbox.put(message, names, now_ns=now_ns, expires_ns=now_ns + DAY_NS)


class Unkept:
    """Tells of runs that could not even be written down, as on a full disk: past the outbox, which lies there, too."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._told_ns: dict[tuple[str, str], int] = {}

    def is_news(self, what: str, error: QuriError) -> bool:
        """Whether this was not said within the hour."""
        now_ns = self._session.clock.now_ns()
        told_ns = self._told_ns.get((what, str(error)))
        if told_ns is not None and 0 <= now_ns - told_ns < HOUR_NS:
            return False
        self._told_ns[what, str(error)] = now_ns
        return True

    async def tell(self, what: str, error: QuriError) -> None:
        """Say to every channel and dead man's switch that `what` was not run; once, for want of a place to keep it."""
        async with heartbeats_of(self._session.config, "schedule", what, self._session.clock) as ending:
            ending.exit_code = error.exit_code
        if self._session.config.channels:
            await self._send(what, error)

    async def _send(self, what: str, error: QuriError) -> None:
        config, network, now_ns = self._session.config, self._session.network.name, self._session.clock.now_ns()
        from quri_console.monitor.notification import Notification
        from quri_console.monitor.notify.channel import open_channels
        from quri_console.monitor.notify.outside import Outside

        title = f"{what[:1].upper()}{what[1:]} on {network}: nothing can be run"
        text = "\n".join((f"Why: {error}", *([f"Next: {error.next_step}"] if error.next_step else [])))
        message = Notification(f"unkept:{network}:{what}:{now_ns}", "", "internal", title, now_ns, text=text)
        async with Outside() as outside:
            channels = open_channels(config.channels, outside, self._session.clock)
            await asyncio.gather(*(channel.send(message) for channel in channels))
