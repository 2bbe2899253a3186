"""Follows something that comes without end, beside Textual's loop, and ends within a moment when asked to."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import AsyncIterator, Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Follower(Generic[T]):
    """An async iterator read on a loop of its own in a daemon thread.

    `news` is called there whenever there is something to take, and once at the end; it must not block.
    """

    def __init__(self, make: Callable[[], AsyncIterator[T]], news: Callable[[], object]) -> None:
        self._make = make
        self._news = news
        self._items: deque[T] = deque()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[None] | None = None
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="console-follow", daemon=True)
        self.failure: Exception | None = None
        """Why it ended by itself."""

    def start(self) -> Follower[T]:
        """Begin."""
        self._thread.start()
        return self

    def take(self) -> list[T]:
        """What has come since the last time, oldest first."""
        taken = []
        while self._items:
            taken.append(self._items.popleft())
        return taken

    def stop(self) -> None:
        """End it; returns at once."""
        self._stopped.set()
        loop, task = self._loop, self._task
        if loop is not None and task is not None:
            try:
                loop.call_soon_threadsafe(task.cancel)
            except RuntimeError:  # its loop is closed: it has ended by itself
                return

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self._thread.is_alive()

    def _run(self) -> None:
        try:
            asyncio.run(self._follow())
        except asyncio.CancelledError:
            return
        except Exception as error:  # noqa: BLE001 - told on the screen
            self.failure = error
        if not self._stopped.is_set():
            self._news()

    async def _follow(self) -> None:
        self._task, self._loop = asyncio.current_task(), asyncio.get_running_loop()
        if self._stopped.is_set():
            return
        async for item in self._make():
            self._items.append(item)
            if len(self._items) == 1:
                self._news()
