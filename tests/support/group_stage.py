"""Two canisters that belong together on the stage of the fault matrix: whatever happens, they agree in the end."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

import pytest

from quri_console.clock import ManualClock
from quri_console.console import Console
from quri_console.effects.operation_files import Outcome
from quri_console.effects.replay import safety_snapshots
from quri_console.ic.agent import Agent
from quri_console.ic.encoding.principal import Principal
from quri_console.ic.identity import identity_from_pem
from quri_console.ic.management import change
from quri_console.ic.prepared import perform
from quri_console.localnet.canister import Canister, RunState
from quri_console.localnet.configuration import (
    CONTROLLER_FILE,
    ConfiguredCanister,
    Controller,
    write_configuration,
    write_private,
)
from quri_console.localnet.subnet import FIRST_LOCAL_ID, canister_id
from quri_console.service.following import OperationHandle
from quri_console.service.resuming import resume
from tests.support.fault_cells import FAULTS, RESTORE, ROLLBACK, Cell
from tests.support.fault_matrix import story
from tests.support.fault_stage import OwnShortSleepers, Stage
from tests.support.guinea_pig import module
from tests.support.incidents import OTHER_MODULE, QUIET_NAN, State, state_of
from tests.support.mortal import Mishap, runners_in_this_process
from tests.support.networks import local_network

NAMES = ("pig", "hen")
GROUP = "pen"


@dataclass
class GroupStage(Stage):
    """Both canisters have the same code, so that one state tells whether both are good."""

    others: tuple[Principal, ...] = ()

    @property
    def members(self) -> tuple[Canister, ...]:
        """The network's own records."""
        return tuple(self.net.network.subnet.get(item.bytes) for item in (self.canister, *self.others))

    @property
    def states(self) -> list[State]:
        return [state_of(member) for member in self.members]

    @property
    def all_run(self) -> bool:
        return all(member.run_state is RunState.RUNNING for member in self.members)

    async def start(self, operation: str, undone: str = "") -> OperationHandle:
        """Plan and start a restore of the group from its newest set, or the rollback of one."""
        confirmation = f"local/{GROUP}"
        if operation == RESTORE:
            plan = await self.in_time(self.console.plan_group_restore(GROUP, "latest"))
            return await self.console.start_restore(plan, confirmation=confirmation)
        return await self.in_time(self.console.start_rollback(undone, confirmation=confirmation))


@asynccontextmanager
async def group_stage(folder: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[GroupStage]:
    """Back two fresh canisters up as one cut, then put another module and state in their place."""
    clock = ManualClock(time.time_ns())
    own = OwnShortSleepers(clock)
    runners = runners_in_this_process(monkeypatch, own)
    controller = Controller.make()
    write_private(folder / CONTROLLER_FILE, controller.pem)
    async with local_network(clock=clock, controller=controller) as net:
        agent = Agent(net.url, root_key=net.root_key, identity=identity_from_pem(controller.pem), clock=clock)
        async with agent:
            canisters = [await _created(agent) for _ in NAMES]
            configured = [
                ConfiguredCanister(name, item.to_str(), criticality="high", health_query="health")
                for name, item in zip(NAMES, canisters, strict=True)
            ]
            config = write_configuration(folder, url=net.url, root_key=net.root_key, canisters=configured)
            config.write_text(f'{config.read_text()}\n[groups.{GROUP}]\ncanisters = ["{NAMES[0]}", "{NAMES[1]}"]\n')
            good = state_of(net.network.subnet.get(canisters[0].bytes))
            console = Console.open(config_path=config, clock=own)
            opened = GroupStage(
                clock, own, net, agent, console, runners, canisters[0], good, good, others=tuple(canisters[1:])
            )
            await opened.in_time(console.start_backup(list(NAMES)))
            outcome = await opened.ended()
            assert outcome is not None
            assert outcome.ok, outcome
            for canister in canisters:
                await perform(agent, change.install_code(canister, "reinstall", module(OTHER_MODULE)))
            opened.of_backup = frozenset(item for member in opened.members for item in member.snapshots)
            opened.bad = opened.state
            assert opened.states == [opened.bad, opened.bad]
            yield opened


async def _created(agent: Agent) -> Principal:
    call = change.provisional_create_canister_with_cycles(Principal(canister_id(FIRST_LOCAL_ID)), amount=10**13)
    canister = cast(Principal, await perform(agent, call))
    await perform(agent, change.install_code(canister, "install", module(QUIET_NAN)))
    return canister


async def play_for_group(opened: GroupStage, cell: Cell) -> None:
    """Let the cell happen; the members agree afterwards, in the old or in the wanted state."""
    undone = (await opened.done(RESTORE)).id if cell.operation == ROLLBACK else ""
    before, wanted = (opened.good, opened.bad) if cell.operation == ROLLBACK else (opened.bad, opened.good)
    fault = FAULTS[cell.fault]
    if isinstance(fault, Mishap):
        opened.runners.mishap = replace(fault, method=cell.method, first=cell.first)
    handle = await opened.start(cell.operation, undone)
    if not isinstance(fault, Mishap):
        opened.disturb(cell)
    outcome = await opened.ended()
    _require_agreement(opened, handle, outcome, before, wanted)
    if outcome is None and isinstance(fault, Mishap) and not fault.with_guard:
        await _all_run_by_themselves(opened)
    stopped = {member.id for member in opened.members if member.run_state is not RunState.RUNNING}
    known = {Principal.from_str(item).bytes for item in handle.summary().left_stopped}
    assert stopped <= known, story(handle)
    opened.net.faults.clear()
    if outcome is None or not outcome.ok:
        resume(opened.console.session, handle.id)
        outcome = await opened.ended()
        assert outcome is not None
        assert outcome.ok, (outcome, story(handle))
    assert opened.states == [wanted, wanted], story(handle)
    assert opened.all_run
    assert handle.summary().left_stopped == ()
    tracked = {*safety_snapshots(handle.journal()), *opened.of_backup}
    present = {item for member in opened.members for item in member.snapshots}
    notes = " ".join(cast("list[str]", outcome.result["notes"]))
    assert not [item for item in present - tracked if item.hex() not in notes], story(handle)
    assert len(safety_snapshots(handle.journal())) == len(NAMES), story(handle)
    assert opened.console.verify_audit().whole


def _require_agreement(
    opened: GroupStage, handle: OperationHandle, outcome: Outcome | None, before: State, wanted: State
) -> None:
    """Only a process that died may leave one member restored and the other not; a failure says so otherwise."""
    states = opened.states
    assert all(state in (before, wanted) for state in states), story(handle)
    if outcome is not None and outcome.ok:
        assert states == [wanted, wanted], story(handle)
    elif outcome is not None:
        assert states[0] == states[1], (outcome, story(handle))


async def _all_run_by_themselves(opened: GroupStage) -> None:
    async with asyncio.timeout(20):
        while not opened.all_run:  # noqa: ASYNC110 - a network and processes are watched from outside
            await asyncio.sleep(0.01)
