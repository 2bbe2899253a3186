"""A client whose calls lose their replies, and a process that dies while one is under way."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from quri_console.effects.journal import Journal
from quri_console.effects.perform import Effects
from quri_console.ic.envelope import SignedCall
from quri_console.ic.outcome import CallUndecided, RequestStatus
from tests.support.guinea_pig import Laboratory

Send = Callable[..., Awaitable[bytes]]


def lose_outcome(lab: Laboratory, method: str, *, executed: bool) -> None:
    """The client cannot learn what became of the first call of `method`."""
    send: Send = lab.agent.send

    async def lossy(call: SignedCall, **options: bool) -> bytes:
        if call.method != method:
            return await send(call, **options)
        lab.agent.send = send  # type: ignore[method-assign]
        if executed:
            await send(call, **options)
        raise CallUndecided(call, "the connection broke")

    lab.agent.send = lossy  # type: ignore[method-assign]


def forget_outcome(lab: Laboratory, meanwhile: Callable[[], Awaitable[None]] | None = None) -> None:
    """The network does not keep what became of requests; `meanwhile` is what others do until one has expired."""

    async def outlive(call: SignedCall) -> RequestStatus:
        if meanwhile is not None:
            await meanwhile()
        return RequestStatus("done", 0)

    lab.effects.attempts.outlive = outlive  # type: ignore[method-assign]


async def crashed(lab: Laboratory, method: str, work: Callable[[], Awaitable[object]], *, executed: bool) -> Effects:
    """The process dies while a call is under way; what a later process opens, once the request has expired."""
    send: Send = lab.agent.send

    async def dying(call: SignedCall, **options: bool) -> bytes:
        if call.method != method:
            return await send(call, **options)
        lab.agent.send = send  # type: ignore[method-assign]
        if executed:
            await send(call, **options)
        raise KeyboardInterrupt

    lab.agent.send = dying  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        await work()
    later = Effects(lab.agent, Journal(lab.effects.journal.path), lab.effects.permit)

    async def outlive(call: SignedCall) -> RequestStatus:
        status = await lab.agent.request_status(call)
        # as after its expiry, without the wait
        return status if status.known else RequestStatus("unknown", call.ingress_expiry_ns + 1)

    later.attempts.outlive = outlive  # type: ignore[method-assign]
    return later
