"""The disasters of the runbook, prepared on a local network of the test whose fleet was backed up before.

The disasters themselves are those that drills play: `quri_console.drill.incidents`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from quri_console.config import load_config
from quri_console.drill.incidents import CANISTER, INCIDENTS, Ground, stranger
from quri_console.drill.pages import blocks
from quri_console.drill.shell import Shell
from quri_console.ic.agent import Agent
from quri_console.ic.encoding import candid
from quri_console.ic.encoding.candid import Types
from quri_console.ic.encoding.principal import Principal
from quri_console.ic.identity import load_identity
from quri_console.ic.management import change
from quri_console.ic.management.read import canister_status
from quri_console.ic.prepared import perform
from quri_console.localnet.canister import Canister
from quri_console.localnet.faults import Delay, FaultRule
from quri_console.localnet.orders import Orders
from quri_console.report.runbook import read_runbook
from tests.support.damaged_canister import CONFIRM
from tests.support.operator_command import Operator, operator_on_fleet
from tests.support.runners import kill_runner_and_guard


@dataclass
class Stage:
    """An operator in front of a disaster."""

    operator: Operator
    ground: Ground
    good: str
    """The name of the backup from before the disaster."""
    good_digest: int = 0
    good_module: bytes | None = None
    good_controllers: tuple[Principal, ...] = ()

    @property
    def agent(self) -> Agent:
        return self.ground.agent

    @property
    def on_network(self) -> Canister:
        return self.operator.net.network.subnet.get(CANISTER.bytes)

    @property
    def shell(self) -> Shell:
        return Shell(self.operator.folder, self.ground.config, self.ground.variables)

    async def digest(self) -> int:
        """What the canister itself says its data is."""
        reply = await self.agent.query(CANISTER, "digest", candid.encode([], []))
        return int(candid.decode(reply, [Types.Nat64])[0])


async def _nothing(stage: Stage) -> None:
    elsewhere = stage.operator.folder / "elsewhere"
    elsewhere.mkdir()
    stage.ground.variables["ELSEWHERE"] = str(elsewhere)


async def _alert(stage: Stage) -> None:
    await perform(stage.agent, change.stop_canister(CANISTER))
    assert (await stage.operator("monitor", "--notify")).code == 2


async def _planned(stage: Stage) -> None:
    await stranger(stage.ground)


async def _interrupted(stage: Stage) -> None:
    """A restore whose runner died, with its guard, while the canister stood still."""
    rule = stage.operator.net.faults.add(FaultRule(Delay(60), method="load_canister_snapshot"))
    command = await stage.operator.start("restore", "rune-engine", "--from", "latest", *CONFIRM)
    async with asyncio.timeout(60):
        while not rule.applied:  # noqa: ASYNC110 - the network is watched
            await asyncio.sleep(0.02)
    kill_runner_and_guard(max(load_config(stage.operator.config).paths.operations.iterdir()))
    await command.communicate()
    stage.operator.net.faults.clear()
    assert stage.on_network.run_state == "stopped"


OTHERS: dict[str, Callable[[Stage], Awaitable[None]]] = {
    "fleet": _nothing,
    "alert": _alert,
    "controllers": _planned,
    "interrupted": _interrupted,
}
"""Scenes of the pages that are no drill."""
SCENES = {*OTHERS, *INCIDENTS}


def scenes_of_sections() -> list[tuple[str, str]]:
    """(section, scene) of every block in the program's runbook: a procedure's blocks run one after the other."""
    pairs = [(section.name, block.scene) for section in read_runbook(None).sections for block in blocks(section.text)]
    return list(dict.fromkeys(pairs))


@asynccontextmanager
async def stage(scene: str, folder: Path) -> AsyncIterator[Stage]:
    """The fleet, watched once and backed up, then the disaster."""
    async with operator_on_fleet(folder) as operator:
        for arguments in (("monitor",), ("backup",)):
            ended = await operator(*arguments)
            assert ended.code in (0, 1), ended.errors
        (good,) = operator.backups()
        identity = load_identity(folder / "controller.pem")
        orders = Orders(operator.net.network, operator.net.faults)
        async with Agent(operator.net.url, root_key=operator.net.root_key, identity=identity) as agent:
            ground = Ground(
                agent, lambda order, **fields: orders.obey({"order": order, **fields}), folder, folder, {"GOOD": good}
            )
            prepared = Stage(operator, ground, good)
            status = await canister_status(agent, CANISTER)
            prepared.good_digest, prepared.good_module = await prepared.digest(), status.module_hash
            prepared.good_controllers = status.settings.controllers
            if scene in OTHERS:
                await OTHERS[scene](prepared)
            else:
                await INCIDENTS[scene](ground)
            yield prepared
