"""Reports that reach people: a summary through the outbox, sent and tried again as alerts are."""

from __future__ import annotations

from collections.abc import Sequence

from quri_console.clock import NANOSECONDS_PER_SECOND
from quri_console.history import History
from quri_console.history.outbox import Message
from quri_console.monitor.notification import Notification
from quri_console.monitor.notify.deliverer import LIFETIME_SECONDS
from quri_console.monitor.notify.documents import outbox_message
from quri_console.service.deliveries import deliver_for
from quri_console.service.session import Session


async def send_summary(
    session: Session, key: str, title: str, text: str, channels: Sequence[str], *, seconds: float
) -> tuple[Message, ...]:
    """Put a summary into the outbox of these channels and deliver what can be delivered within `seconds`.

    Returns what no channel took: given up, or waiting for `watch` or the next command that delivers, for up to a day.
    Raises UsageError for a channel that is not there, HistoryUnusable.
    """
    names = [session.config.channel(name).name for name in channels]
    now_ns = session.clock.now_ns()
    message = outbox_message(Notification(key, "", "report", title, now_ns, text=text))
    expires_ns = now_ns + round(LIFETIME_SECONDS * NANOSECONDS_PER_SECOND)
    async with await History.open(session.config.paths.history) as history:
        await history.outbox.put(message, names, now_ns=now_ns, expires_ns=expires_ns)
        await deliver_for(session, history, seconds)
        return await history.outbox.not_taken(key)
