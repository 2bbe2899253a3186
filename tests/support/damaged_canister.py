"""A canister of the demo fleet that was backed up and then damaged, and the operator who brings it back."""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from quri_console.console import Console
from quri_console.ic.agent import Agent
from quri_console.ic.encoding import candid
from quri_console.ic.encoding.candid import Types
from quri_console.ic.encoding.principal import parse_principal
from quri_console.ic.identity import load_identity
from quri_console.localnet.canister import Canister
from quri_console.localnet.demo_fleet import FLEET
from tests.support.operator_command import Operator, operator_on_fleet

NAME = "rune-engine"
CANISTER = parse_principal(next(item.id for item in FLEET if item.name == NAME))
CONFIRM = ("--confirm", f"local/{NAME}")


class Scene:
    """An operator with a backup of a canister that was damaged since, and the canister's own answers."""

    def __init__(self, operator: Operator, agent: Agent) -> None:
        self.operator = operator
        self.agent = agent
        self.good = self.bad = 0

    @property
    def on_network(self) -> Canister:
        return self.operator.net.network.subnet.get(CANISTER.bytes)

    @property
    def console(self) -> Console:
        return Console.open(config_path=self.operator.config)

    async def digest(self) -> int:
        """What the canister itself says its data is."""
        reply = await self.agent.query(CANISTER, "digest", candid.encode([], []))
        return int(candid.decode(reply, [Types.Nat64])[0])

    async def damage(self) -> None:
        await self.agent.update(CANISTER, "corrupt", candid.encode([Types.Nat], [3]))
        self.bad = await self.digest()
        assert self.bad != self.good

    async def started(self, phase: str, *arguments: str) -> str:
        """Begin a command and kill it once its operation is in a phase; the operation's folder."""
        process = await self.operator.start(*arguments, "--json")
        assert process.stderr is not None
        while f'"phase": "{phase}"'.encode() not in await process.stderr.readline():
            pass
        process.send_signal(signal.SIGKILL)
        await process.communicate()
        return self.console.follow("latest").id


@asynccontextmanager
async def damaged_canister(folder: Path, *, time_scale: float = 1.0) -> AsyncIterator[Scene]:
    """Back the canister up, then damage it; each second costs `time_scale` as much as on mainnet."""
    async with operator_on_fleet(folder, time_scale=time_scale) as operator:
        identity = load_identity(folder / "controller.pem")
        async with Agent(operator.net.url, root_key=operator.net.root_key, identity=identity) as agent:
            opened = Scene(operator, agent)
            opened.good = await opened.digest()
            backup = await operator("backup", NAME)
            assert backup.code == 0, backup.errors
            await opened.damage()
            yield opened
