"""Before the incident: an operator's machine in front of a healthy fleet that was backed up, and written to since."""

from __future__ import annotations

import asyncio
import tomllib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import tomli_w

from quri_console.config import load_config
from quri_console.console import Console
from quri_console.drill.errors import DrillFailed
from quri_console.drill.incidents import CANISTER, NAME, Ground
from quri_console.drill.judge import Before, unmet
from quri_console.drill.local_process import LocalNetwork, LocalProcess
from quri_console.drill.sight import look_at, look_at_fleet, write_entries
from quri_console.folders import make_private_folders
from quri_console.ic.agent import Agent
from quri_console.ic.encoding.principal import Principal, parse_principal
from quri_console.ic.identity import load_identity
from quri_console.ic.management import change
from quri_console.ic.management.types import SettingsChange
from quri_console.ic.prepared import perform
from quri_console.localnet.configuration import (
    CONTROLLER_FILE,
    ConfiguredCanister,
    Controller,
    write_configuration,
    write_private,
)
from quri_console.localnet.demo_fleet import FLEET
from quri_console.service.following import OperationHandle
from quri_console.units import TRILLION

HOME_FOLDER, ELSEWHERE_FOLDER = "machine", "elsewhere"
POLL_INTERVAL, ROUND_DEADLINE = "2s", "5s"
ENDING_SECONDS = 60.0
"""How long an operation that is under way when the drill ends may take to give its canisters back."""
_PLENTY = 5 * TRILLION
"""What every canister gets, so that nothing but the incident alerts, and every remedy can be paid."""


@dataclass
class Stage:
    """The scene of a drill. `agent` is a colleague's, who is a controller and whom no incident reaches."""

    ground: Ground
    console: Console
    """The operator's, as it was before the incident."""
    agent: Agent
    before: Before
    good: str
    """The name of the backup from before the incident."""

    @property
    def canisters(self) -> dict[str, Principal]:
        """The fleet before the incident, by name."""
        return {item.name: parse_principal(item.id) for item in self.console.config.canisters}


@asynccontextmanager
async def staged(process: LocalProcess, network: LocalNetwork) -> AsyncIterator[Stage]:
    """Everything but the incident, on a network with the demo fleet. Raises DrillFailed, QuriError."""
    colleague = load_identity(network.config.parent / CONTROLLER_FILE)
    root_key = load_config(network.config).networks[0].root_key
    assert isinstance(root_key, bytes)
    async with Agent(network.url, root_key=root_key, identity=colleague) as agent:
        home, elsewhere = process.folder / HOME_FOLDER, process.folder / ELSEWHERE_FOLDER
        make_private_folders(elsewhere)
        config = await _machine(home, network.url, root_key, agent)
        console = Console.open(config_path=config)
        canisters = {item.name: parse_principal(item.id) for item in console.config.canisters}
        await console.monitor_once()
        good = await _back_up(console)
        backed_up = (await look_at(agent, NAME, CANISTER)).digest
        assert backed_up is not None
        await write_entries(agent, CANISTER)
        await console.monitor_once()
        before = Before(await look_at_fleet(agent, canisters), backed_up, console.config.monitor.thresholds)
        wrong = unmet(before, before.sights)
        if wrong:
            raise DrillFailed("the fleet is not well before the incident", why="; ".join(wrong))
        ground = Ground(agent, process.order, home, elsewhere, {"GOOD": good})
        yield Stage(ground, console, agent, before, good)


async def _machine(home: Path, url: str, root_key: bytes, colleague: Agent) -> Path:
    """The operator's machine: a key of their own that controls the fleet beside the colleague's; the configuration."""
    make_private_folders(home)
    operator = Controller.make()
    write_private(home / CONTROLLER_FILE, operator.pem)
    controllers = (Principal(operator.principal), colleague.identity.sender)
    for item in FLEET:
        canister = parse_principal(item.id)
        await perform(colleague, change.provisional_top_up_canister(canister, _PLENTY))
        await perform(colleague, change.update_settings(canister, SettingsChange(controllers=controllers)))
    canisters = [ConfiguredCanister(item.name, item.id, item.criticality) for item in FLEET]
    config = write_configuration(home, url=url, root_key=root_key, canisters=canisters)
    document = tomllib.loads(config.read_text())
    # alerts come at once, and silence is noticed soon: a drill has no minutes to wait
    document |= {
        "alerts": {"wait": "0s"},
        "monitor": {"interval": POLL_INTERVAL, "round_deadline": ROUND_DEADLINE},
    }
    write_private(config, tomli_w.dumps(document).encode())
    return config


async def _back_up(console: Console) -> str:
    handle = await console.start_backup([])
    try:
        outcome = await handle.wait()
    except asyncio.CancelledError:
        await end_operation(handle)
        raise
    outcome.raise_failure()
    return console.backups()[0].name


async def end_operation(handle: OperationHandle) -> None:
    """End an operation before the drill does: its process would outlive it, and write into a folder that is gone."""
    handle.abort()
    with suppress(TimeoutError):
        await asyncio.wait_for(handle.wait(), ENDING_SECONDS)
