"""A local network whose canisters a configuration watches."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from quri_console.clock import Clock, SystemClock
from quri_console.config import load_config
from quri_console.config.principal_text import principal_text
from quri_console.localnet.configuration import write_private
from quri_console.service.session import Session
from tests.support.networks import LocalNetwork, local_network


@dataclass(frozen=True)
class Watched:
    """A running network, its empty canisters, and a session on it."""

    net: LocalNetwork
    canisters: tuple[bytes, ...]
    session: Session

    @property
    def ids(self) -> tuple[str, ...]:
        return tuple(principal_text(canister) for canister in self.canisters)


@asynccontextmanager
async def watched_network(
    folder: Path,
    *,
    count: int = 2,
    cycles: int = 5 * 10**12,
    monitor: str = "",
    poll_as: str = "controller",
    clock: Clock | None = None,
    latency_seconds: float = 0.0,
) -> AsyncIterator[Watched]:
    """Serve `count` canisters that the controller controls; `poll_as` is `controller` or `anonymous`."""
    async with local_network(clock=clock, latency_seconds=latency_seconds) as net:
        canisters = tuple(
            net.network.create_canister(controllers=[net.controller.principal], cycles=cycles) for _ in range(count)
        )
        path = write_watching_config(folder, net, canisters, monitor=monitor, poll_as=poll_as)
        config = load_config(path)
        yield Watched(net, canisters, Session(config, config.networks[0], clock=clock or SystemClock()))


def write_watching_config(
    folder: Path, net: LocalNetwork, canisters: tuple[bytes, ...], *, monitor: str = "", poll_as: str = "controller"
) -> Path:
    """The configuration of a session on that network."""
    write_private(folder / "controller.pem", net.controller.pem)
    lines = [
        "[networks.local]",
        f'url = "{net.url}"',
        "production = false",
        "[monitor]",
        monitor,
        "[paths]",
        'root = "root"',
    ]
    if poll_as == "controller":
        lines += ["[identities.poll]", 'pem = "controller.pem"']
    for number, canister in enumerate(canisters):
        lines += [f"[canisters.number-{number}]", f'id = "{principal_text(canister)}"']
    path = folder / "config.toml"
    path.write_text("\n".join(lines) + "\n")
    return path
