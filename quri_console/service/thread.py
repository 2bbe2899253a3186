"""The poll loop in a thread of its own: a terminal that stops reading must never stop the watch."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol, Self

from quri_console.errors import QuriError
from quri_console.service.session import Session

if TYPE_CHECKING:
    from quri_console.monitor.fleet import FleetStatus
    from quri_console.service.rounds import Rounds

STOP_SECONDS = 0.8


class ServiceHandle(Protocol):
    """A running service."""

    def poll_now(self) -> None:
        """Start a round now; from any thread."""

    def stop(self) -> None:
        """End the service within a second, calls in flight or not; from any thread but its own."""


class ServiceThread:
    """Polls in a daemon thread with its own event loop; `publish` is called in that thread."""

    def __init__(self, session: Session, publish: Callable[[FleetStatus], None]) -> None:
        self._session = session
        self._publish = publish
        self._thread = threading.Thread(target=self._run, name="quri-service", daemon=True)
        self._ready = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[None] | None = None
        self._rounds: Rounds | None = None
        self._stopping = False
        self._log_problem = ""

    def start(self) -> Self:
        """Start the thread; returns at once, before anything heavy is imported."""
        self._thread.start()
        return self

    @property
    def alive(self) -> bool:
        """Whether the thread runs."""
        return self._thread.is_alive()

    def poll_now(self) -> None:
        """Start a round now instead of at the next interval."""
        if self._ready.is_set() and self._loop is not None and self._rounds is not None:
            self._call(self._rounds.poll_now)

    def stop(self) -> None:
        """Cancel what runs and wait for it, but not longer than a second; nothing is published afterwards."""
        self._stopping = True
        if self._ready.is_set() and self._task is not None:
            self._call(self._task.cancel)
        self._thread.join(STOP_SECONDS)

    def _call(self, function: Callable[[], object]) -> None:
        assert self._loop is not None
        try:
            self._loop.call_soon_threadsafe(function)
        except RuntimeError:
            # the loop has ended by itself in between; there is nothing left to do
            return

    def _run(self) -> None:
        try:
            asyncio.run(self._main())
        except asyncio.CancelledError:
            return

    async def _main(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._task = asyncio.current_task()
        await self._show_history()
        # imported now: the network's modules take longer to load than the first picture may take
        from quri_console.service.process_log import keep_counting, logged
        from quri_console.service.rounds import Rounds

        with logged(self._session, "console", self._log_failed) as session:
            self._session = session
            self._rounds = rounds = Rounds(session, self._publish_unless_stopping)
            if self._log_problem:
                rounds.keep_notice(self._log_problem)
            self._ready.set()
            if not self._stopping:
                async with asyncio.TaskGroup() as tasks:
                    tasks.create_task(rounds.run())
                    tasks.create_task(self._deliver(rounds))
                    tasks.create_task(self._bring_back(rounds))
                    tasks.create_task(keep_counting(session.log, session.clock))

    def _log_failed(self, problem: str) -> None:
        """The log cannot be written: said with the fleet."""
        self._log_problem = problem
        if self._rounds is not None:
            self._rounds.keep_notice(problem)

    def _problem(self, rounds: Rounds, text: str) -> None:
        self._session.log.say("problem", text, "warning")
        rounds.keep_notice(text)

    async def _deliver(self, rounds: Rounds) -> None:
        """The process that polls also judges alerts, so it has to deliver them, too."""
        if self._session.config.channels:
            from quri_console.service.deliveries import deliver_until_cancelled

            await deliver_until_cancelled(self._session, lambda text: self._problem(rounds, text))

    async def _bring_back(self, rounds: Rounds) -> None:
        """What an operation that died left stopped is started by whoever finds it, so by the console, too."""
        from quri_console.service.left_stopped import keep_bringing_back

        interval = self._session.config.monitor.interval_seconds
        try:
            await keep_bringing_back(self._session, lambda text: self._problem(rounds, text), interval)
        except QuriError as error:
            self._problem(rounds, f"left stopped: {error}")

    async def _show_history(self) -> None:
        from quri_console.service.pictures import first_picture

        self._publish_unless_stopping(await first_picture(self._session))

    def _publish_unless_stopping(self, fleet: FleetStatus) -> None:
        if not self._stopping:
            self._publish(fleet)
