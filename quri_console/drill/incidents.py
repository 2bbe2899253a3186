"""The disasters of the runbook, done to a local network for real: by calls of a controller, or to the machine's files.

Drills and the tests of the runbook stage a disaster by these, so that both play the same one.
"""

from __future__ import annotations

import gzip
import shutil
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from quri_console.config import load_config
from quri_console.drill.errors import DrillFailed
from quri_console.ic.agent import Agent
from quri_console.ic.encoding import candid
from quri_console.ic.encoding.candid import Types
from quri_console.ic.encoding.principal import Principal, parse_principal
from quri_console.ic.management import change
from quri_console.ic.management.read import canister_status
from quri_console.ic.management.types import SettingsChange
from quri_console.ic.prepared import perform
from quri_console.ic.rejection import Rejected
from quri_console.localnet.configuration import CONFIG_FILE, CONTROLLER_FILE, PRODUCT_FOLDER, write_private
from quri_console.localnet.demo_fleet import FLEET

NAME = "rune-engine"
"""The canister that disasters happen to."""
CANISTER = parse_principal(next(item.id for item in FLEET if item.name == NAME))
STRANGER = Principal(b"\x07" * 10 + b"\x02")
DAMAGED_RUNES = 3
_TRAPPED = "IC0502"
_KEEPS_MEMORY = b"enhanced-orthogonal-persistence"
"""The section of modules whose memory stays when they are upgraded."""
_TRAPPING = bytes.fromhex(
    "0061736d01000000"  # WebAssembly, version 1
    "010401600000"  # type 0: nothing to nothing
    "03020100"  # function 0 has it
    "0503010400"  # a memory of 64 bits, so that it may take over the one that is there
    "07190115" + b"canister_post_upgrade".hex() + "0000"  # and is exported
    "0a05010300000b"  # its code: unreachable
    "002c2b" + b"icp:private enhanced-orthogonal-persistence".hex()
)


class Order(Protocol):
    """Orders something of the network, see `localnet.orders`."""

    def __call__(self, order: str, **fields: str | int) -> None: ...


@dataclass
class Ground:
    """Where a disaster happens: a network whose fleet was backed up, and the machine of the operator.

    `agent` is a controller's; `home` the operator's machine with the configuration, the key and our folders;
    `elsewhere` a place that no disaster of the machine reaches. `variables` are what the pages call $NAME.
    """

    agent: Agent
    order: Order
    home: Path
    elsewhere: Path
    variables: dict[str, str] = field(default_factory=dict)
    moved_to: Path | None = None
    """Where the configuration will be, once somebody has rebuilt the machine."""

    @property
    def config(self) -> Path:
        """The configuration file that the operator works with."""
        return self.moved_to or self.home / CONFIG_FILE


Incident = Callable[[Ground], Awaitable[None]]


async def low(ground: Ground) -> None:
    """Nearly all that the canister had is burnt: three days are left above its freezing limit."""
    status = await canister_status(ground.agent, CANISTER)
    leave = status.freezing_limit_cycles + 3 * status.idle_cycles_burned_per_day
    ground.order("burn", canister=CANISTER.to_str(), leave=leave)


async def frozen(ground: Ground) -> None:
    """It has burnt more than its freezing limit leaves it."""
    limit = (await canister_status(ground.agent, CANISTER)).freezing_limit_cycles
    ground.order("burn", canister=CANISTER.to_str(), leave=limit * 9 // 10)


async def failed_upgrade(ground: Ground) -> None:
    """A colleague's upgrade traps; in haste a wrong module is installed afresh, and the canister left stopped."""
    agent = ground.agent
    await perform(agent, change.stop_canister(CANISTER))
    try:
        await perform(agent, change.install_code(CANISTER, "upgrade", _TRAPPING, keep_main_memory=True))
    except Rejected as rejected:
        if rejected.error_code != _TRAPPED:
            raise
    else:
        raise DrillFailed("the upgrade that should have failed did not")
    other = next(item for item in FLEET if item.name == "registry")
    await perform(agent, change.install_code(CANISTER, "reinstall", other.module))


async def corrupted(ground: Ground) -> None:
    """A migration went wrong: supplies are empty and an entry is gone, while the canister runs on."""
    await ground.agent.update(CANISTER, "corrupt", candid.encode([Types.Nat], [DAMAGED_RUNES]))


async def stopped(ground: Ground) -> None:
    """Somebody stopped the wrong canister."""
    await perform(ground.agent, change.stop_canister(CANISTER))


async def emptied(ground: Ground) -> None:
    """Its cycles ran out entirely: at its next charge the network takes its code and data."""
    ground.order("burn", canister=CANISTER.to_str(), leave=0)
    # whoever looks has the network charge it
    if (await canister_status(ground.agent, CANISTER)).module_hash is not None:
        raise DrillFailed("the canister still has its code although it has no cycles")


async def deleted(ground: Ground) -> None:
    """A controller deleted it."""
    await perform(ground.agent, change.stop_canister(CANISTER))
    await perform(ground.agent, change.delete_canister(CANISTER))


async def stranger(ground: Ground) -> None:
    """Somebody whom nobody knows has become a controller."""
    controllers = (await canister_status(ground.agent, CANISTER)).settings.controllers
    change_of = SettingsChange(controllers=(*controllers, STRANGER))
    await perform(ground.agent, change.update_settings(CANISTER, change_of))


async def wrong_module(ground: Ground) -> None:
    """Another build than the released one was deployed over the data."""
    module = gzip.decompress(next(item.module for item in FLEET if item.name == NAME))
    wrong = gzip.compress(module + b"\x00\x05\x04evil", mtime=0)
    keep = _KEEPS_MEMORY in module
    await perform(ground.agent, change.install_code(CANISTER, "upgrade", wrong, keep_main_memory=keep))


async def cut_off(ground: Ground) -> None:
    """The boundary node closes every connection without an answer."""
    ground.order("cut off")


async def lost_key(ground: Ground) -> None:
    """The file with the operator's key is gone."""
    (ground.home / CONTROLLER_FILE).unlink()
    ground.variables["NEW_KEY"] = str(ground.home / "new-operator.pem")


async def damaged_repository(ground: Ground) -> None:
    """A bit of the largest pack has flipped."""
    packs = load_config(ground.config).repository.path / "packs"
    largest = max((path for path in packs.rglob("*") if path.is_file()), key=lambda path: path.stat().st_size)
    data = bytearray(largest.read_bytes())
    data[-1] ^= 1
    largest.chmod(0o600)
    largest.write_bytes(data)


async def lost_machine(ground: Ground) -> None:
    """Repository, configuration and key have a copy elsewhere; everything on the machine is gone."""
    copy, new = ground.elsewhere / "copy", ground.elsewhere / "new"
    copy.mkdir(mode=0o700)
    shutil.copytree(load_config(ground.config).repository.path, copy / "repository")
    shutil.copy(ground.home / CONTROLLER_FILE, copy)
    text = ground.config.read_text() + '\n[repository]\npath = "repository"\n'
    write_private(copy / CONFIG_FILE, text.encode())
    shutil.rmtree(ground.home / PRODUCT_FOLDER)
    for name in (CONFIG_FILE, CONTROLLER_FILE):
        (ground.home / name).unlink()
    ground.variables |= {"COPY": str(copy), "NEW": str(new)}
    ground.moved_to = new / CONFIG_FILE


INCIDENTS: dict[str, Incident] = {
    "low": low,
    "frozen": frozen,
    "failed-upgrade": failed_upgrade,
    "corrupted": corrupted,
    "stopped": stopped,
    "emptied": emptied,
    "deleted": deleted,
    "hijacked": stranger,
    "wrong-module": wrong_module,
    "network": cut_off,
    "lost-key": lost_key,
    "damaged": damaged_repository,
    "lost-machine": lost_machine,
}
"""By the scene that the command blocks of the runbook name."""
