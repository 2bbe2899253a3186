"""Runs the console door's coroutines beside Textual's loop, which must never wait for a network or a disk."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from quri_console.errors import QuriError

T = TypeVar("T")


async def off_loop(make: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Await `make()` on a loop of its own in a daemon thread.

    A daemon thread, because the default executor is joined at exit: a call
    in flight would hold the terminal until its time limit.
    """
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[T] = loop.create_future()

    def settle(result: T | None, error: BaseException | None) -> None:
        if answer.done():
            return
        if error is not None:
            answer.set_exception(error)
        else:
            answer.set_result(result)  # type: ignore[arg-type]

    def work() -> None:
        result: T | None = None
        failure: BaseException | None = None
        try:
            result = asyncio.run(make())
        except Exception as error:  # noqa: BLE001 - raised again in the loop that waits for the answer
            failure = error
        try:
            loop.call_soon_threadsafe(settle, result, failure)
        except RuntimeError:  # the console was closed while the call ran: nobody waits for the answer
            return

    threading.Thread(target=work, name="console-call", daemon=True).start()
    return await answer


def blocking(call: Callable[[], T]) -> Callable[[], Coroutine[Any, Any, T]]:
    """A call that waits for a disk, as `off_loop` takes it: the thread that it gets there is its own."""

    async def made() -> T:
        return call()

    return made


def as_quri_error(error: Exception) -> QuriError:
    """A failure that can be shown: the error itself, or for one that nobody foresaw, that this is a bug."""
    if isinstance(error, QuriError):
        return error
    return QuriError(
        f"quri-console itself failed: {type(error).__name__}",
        why=str(error),
        next_step="This is a bug. The same command on the command line with --debug tells more; please report it.",
    )
