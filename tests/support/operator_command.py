"""The installed command as an operator runs it, on a local network of the test."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from quri_console.backup.browse import StoredCanister, open_backup
from quri_console.clock import Clock
from quri_console.localnet.configuration import (
    CONTROLLER_FILE,
    ConfiguredCanister,
    Controller,
    write_configuration,
    write_private,
)
from quri_console.repository.store import REPOSITORY_FILE, Repository
from tests.support.networks import LocalNetwork, local_network

LONGEST_SECONDS = 330
"""A resumed operation may have to outlive a request that is valid for 5 minutes."""


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    output: str
    errors: str

    def json(self) -> Any:
        return json.loads(self.output)


@dataclass(frozen=True)
class Operator:
    """A configuration in a folder, and the command that uses it."""

    net: LocalNetwork
    folder: Path
    config: Path
    prefix: tuple[str, ...] = ()
    """What every command is started through."""

    @property
    def repository(self) -> Path:
        from quri_console.config import load_config

        return load_config(self.config).repository.path

    def store(self) -> Repository | None:
        """The repository; None when there is none yet."""
        return Repository.open(self.repository) if (self.repository / REPOSITORY_FILE).exists() else None

    def backups(self) -> tuple[str, ...]:
        """The names of the committed sets."""
        store = self.store()
        return () if store is None else store.set_names()

    def unfinished(self) -> tuple[str, ...]:
        """The names of sets that were begun and not committed."""
        store = self.store()
        return () if store is None else store.unfinished_names()

    def stored(self, name: str) -> StoredCanister:
        """A canister of the newest backup."""
        store = self.store()
        assert store is not None
        return open_backup(store).canister(name)

    async def __call__(self, *arguments: str) -> Ended:
        """Run one command line to its end."""
        process = await self.start(*arguments)
        output, errors = await asyncio.wait_for(process.communicate(), LONGEST_SECONDS)
        assert process.returncode is not None
        return Ended(process.returncode, output.decode(), errors.decode())

    async def start(self, *arguments: str) -> asyncio.subprocess.Process:
        """Begin one command line."""
        return await asyncio.create_subprocess_exec(
            *self.prefix,
            sys.executable,
            "-m",
            "quri_console",
            "--config",
            str(self.config),
            *arguments,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={**os.environ, "NO_COLOR": "1"},
        )

    def edit(self, old: str, new: str) -> None:
        """Change the configuration's text."""
        text = self.config.read_text()
        assert old in text
        self.config.write_text(text.replace(old, new))


@asynccontextmanager
async def operator_on_fleet(
    folder: Path, *, clock: Clock | None = None, time_scale: float = 1.0
) -> AsyncIterator[Operator]:
    """An operator who controls the demo fleet on a fresh network, on which each second costs `time_scale` as much."""
    from quri_console.localnet.demo_fleet import FLEET

    controller = Controller.make()
    write_private(folder / CONTROLLER_FILE, controller.pem)
    async with local_network(fleet=True, controller=controller, clock=clock, time_scale=time_scale) as net:
        canisters = [ConfiguredCanister(item.name, item.id) for item in FLEET]
        config = write_configuration(folder, url=net.url, root_key=net.root_key, canisters=canisters)
        yield Operator(net, folder, config)
