"""The local network behind a loopback socket, in the caller's own event loop."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Generator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from functools import partial

import uvicorn

from quri_console.clock import Clock, SystemClock
from quri_console.errors import NetworkError
from quri_console.localnet.certification import Certifier
from quri_console.localnet.connections import Connections
from quri_console.localnet.faults import Faults
from quri_console.localnet.http_interface import HttpInterface
from quri_console.localnet.interference import Interference
from quri_console.localnet.network import Network
from quri_console.localnet.read_state_rules import ReadStateRules
from quri_console.localnet.request_history import RequestHistory
from quri_console.localnet.signing import NetworkKeys
from quri_console.localnet.state_tree import StateTree
from quri_console.localnet.update_calls import SYNC_WAIT_SECONDS, UpdateCalls

LOOPBACK = "127.0.0.1"
SHUTDOWN_SECONDS = 1


@dataclass(frozen=True, slots=True)
class ServerOptions:
    """How the HTTP side behaves.

    `old_layout` keeps canister ranges under `/subnet` on every route; a `sync_wait_seconds` of 0 makes every client
    poll for the answers to its calls.
    """

    port: int = 0
    latency_seconds: float = 0.0
    old_layout: bool = False
    sync_wait_seconds: float = SYNC_WAIT_SECONDS


@dataclass
class LocalnetServer:
    """A serving network."""

    network: Network
    keys: NetworkKeys
    clock: Clock
    options: ServerOptions = field(default_factory=ServerOptions)
    faults: Faults = field(default_factory=Faults)
    url: str = ""

    @property
    def root_key(self) -> bytes:
        """DER (133 bytes) of the key that clients must trust."""
        return self.keys.root.public_key_der

    @property
    def subnet_id(self) -> bytes:
        """Principal of the subnet that hosts the canisters."""
        return self.keys.subnet.principal

    @classmethod
    @asynccontextmanager
    async def running(
        cls,
        network: Network,
        *,
        delegated: bool = False,
        keys: NetworkKeys | None = None,
        clock: Clock | None = None,
        faults: Faults | None = None,
        options: ServerOptions | None = None,
    ) -> AsyncIterator[LocalnetServer]:
        """Serve `network` until the block ends; raises NetworkError if the port is taken.

        `delegated` puts the canisters on a subnet below the root subnet; `keys`
        (which then decide) keep a network the same across runs.
        """
        server = cls(
            network,
            keys or NetworkKeys.make(delegated=delegated),
            clock or SystemClock(),
            options or ServerOptions(),
            faults or Faults(),
        )
        async with server._serving():
            yield server

    @asynccontextmanager
    async def _serving(self) -> AsyncIterator[None]:
        self.network.root_key = self.root_key
        self.network.subnet_id = self.subnet_id
        listener = listen(self.options.port)
        self.url = f"http://{LOOPBACK}:{listener.getsockname()[1]}"
        connections = Connections()
        history = RequestHistory(self.clock)
        calls = UpdateCalls(self.network, history, self.clock, sync_wait_seconds=self.options.sync_wait_seconds)
        server = _Uvicorn(_configuration(self._interface(calls, history, connections), connections))
        await self.network.start()
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            await server.wait_started()
            yield
        finally:
            await calls.aclose()
            server.stop()
            await serving
            self.network.data_certificate = None
            await self.network.aclose()

    def _interface(self, calls: UpdateCalls, history: RequestHistory, connections: Connections) -> HttpInterface:
        certifier = Certifier(StateTree(self.network, history, self.keys, self.clock), self.clock)
        self.network.data_certificate = partial(certifier.certify_data, old_layout=self.options.old_layout)
        return HttpInterface(
            self.network,
            calls,
            certifier,
            ReadStateRules(self.network, history, self.keys.root.principal),
            clock=self.clock,
            interference=Interference(
                self.faults, connections, self.clock, latency_seconds=self.options.latency_seconds
            ),
            always_old_layout=self.options.old_layout,
        )


def listen(port: int) -> socket.socket:
    """A listening socket on loopback; port 0 lets the system choose."""
    # asyncio sets TCP_NODELAY only on sockets that say TCP; without it every answer waits 40 ms.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((LOOPBACK, port))
        listener.listen(512)
        listener.setblocking(False)
    except OSError as error:
        listener.close()
        raise NetworkError(
            f"The local network cannot listen on {LOOPBACK}:{port}",
            why=error.strerror or str(error),
            next_step="Choose another port with --port, or 0 for any free one.",
        ) from error
    return listener


def _configuration(interface: HttpInterface, connections: Connections) -> uvicorn.Config:
    return uvicorn.Config(
        connections.cutting(interface.application()),
        http=connections.protocol_class(),
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        date_header=False,
        server_header=False,
        timeout_keep_alive=75,
    )


class _Uvicorn(uvicorn.Server):
    """uvicorn that leaves signals to its caller and starts and stops by events, not by ticks."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._started = asyncio.Event()
        self._stop = asyncio.Event()

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._started.set()

    async def main_loop(self) -> None:
        await self._stop.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """As uvicorn does it, but as soon as the last answer has left instead of on a tick of 100 ms."""
        for server in self.servers:
            server.close()
        for listener in sockets or []:
            listener.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        if self.server_state.tasks:
            await asyncio.wait(self.server_state.tasks, timeout=SHUTDOWN_SECONDS)
        late = list(self.server_state.tasks)
        for task in late:
            task.cancel()
        if late:
            await asyncio.wait(late, timeout=SHUTDOWN_SECONDS)
        for connection in list(self.server_state.connections):
            connection.transport.abort()
        await asyncio.sleep(0)

    async def wait_started(self) -> None:
        await self._started.wait()

    def stop(self) -> None:
        self._stop.set()
