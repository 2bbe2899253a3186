"""What stands between the network and its clients: latency, and the faults that tests and drills ask for."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from starlette.responses import PlainTextResponse, Response

from quri_console.clock import Clock
from quri_console.localnet.connections import Connections, Dropped, Truncated
from quri_console.localnet.faults import (
    Action,
    Delay,
    DropAfter,
    DropBefore,
    FaultedRequest,
    Faults,
    Refuse,
    Truncate,
)

Answer = Callable[[Sequence[Action]], Awaitable[Response]]


class Interference:
    """Serves answers late, broken or not at all, as the rule list says."""

    def __init__(self, faults: Faults, connections: Connections, clock: Clock, *, latency_seconds: float = 0.0) -> None:
        self._faults = faults
        self._connections = connections
        self._clock = clock
        self._latency_seconds = latency_seconds

    async def serve(self, request: FaultedRequest, answer: Answer) -> Response:
        """The answer, with the faults that are due for `request`; `answer` sees them too, for its certificate."""
        due = self._faults.select(request)
        await self._delay(due, after=False)
        instead = self._instead(due)
        if instead is not None:
            return instead
        response = await answer(due)
        await self._delay(due, after=True)
        for fault in due:
            if isinstance(fault, DropAfter):
                return Dropped(self._connections)
            if isinstance(fault, Truncate):
                return Truncated(self._connections, response, fault.keep_bytes)
        return response

    def _instead(self, due: Sequence[Action]) -> Response | None:
        for fault in due:
            if isinstance(fault, DropBefore):
                return Dropped(self._connections)
            if isinstance(fault, Refuse):
                headers = {} if fault.retry_after is None else {"Retry-After": fault.retry_after}
                return PlainTextResponse(fault.text, fault.status, headers)
        return None

    async def _delay(self, due: Sequence[Action], *, after: bool) -> None:
        seconds = sum(fault.seconds for fault in due if isinstance(fault, Delay) and fault.after == after)
        seconds += 0.0 if after else self._latency_seconds
        if seconds:
            await self._clock.sleep(seconds)
