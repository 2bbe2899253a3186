"""A local network on its own: state folder, fleet, keys and the configuration that leads to it."""

from __future__ import annotations

import fcntl
import json
import os
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from quri_console.clock import Clock, SystemClock
from quri_console.errors import CorruptionError, LockedError
from quri_console.folders import make_private_folders
from quri_console.localnet import demo_fleet, dump
from quri_console.localnet.builtins import register_builtins
from quri_console.localnet.builtins.cycles_ledger import CyclesLedger
from quri_console.localnet.configuration import (
    CONTROLLER_FILE,
    ConfiguredCanister,
    Controller,
    write_configuration,
    write_private,
)
from quri_console.localnet.network import Network
from quri_console.localnet.orders import Orders
from quri_console.localnet.server import LocalnetServer, ServerOptions
from quri_console.localnet.signing import SEED_BYTES, NetworkKeys

SEED_FILE = "network.seed"
LEDGER_FILE = "cycles-ledger.json"
CANISTERS_FOLDER = "canisters"
LOCK_FILE = "lock"


@dataclass(frozen=True, slots=True)
class StandaloneOptions:
    """What `quri-console localnet` can be asked for; without `state` nothing outlives the network."""

    port: int = 0
    state: Path | None = None
    fleet: bool = True
    extra: int = 0
    delegated: bool = False
    latency_seconds: float = 0.0
    time_scale: float = 1.0


@dataclass(frozen=True, slots=True)
class Announcement:
    """What any tool needs to work with the running network."""

    url: str
    root_key: bytes
    config: Path
    controller_pem: Path
    controller: bytes
    canisters: tuple[ConfiguredCanister, ...]
    orders: Orders
    """What whoever runs it may order of it."""


@asynccontextmanager
async def standalone(options: StandaloneOptions, clock: Clock | None = None) -> AsyncIterator[Announcement]:
    """Run a network until the block ends; its state folder is loaded before and written after.

    Raises LockedError if another network uses the folder, CorruptionError if the folder cannot be read.
    """
    clock = clock or SystemClock()
    with _folder(options.state) as folder:
        controller = Controller.kept_in(folder)
        network = Network(clock, time_scale=options.time_scale)
        ledger = register_builtins(network, clock, proxy_controllers=[controller.principal])
        if options.state is not None:
            _load(folder, network, ledger)
        async with LocalnetServer.running(
            network,
            keys=_keys(folder, delegated=options.delegated),
            clock=clock,
            options=ServerOptions(port=options.port, latency_seconds=options.latency_seconds),
        ) as server:
            canisters = await demo_fleet.install(
                network, controller.principal, fleet=options.fleet, extra=options.extra
            )
            config = write_configuration(folder, url=server.url, root_key=server.root_key, canisters=canisters)
            yield Announcement(
                server.url,
                server.root_key,
                config,
                folder / CONTROLLER_FILE,
                controller.principal,
                tuple(canisters),
                Orders(network, server.faults),
            )
        if options.state is not None:
            canisters_folder = folder / CANISTERS_FOLDER
            canisters_folder.mkdir(mode=0o700, exist_ok=True)
            dump.save(network, canisters_folder)
            write_private(folder / LEDGER_FILE, json.dumps(ledger.accounts.to_json()).encode())


@contextmanager
def _folder(state: Path | None) -> Iterator[Path]:
    """The state folder, locked; or a private one that vanishes with the network."""
    if state is None:
        with tempfile.TemporaryDirectory(prefix="quri-localnet-") as temporary:
            yield Path(temporary)
        return
    folder = state.absolute()
    make_private_folders(folder)
    descriptor = os.open(folder / LOCK_FILE, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(descriptor)
        raise LockedError(
            f"Another local network uses {folder}", next_step="Stop it, or choose another folder with --state."
        ) from error
    try:
        yield folder
    finally:
        os.close(descriptor)


def _keys(folder: Path, *, delegated: bool) -> NetworkKeys:
    """The keys of the folder's network, made at its first start: it stays the same network."""
    path = folder / SEED_FILE
    if not path.exists():
        keys = NetworkKeys.make(delegated=delegated)
        write_private(path, keys.seed)
        return keys
    seed = path.read_bytes()
    if len(seed) != SEED_BYTES:
        raise CorruptionError(
            f"{path} is damaged",
            why=f"it has {len(seed)} bytes instead of {SEED_BYTES}",
            next_step="Delete it: the network then gets new keys.",
        )
    return NetworkKeys(seed, delegated)


def _load(folder: Path, network: Network, ledger: CyclesLedger) -> None:
    if (folder / CANISTERS_FOLDER).exists():
        dump.load(network, folder / CANISTERS_FOLDER)
    path = folder / LEDGER_FILE
    if not path.exists():
        return
    try:
        ledger.accounts.load_json(json.loads(path.read_bytes()))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise CorruptionError(
            f"{path} is damaged", why=str(error), next_step="Delete it: every principal then has 1,000 T again."
        ) from error
