"""The official client on a network in every layout, with the root key given and fetched."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from quri_console.localnet.configuration import Controller
from quri_console.localnet.demo_fleet import FLEET
from tests.support.icp import Icp
from tests.support.modules import counter_module
from tests.support.networks import LocalNetwork, local_network

LAYOUTS = {
    "root": {},
    "delegated": {"delegated": True},
    "delegated-old-layout": {"delegated": True, "old_layout": True},
}
CASES = [(layout, key) for layout in LAYOUTS for key in ("given", "fetched")]


async def create(icp: Icp) -> str:
    """A new canister without code, paid from the cycles ledger."""
    return (await icp("canister", "create", "--detached", "--quiet")).out.strip()


async def install(icp: Icp, folder: Path, module: bytes) -> str:
    """A new canister with a module, which passes through a file in `folder`."""
    canister = await create(icp)
    path = folder / "module.wasm"
    path.write_bytes(module)
    await icp("canister", "install", canister, "--wasm", str(path))
    return canister


@dataclass(frozen=True)
class Operator:
    """Somebody with the official client, an identity in it, and a network."""

    net: LocalNetwork
    icp: Icp
    folder: Path

    async def create(self) -> str:
        """A new canister without code, paid from the cycles ledger."""
        return await create(self.icp)

    async def install(self, module: bytes) -> str:
        """A new canister with a module."""
        return await install(self.icp, self.folder, module)

    async def ask(self, canister: str, method: str, arguments: str = "()", *options: str) -> str:
        """What a method answers, in Candid text."""
        return (await self.icp("canister", "call", canister, method, arguments, *options)).out.strip()


def fleet_module(name: str) -> bytes:
    """One of the demo fleet's real modules."""
    return next(item.module for item in FLEET if item.name == name)


@pytest.fixture
async def icp_home(tmp_path: Path) -> Icp:
    home = tmp_path / "home"
    home.mkdir()
    return await Icp.install(home)


async def _operator(net: LocalNetwork, icp: Icp, folder: Path, *, root_key: bytes | None) -> Operator:
    pem = folder / "controller.pem"
    pem.write_bytes(net.controller.pem)
    await icp("identity", "import", "me", "--from-pem", str(pem), "--storage", "plaintext", everywhere=False)
    await icp("identity", "default", "me", everywhere=False)
    return Operator(net, icp.on(net.url, root_key), folder)


@pytest.fixture(params=CASES, ids=["-".join(case) for case in CASES])
async def anywhere(request: pytest.FixtureRequest, icp_home: Icp, tmp_path: Path) -> AsyncIterator[Operator]:
    """An operator in each layout, with each way to come by the root key."""
    layout, key = request.param
    async with local_network(**LAYOUTS[layout]) as net:
        yield await _operator(net, icp_home, tmp_path, root_key=net.root_key if key == "given" else None)


@pytest.fixture
async def operator(icp_home: Icp, tmp_path: Path) -> AsyncIterator[Operator]:
    """An operator on a delegated network."""
    async with local_network(delegated=True) as net:
        yield await _operator(net, icp_home, tmp_path, root_key=net.root_key)


@pytest.fixture
async def fleet_operator(icp_home: Icp, tmp_path: Path) -> AsyncIterator[Operator]:
    """An operator who controls the demo fleet."""
    controller = Controller.make()
    async with local_network(delegated=True, fleet=True, controller=controller) as net:
        yield await _operator(net, icp_home, tmp_path, root_key=net.root_key)


@pytest.fixture
def counter() -> bytes:
    """A module that counts from 100."""
    return counter_module()
