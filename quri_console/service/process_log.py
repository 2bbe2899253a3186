"""Opens the service log for a process, and says there when it begins and how it ends."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import replace

from quri_console import __version__
from quri_console.clock import Clock
from quri_console.config import Config
from quri_console.service.session import Session
from quri_console.service_log.line import Process
from quri_console.service_log.log import Log
from quri_console.service_log.repeats import WINDOW_SECONDS
from quri_console.service_log.writer import ServiceLog


@contextlib.contextmanager
def logged(session: Session, process: Process, tell: Callable[[str], None]) -> Iterator[Session]:
    """The session of a service with its log; `tell` hears once when the log cannot be written.

    What ends the service goes on to the caller.
    """
    with briefly_logged(session, process, tell) as opened:
        log = opened.log
        log.say("started", f"{process} of quri-console {__version__} on {session.network.name} begins")
        log.say("configuration", configuration_words(session))
        try:
            yield opened
        except BaseException as error:
            _say_end(log, process, error)
            raise
        log.say("ended", f"{process} ended")


@contextlib.contextmanager
def briefly_logged(
    session: Session, process: Process, tell: Callable[[str], None] = lambda _: None
) -> Iterator[Session]:
    """As `logged`, for what is over at once: only what happens is written."""
    log = ServiceLog(session.config.paths.logs, process, session.config.monitor.log, session.clock, tell)
    try:
        yield replace(session, log=log)
    finally:
        log.close()


def _say_end(log: Log, process: Process, error: BaseException) -> None:
    import asyncio

    if isinstance(error, asyncio.CancelledError | KeyboardInterrupt | SystemExit | GeneratorExit):
        log.say("ended", f"{process} ended, as it was told to")
    else:
        log.say("ended", f"{process} ended: {type(error).__name__}: {error}", "error")


def configuration_words(session: Session) -> str:
    """What was read, in one sentence: what an engineer compares with what should have been."""
    config = session.config
    parts = [
        f"{len(config.canisters)} canisters",
        f"{len(config.channels)} channels",
        f"{len(config.schedules.active)} schedules{'' if config.schedules.in_watch else ' (by timers of the system)'}",
        f"keys for {', '.join(identity.duty for identity in config.identities) or 'no duty'}",
    ]
    kind = "production" if session.network.production else "not production"
    read_only = ", read-only" if session.read_only else ""
    return f"read {config.path}: {', '.join(parts)}; network {session.network.name} ({kind}){read_only}"


async def keep_counting(log: Log, clock: Clock) -> None:
    """Without end: see to it that a line that stopped repeating itself gets its count."""
    while True:
        await clock.sleep(WINDOW_SECONDS)
        log.count_up()


def log_problem(config: Config, clock: Clock) -> str:
    """Why the service log cannot be written from here; empty when it can, which a line of its own has shown."""
    problems: list[str] = []
    log = ServiceLog(config.paths.logs, "console", replace(config.monitor.log, level="info"), clock, problems.append)
    log.say("doctor", "doctor looked whether the log can be written")
    log.close()
    return "; ".join(problems)
