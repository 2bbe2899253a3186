"""Stopping with a deadline: at its end start is sent at once, which cancels the stop, and nothing else happens."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from quri_console.effects.attempt import SENT_ANEW_AT_MOST, Attempts, PlannedEffect, undecided
from quri_console.effects.calls import STOP
from quri_console.effects.replay import DONE, REJECTED
from quri_console.errors import QuriError
from quri_console.ic.encoding.principal import Principal
from quri_console.ic.envelope import SignedCall
from quri_console.ic.management import change
from quri_console.ic.management.read import canister_status
from quri_console.ic.outcome import CallNotExecuted, CallUndecided
from quri_console.ic.rejection import Rejected
from quri_console.units import format_duration

# The stop request must not outlive its deadline by much: executed later, it would stop the canister again.
STOP_GRACE_SECONDS = 10.0
LONGEST_VALID_SECONDS = 290.0


class StopTimedOut(QuriError):
    """The canister did not stop in time; it was started again and runs."""


async def stop_within(
    attempts: Attempts,
    canister: Principal,
    seconds: float,
    *,
    start: Callable[[], Awaitable[None]],
    called: str = "",
) -> None:
    """Stop a running canister within `seconds`, or send `start` and raise StopTimedOut. Raises Rejected.

    `called`: what failures call it.
    """
    signed = attempts.sign(
        change.stop_canister(canister), valid_seconds=min(seconds + STOP_GRACE_SECONDS, LONGEST_VALID_SECONDS)
    )
    intent = attempts.record_intent(PlannedEffect(STOP, canister, {"timeout_seconds": seconds}), signed)
    try:
        answered = await _answered_within(attempts, intent, signed, seconds)
    except Rejected as rejection:
        # what one node says unsigned may be a lie, and the request be taken in by others until it expires
        if not rejection.certified or (await canister_status(attempts.agent, canister)).status != "running":
            await cancel_stop(attempts, canister, signed, start)
        raise
    except BaseException:
        # cancelled, or the connection failed for good: the network may be stopping it all the same
        await cancel_stop(attempts, canister, signed, start)
        raise
    if answered:
        attempts.record_outcome(intent, DONE)
        return
    await cancel_stop(attempts, canister, signed, start)
    attempts.record_outcome(intent, REJECTED, code="deadline", message="start was sent at the deadline")
    raise StopTimedOut(
        f"{called or canister.to_str()} did not stop within {format_duration(seconds)}, so it was started again",
        why="it still waits for answers to calls that it made; the network does not tell to whom",
        next_step="It runs as before and nothing was changed. Try again later, or allow more with --stop-timeout.",
    )


async def _answered_within(attempts: Attempts, intent: int, signed: SignedCall, seconds: float) -> bool:
    stopping = asyncio.ensure_future(attempts.send(intent, signed))
    deadline = asyncio.ensure_future(attempts.clock.sleep(seconds))
    try:
        await asyncio.wait((stopping, deadline), return_when=asyncio.FIRST_COMPLETED)
        if not stopping.done():
            return False
        stopping.result()
    except (CallUndecided, CallNotExecuted):
        return False
    finally:
        for task in (stopping, deadline):
            task.cancel()
        await asyncio.gather(stopping, deadline, return_exceptions=True)
    return True


async def cancel_stop(
    attempts: Attempts, canister: Principal, signed: SignedCall, start: Callable[[], Awaitable[None]]
) -> None:
    """Start a canister whose stop may still be under way, and see to it that it then runs.

    Start is sent at once. The stop may have been taken in and executed after it, so the canister is
    looked at again when the stop can have no effect any more.
    """
    for _ in range(SENT_ANEW_AT_MOST):
        await start()
        await attempts.outlive(signed)
        if (await canister_status(attempts.agent, canister)).status == "running":
            return
    raise undecided(STOP, canister, "it does not run although start was sent")
