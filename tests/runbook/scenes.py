"""The disasters of the runbook, prepared on a local network whose fleet was backed up before."""

from __future__ import annotations

import gzip
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from quri_console.ic.agent import Agent
from quri_console.ic.encoding import candid
from quri_console.ic.encoding.candid import Types
from quri_console.ic.encoding.principal import Principal, parse_principal
from quri_console.ic.identity import load_identity
from quri_console.ic.management import change
from quri_console.ic.management.read import canister_status
from quri_console.ic.management.types import SettingsChange
from quri_console.ic.prepared import perform
from quri_console.localnet.canister import Canister
from quri_console.localnet.configuration import Controller, write_private
from quri_console.localnet.demo_fleet import FLEET
from quri_console.localnet.faults import DropBefore, FaultRule
from tests.runbook.blocks import Shell
from tests.support.operator_command import Operator, operator_on_fleet
from tests.support.repositories import flip_byte

NAME = "rune-engine"
CANISTER = parse_principal(next(item.id for item in FLEET if item.name == NAME))
STRANGER = Principal(b"\x07" * 10 + b"\x02")


@dataclass
class Stage:
    """An operator in front of a disaster."""

    operator: Operator
    agent: Agent
    folder: Path
    good: str
    """The name of the backup from before the disaster."""
    good_digest: int = 0
    good_module: bytes | None = None
    good_controllers: tuple[Principal, ...] = ()
    variables: dict[str, str] = field(default_factory=dict)
    config: Path | None = None

    @property
    def on_network(self) -> Canister:
        return self.operator.net.network.subnet.get(CANISTER.bytes)

    @property
    def shell(self) -> Shell:
        return Shell(self.folder, self.config or self.operator.config, {"GOOD": self.good, **self.variables})

    async def digest(self) -> int:
        """What the canister itself says its data is."""
        reply = await self.agent.query(CANISTER, "digest", candid.encode([], []))
        return int(candid.decode(reply, [Types.Nat64])[0])


async def _nothing(stage: Stage) -> None:
    elsewhere = stage.folder / "elsewhere"
    elsewhere.mkdir()
    stage.variables["ELSEWHERE"] = str(elsewhere)


async def _alert(stage: Stage) -> None:
    await perform(stage.agent, change.stop_canister(CANISTER))
    assert (await stage.operator("monitor", "--notify")).code == 2


async def _low(stage: Stage) -> None:
    limit = (await canister_status(stage.agent, CANISTER)).freezing_limit_cycles
    stage.on_network.cycles = limit * 3


async def _frozen(stage: Stage) -> None:
    limit = (await canister_status(stage.agent, CANISTER)).freezing_limit_cycles
    stage.on_network.cycles = limit * 9 // 10


async def _failed_upgrade(stage: Stage) -> None:
    other = next(item for item in FLEET if item.name == "registry")
    await perform(stage.agent, change.install_code(CANISTER, "reinstall", other.module))
    await perform(stage.agent, change.stop_canister(CANISTER))


async def _corrupted(stage: Stage) -> None:
    await stage.agent.update(CANISTER, "corrupt", candid.encode([Types.Nat], [3]))


async def _stopped(stage: Stage) -> None:
    await perform(stage.agent, change.stop_canister(CANISTER))


async def _emptied(stage: Stage) -> None:
    stage.on_network.cycles = 0
    stage.operator.net.network.subnet._run_dry(stage.on_network)


async def _deleted(stage: Stage) -> None:
    await perform(stage.agent, change.stop_canister(CANISTER))
    await perform(stage.agent, change.delete_canister(CANISTER))


async def _stranger(stage: Stage) -> None:
    mine = stage.agent.identity.sender
    await perform(stage.agent, change.update_settings(CANISTER, SettingsChange(controllers=(mine, STRANGER))))


async def _wrong_module(stage: Stage) -> None:
    instance = stage.on_network.instance
    assert instance is not None
    module, section = stage.on_network.module, b"\x00\x05\x04evil"
    zipped = module[:3] == b"\x1f\x8b\x08"
    wrong = gzip.compress(gzip.decompress(module) + section) if zipped else module + section
    keep = any("enhanced-orthogonal-persistence" in name for name in instance.metadata)
    await perform(stage.agent, change.install_code(CANISTER, "upgrade", wrong, keep_main_memory=keep))


async def _network(stage: Stage) -> None:
    for route in ("query", "read_state", "call", "status"):
        stage.operator.net.faults.add(FaultRule(DropBefore(), route=route, count=None))  # type: ignore[arg-type]


async def _lost_key(stage: Stage) -> None:
    write_private(stage.folder / "controller.pem", Controller.make().pem)


async def _damaged(stage: Stage) -> None:
    packs = sorted((stage.operator.repository / "packs").rglob("*"), key=lambda path: path.stat().st_size)
    flip_byte(next(path for path in reversed(packs) if path.is_file()), -1)


async def _lost_machine(stage: Stage) -> None:
    """Repository, configuration and key are copied; everything else of the machine goes."""
    copy, new = stage.folder / "copy", stage.folder / "new"
    copy.mkdir()
    shutil.copytree(stage.operator.repository, copy / "repository")
    shutil.copy(stage.folder / "controller.pem", copy)
    text = stage.operator.config.read_text() + '\n[repository]\npath = "repository"\n'
    (copy / "config.toml").write_text(text)
    shutil.rmtree(stage.folder / "console")
    stage.variables |= {"COPY": str(copy), "NEW": str(new)}
    stage.config = new / "config.toml"


SCENES: dict[str, Callable[[Stage], Awaitable[None]]] = {
    "fleet": _nothing,
    "alert": _alert,
    "low": _low,
    "frozen": _frozen,
    "failed-upgrade": _failed_upgrade,
    "corrupted": _corrupted,
    "stopped": _stopped,
    "emptied": _emptied,
    "deleted": _deleted,
    "controllers": _stranger,
    "hijacked": _stranger,
    "wrong-module": _wrong_module,
    "network": _network,
    "lost-key": _lost_key,
    "damaged": _damaged,
    "lost-machine": _lost_machine,
}


@asynccontextmanager
async def stage(scene: str, folder: Path) -> AsyncIterator[Stage]:
    """The fleet, watched once and backed up, then the disaster."""
    async with operator_on_fleet(folder) as operator:
        for arguments in (("monitor",), ("backup",)):
            ended = await operator(*arguments)
            assert ended.code in (0, 1), ended.errors
        (good,) = operator.backups()
        identity = load_identity(folder / "controller.pem")
        async with Agent(operator.net.url, root_key=operator.net.root_key, identity=identity) as agent:
            prepared = Stage(operator, agent, folder, good)
            status = await canister_status(agent, CANISTER)
            prepared.good_digest, prepared.good_module = await prepared.digest(), status.module_hash
            prepared.good_controllers = status.settings.controllers
            await SCENES[scene](prepared)
            yield prepared
