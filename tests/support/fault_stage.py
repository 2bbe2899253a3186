"""A canister that was backed up and damaged, on a clock that the test moves, and operations that play on it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar, cast

import pytest

from quri_console.clock import ManualClock
from quri_console.console import Console
from quri_console.effects.operation_files import Outcome
from quri_console.ic.agent import Agent
from quri_console.ic.encoding.principal import Principal
from quri_console.ic.identity import identity_from_pem
from quri_console.ic.management import change
from quri_console.ic.management.types import SettingsChange
from quri_console.ic.prepared import perform
from quri_console.localnet.canister import Canister, RunState
from quri_console.localnet.configuration import (
    CONTROLLER_FILE,
    ConfiguredCanister,
    Controller,
    write_configuration,
    write_private,
)
from quri_console.localnet.faults import (
    Action,
    FaultRule,
)
from quri_console.localnet.subnet import FIRST_LOCAL_ID, canister_id
from quri_console.service.following import OperationHandle
from quri_console.service.restores import RestoreWishes
from tests.support.fault_cells import FAULTS, FROM_CHAIN, UNDOES, WITH_SETTINGS, Cell
from tests.support.guinea_pig import module
from tests.support.incidents import OTHER_MODULE, QUIET_NAN, State, state_of
from tests.support.mortal import Runners, runners_in_this_process
from tests.support.networks import LocalNetwork, local_network

NAME = "pig"
CONFIRMATION = f"local/{NAME}"
SET_SINCE_SECONDS = 1_000_000
REAL_SECONDS = 0.004
"""How long the machine may work before time passes again."""
IDLE_SECONDS = 0.4
"""After so long with nothing on its way, a long wait (a rate limit's) is what is waited for."""

Result = TypeVar("Result")


class OwnShortSleepers:
    """The time of `clock`; only short sleeps of the operation itself make it pass.

    A guard's renewal, a lock's refresh and the deadline of a stop are waited for beside the work, not by it.
    """

    LONG_SECONDS = 60.0

    def __init__(self, clock: ManualClock) -> None:
        self._clock = clock
        self.sleeping = 0

    def now_ns(self) -> int:
        return self._clock.now_ns()

    def monotonic(self) -> float:
        return self._clock.monotonic()

    async def sleep(self, seconds: float) -> None:
        short = seconds < self.LONG_SECONDS
        self.sleeping += short
        try:
            await self._clock.sleep(seconds)
        finally:
            self.sleeping -= short


@dataclass
class Stage:
    """A canister that was backed up and then damaged, its operator's console, and a clock that the test moves."""

    clock: ManualClock
    own: OwnShortSleepers
    net: LocalNetwork
    agent: Agent
    """The test's own."""
    console: Console
    runners: Runners
    canister: Principal
    good: State
    bad: State
    threshold: int = 0
    """The freezing threshold that the backup knows, in seconds."""
    of_backup: frozenset[bytes] = frozenset()
    """The snapshot that the backup left on chain, which is nobody's to delete."""

    @property
    def on_network(self) -> Canister:
        return self.net.network.subnet.get(self.canister.bytes)

    @property
    def state(self) -> State:
        """What the network itself holds."""
        return state_of(self.on_network)

    @property
    def running(self) -> bool:
        return self.on_network.run_state is RunState.RUNNING

    async def in_time(self, work: Awaitable[Result], *, step_seconds: float = 1.0) -> Result:
        """The result of `work`, while time passes whenever the operation waits."""
        task = asyncio.ensure_future(work)
        idle = 0
        while not task.done():
            # sockets, threads and the start guard need real time
            await asyncio.wait({task}, timeout=REAL_SECONDS)
            idle = 0 if self.own.sleeping or self.runners.in_flight else idle + 1
            if self.own.sleeping:
                await self.clock.advance(step_seconds)
            elif idle * REAL_SECONDS > IDLE_SECONDS:
                await self.clock.advance(OwnShortSleepers.LONG_SECONDS - 1)
                idle = 0
        return await task

    async def ended(self) -> Outcome | None:
        """How the newest runner ended; None when it died."""
        assert self.runners.last is not None
        return await self.in_time(self.runners.last)

    async def start(self, operation: str, undone: str = "") -> OperationHandle:
        """Plan and start a restore from the newest backup or its snapshot on chain, or the rollback of an operation."""
        if operation not in UNDOES:
            (kept,) = self.of_backup
            source = f"snapshot:{kept.hex()}" if operation == FROM_CHAIN else "latest"
            wishes = RestoreWishes(with_settings=operation == WITH_SETTINGS)
            plan = await self.in_time(self.console.plan_restore(NAME, source, wishes))
            return await self.console.start_restore(plan, confirmation=CONFIRMATION)
        return await self.in_time(self.console.start_rollback(undone, confirmation=CONFIRMATION))

    async def done(self, operation: str, undone: str = "") -> OperationHandle:
        """An operation that nothing disturbs, once it has ended."""
        handle = await self.start(operation, undone)
        outcome = await self.ended()
        assert outcome is not None
        assert outcome.ok, outcome
        return handle

    async def runs_by_itself(self) -> None:
        """The start guard brings the canister back; the guard is another process, so this is real time."""
        async with asyncio.timeout(20):
            while not self.running:  # noqa: ASYNC110 - a network and a process are watched from outside
                await asyncio.sleep(0.01)

    def disturb(self, cell: Cell) -> FaultRule:
        """Let the network do something wrong from now on."""
        count = None if cell.lasting else 1
        action = cast(Action, FAULTS[cell.fault])
        return self.net.faults.add(FaultRule(action, route="call", method=cell.method, first=cell.first, count=count))


@asynccontextmanager
async def stage(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    code: bytes | None = None,
    filled_by: Sequence[str] = (),
    damaged_by: Sequence[str] = (),
) -> AsyncIterator[Stage]:
    """Back a fresh canister up, then damage it; no wait here takes real time.

    `filled_by` and `damaged_by` are its own update methods; without the latter another module takes its place.
    """
    # the start guard lives in real time, so the clock begins there
    clock = ManualClock(time.time_ns())
    own = OwnShortSleepers(clock)
    runners = runners_in_this_process(monkeypatch, own)
    controller = Controller.make()
    write_private(folder / CONTROLLER_FILE, controller.pem)
    async with local_network(clock=clock, controller=controller) as net:
        agent = Agent(net.url, root_key=net.root_key, identity=identity_from_pem(controller.pem), clock=clock)
        async with agent:
            call = change.provisional_create_canister_with_cycles(Principal(canister_id(FIRST_LOCAL_ID)), amount=10**13)
            canister = cast(Principal, await perform(agent, call))
            await perform(agent, change.install_code(canister, "install", code or module(QUIET_NAN)))
            for method in filled_by:
                await agent.update(canister, method, b"")
            configured = ConfiguredCanister(
                NAME, canister.to_str(), criticality="high", health_query=None if code else "health"
            )
            config = write_configuration(folder, url=net.url, root_key=net.root_key, canisters=[configured])
            good = state_of(net.network.subnet.get(canister.bytes))
            console = Console.open(config_path=config, clock=own)
            opened = Stage(clock, own, net, agent, console, runners, canister, good, good)
            await opened.in_time(console.start_backup([NAME]))
            outcome = await opened.ended()
            assert outcome is not None
            assert outcome.ok, outcome
            for method in damaged_by:
                await agent.update(canister, method, b"")
            if not damaged_by:
                await perform(agent, change.install_code(canister, "reinstall", module(OTHER_MODULE)))
            opened.threshold = opened.on_network.settings.freezing_threshold
            await perform(agent, change.update_settings(canister, SettingsChange(freezing_threshold=SET_SINCE_SECONDS)))
            opened.of_backup = frozenset(opened.on_network.snapshots)
            opened.bad = opened.state
            assert opened.bad != good
            yield opened
