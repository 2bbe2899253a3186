"""Update calls from their arrival to their status: executed once, however often they are sent."""

from __future__ import annotations

import asyncio

from quri_console.clock import Clock
from quri_console.localnet.ingress import CheckedRequest, RequestRefused
from quri_console.localnet.messages import MANAGEMENT_CANISTER, Ingress, Reject, Rejection
from quri_console.localnet.network import Network
from quri_console.localnet.request_history import RequestHistory, RequestRecord, Status
from quri_console.localnet.words import text_of

SYNC_WAIT_SECONDS = 10.0
"""How long a synchronous call waits for its answer before it becomes a 202."""

REJECT_SYS_FATAL = 1


class UpdateCalls:
    """Accepts calls, runs each in its own task, and keeps their answers."""

    def __init__(
        self,
        network: Network,
        history: RequestHistory,
        clock: Clock,
        *,
        sync_wait_seconds: float = SYNC_WAIT_SECONDS,
    ) -> None:
        self._network = network
        self._history = history
        self._clock = clock
        self._sync_wait_seconds = sync_wait_seconds
        self._running: set[asyncio.Task[None]] = set()
        self._closing = asyncio.Event()

    async def accept(
        self, request: CheckedRequest, effective_canister: bytes, *, instead: Reject | None = None
    ) -> RequestRecord | Reject:
        """The record of the call, new or known; or why the network refuses to take it.

        `instead` is the answer of a new call that is taken in but not executed.
        """
        known = self._history.find(request.request_id)
        if known is not None and known.effective_canister != effective_canister:
            raise RequestRefused(
                400, "The effective canister id in URL differs from the one of the same request before"
            )
        if known is not None:
            return known
        try:
            ingress = self.ingress(request, effective_canister)
        except Rejection as rejection:
            return rejection.reject
        reject = await self._network.inspect(ingress)
        if reject is not None:
            return reject
        # The same request may have been accepted while this one was being inspected.
        known = self._history.find(request.request_id)
        return known or self._begin(request, ingress, instead)

    def ingress(self, request: CheckedRequest, effective_canister: bytes) -> Ingress:
        """The message for the execution side; raises RequestRefused where the route names another canister.

        Raises Rejection where it cannot be told which canister is meant.
        """
        if request.targets is not None:
            _check_targets(request, effective_canister)
        ingress = Ingress(
            request.sender, request.canister, request.method, request.argument, effective_canister=effective_canister
        )
        expected = self._network.effective_canister(ingress)
        if expected is not None and effective_canister != expected:
            raise RequestRefused(
                400,
                f"Specified CanisterId {text_of(expected)} does not match "
                f"effective canister id in URL {text_of(effective_canister)}",
            )
        return ingress

    def _begin(self, request: CheckedRequest, ingress: Ingress, instead: Reject | None) -> RequestRecord:
        record = self._history.receive(request, ingress.effective_canister)
        if instead is not None:
            self._history.finish(record, instead)
            return record
        task = asyncio.create_task(self._execute(record, ingress))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return record

    async def settle(self, record: RequestRecord) -> bool:
        """Wait for the answer as long as a synchronous call does; whether it came."""
        if record.finished.is_set() or record.status is Status.DONE:
            return True
        if not self._sync_wait_seconds:
            return False
        waits = [
            asyncio.ensure_future(record.finished.wait()),
            asyncio.ensure_future(self._closing.wait()),
            asyncio.ensure_future(self._clock.sleep(self._sync_wait_seconds)),
        ]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
        return record.finished.is_set()

    async def aclose(self) -> None:
        """Let nobody wait any longer, and end calls that never answered."""
        self._closing.set()
        for task in list(self._running):
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    async def _execute(self, record: RequestRecord, ingress: Ingress) -> None:
        self._history.process(record)
        try:
            answer = await self._network.update(ingress)
        except Exception as error:
            # A fault of this program: the caller learns of it, and so does whoever runs the network.
            self._history.finish(record, Reject(REJECT_SYS_FATAL, f"internal error of the local network: {error!r}"))
            raise
        self._history.finish(record, answer)


def _check_targets(request: CheckedRequest, effective_canister: bytes) -> None:
    targets = request.targets or frozenset()
    through_management = request.canister == MANAGEMENT_CANISTER and effective_canister in targets
    if request.canister not in targets and not through_management:
        raise RequestRefused(400, f"Canister {text_of(request.canister)} is not one of the delegation targets")
