"""What all rooms of the network share: the canisters, their ids, the clock, the price list."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from fractions import Fraction
from functools import partial
from typing import Any, TypeVar

from quri_console.clock import Clock
from quri_console.localnet import words
from quri_console.localnet.accounts import Accounts
from quri_console.localnet.canister import Canister, RunState, Use
from quri_console.localnet.charges import Prices
from quri_console.localnet.messages import Builtin, ErrorCode, Rejection
from quri_console.localnet.settings import Settings
from quri_console.units import MIB
from quri_console.wasm.instance import CanisterInstance
from quri_console.wasm.messages import Call, Outcome

FIRST_LOCAL_ID = 0x8000_0000_0010_0000
LAST_LOCAL_ID = 0x8000_0000_001F_FFFF
# Copying or hashing more than this would hold up the loop that also serves HTTP.
HEAVY_BYTES = 16 * MIB
SLOW_INSTRUCTIONS = 20_000_000

Result = TypeVar("Result")


def canister_id(number: int) -> bytes:
    """The id of the canister with this number: eight bytes, then 01 01."""
    return number.to_bytes(8, "big") + b"\x01\x01"


class Subnet:
    """The state of the network, without the rules of any single method."""

    def __init__(self, clock: Clock, time_scale: float) -> None:
        self.clock = clock
        self.prices = Prices(time_scale=Fraction(time_scale))
        self.accounts = Accounts(self.prices, clock, self._run_dry)
        self.canisters: dict[bytes, Canister] = {}
        self.builtins: dict[bytes, Builtin] = {}
        self.deleted: set[bytes] = set()
        """Ids of canisters that are gone: they stay in the ranges of the subnet, and belong to nobody again."""
        self.next_number = FIRST_LOCAL_ID
        self.root_key = b""
        self.subnet_id = b""
        self.state_version = 0
        self.data_certificate: Callable[[bytes], bytes] | None = None
        """Certifies what a canister has set as certified data; nobody does without a server."""
        self._tasks: set[asyncio.Task[Any]] = set()

    def get(self, identifier: bytes) -> Canister:
        """The canister, with its account settled; raises IC0301."""
        canister = self.canisters.get(identifier)
        if canister is None:
            raise words.not_found(identifier)
        self.accounts.settle(canister)
        return canister

    def create(
        self, *, origin: dict[str, Any], cycles: int, settings: Settings, identifier: bytes | None = None
    ) -> Canister:
        """Add an empty canister; raises IC0205 when the wanted id is taken."""
        identifier = self._free_id() if identifier is None else identifier
        if identifier in self.canisters or identifier in self.builtins:
            raise Rejection(
                ErrorCode.CANISTER_ID_ALREADY_EXISTS,
                f"Unsuccessful canister creation: canister id {words.text_of(identifier)} already exists",
            )
        now_ns = self.clock.now_ns()
        canister = Canister(
            id=identifier, created_at_ns=now_ns, charged_until_ns=now_ns, settings=settings, cycles=cycles
        )
        details = {"controllers": list(settings.controllers), "environment_variables_hash": []}
        canister.record_change(now_ns, origin, {"creation": details})
        self.canisters[identifier] = canister
        self.state_version += 1
        return canister

    def _free_id(self) -> bytes:
        while (identifier := canister_id(self.next_number)) in self.canisters:
            self.next_number += 1
        self.next_number += 1
        return identifier

    def ranges(self) -> Sequence[tuple[bytes, bytes]]:
        """Inclusive id ranges: the one new canisters get theirs from, and every id outside it that is or was hosted."""
        local = (canister_id(FIRST_LOCAL_ID), canister_id(LAST_LOCAL_ID))
        hosted = {*self.canisters, *self.builtins, *self.deleted}
        return sorted([local, *((item, item) for item in hosted if not local[0] <= item <= local[1])])

    def uninstall(self, canister: Canister, origin: dict[str, Any] | None) -> None:
        """Remove code and state; every open call is rejected, callbacks of calls it made never run."""
        canister.instance = None
        canister.module, canister.module_hash = b"", None
        canister.log.clear()
        canister.version += 1
        self.state_version += 1
        if origin is not None:
            canister.record_change(self.clock.now_ns(), origin, {"code_uninstall": None})
        contexts, canister.contexts = list(canister.contexts.values()), {}
        gone = Rejection(ErrorCode.CANISTER_REJECTED_MESSAGE, "Canister has been uninstalled.").reject
        for context in contexts:
            context.is_deleted = True
            context.answer(gone)
        self.finish_stop(canister)

    def _run_dry(self, canister: Canister) -> None:
        canister.consumed[Use.UNINSTALL] += canister.cycles
        self.uninstall(canister, None)
        canister.snapshots.clear()
        canister.chunk_store.clear()
        canister.history.forget()
        settings = canister.settings
        canister.settings = Settings(controllers=settings.controllers, freezing_threshold=settings.freezing_threshold)

    def finish_stop(self, canister: Canister) -> None:
        """A stopping canister without open calls is stopped, and whoever waited for that is told."""
        if canister.run_state is not RunState.STOPPING or canister.contexts:
            return
        canister.run_state = RunState.STOPPED
        waiters, canister.stop_waiters = canister.stop_waiters, []
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)

    async def run(self, canister: Canister, work: Callable[[], Result], *, is_long: bool = False) -> Result:
        """Do `work` on a canister whose lock is held; large canisters and long work leave the loop free meanwhile."""
        code = canister.instance
        held = code.heap_bytes + code.stable_bytes if code else 0
        if is_long or held > HEAVY_BYTES:
            return await asyncio.to_thread(work)
        return work()

    async def execute(self, canister: Canister, code: CanisterInstance, call: Call) -> Outcome:
        """Run one message; a method that took long once leaves the loop free from then on."""
        is_long = call.method in canister.slow_methods
        certified_data = code.certified_data
        outcome = await self.run(canister, partial(code.execute, call), is_long=is_long)
        if code.certified_data != certified_data:
            self.state_version += 1
        if outcome.instructions > SLOW_INSTRUCTIONS:
            canister.slow_methods.add(call.method)
        return outcome

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run something in the background until it ends or the network closes."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            details = {"message": "a background task of the local network failed", "exception": error, "task": task}
            task.get_loop().call_exception_handler(details)

    async def aclose(self) -> None:
        """End what runs in the background."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
