"""A local network in the test's own event loop, with the key of its controller."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from quri_console.clock import Clock, SystemClock
from quri_console.localnet import demo_fleet
from quri_console.localnet.builtins import register_builtins
from quri_console.localnet.builtins.cycles_ledger import CyclesLedger
from quri_console.localnet.configuration import Controller
from quri_console.localnet.faults import Faults
from quri_console.localnet.network import Network
from quri_console.localnet.server import LocalnetServer, ServerOptions


@dataclass(frozen=True)
class LocalNetwork:
    """What a test needs of a running network."""

    network: Network
    server: LocalnetServer
    ledger: CyclesLedger
    controller: Controller

    @property
    def url(self) -> str:
        return self.server.url

    @property
    def root_key(self) -> bytes:
        return self.server.root_key

    @property
    def faults(self) -> Faults:
        return self.server.faults


@asynccontextmanager
async def local_network(
    *,
    fleet: bool = False,
    delegated: bool = False,
    clock: Clock | None = None,
    controller: Controller | None = None,
    old_layout: bool = False,
    latency_seconds: float = 0.0,
    time_scale: float = 1.0,
    sync_wait_seconds: float = 10.0,
) -> AsyncIterator[LocalNetwork]:
    """Serve a fresh network on a free port; `controller` controls the fleet."""
    clock = clock or SystemClock()
    controller = controller or Controller.make()
    network = Network(clock, time_scale=time_scale)
    ledger = register_builtins(network, clock, proxy_controllers=[controller.principal])
    options = ServerOptions(latency_seconds=latency_seconds, old_layout=old_layout, sync_wait_seconds=sync_wait_seconds)
    async with LocalnetServer.running(network, delegated=delegated, clock=clock, options=options) as server:
        if fleet:
            await demo_fleet.install_fleet(network, controllers=[controller.principal])
        yield LocalNetwork(network, server, ledger, controller)
