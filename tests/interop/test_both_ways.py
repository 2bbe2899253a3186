"""What one tool writes the other reads: backups, snapshots and canisters of `icp` and of the console."""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from quri_console.localnet.configuration import ConfiguredCanister, write_configuration
from quri_console.localnet.standalone import Announcement, StandaloneOptions, standalone
from tests.interop.conftest import fleet_module, install
from tests.support.icp import Icp

pytestmark = pytest.mark.interop

REGISTRY = "pnqje-qiaaa-aaaah-arodq-cai"
IDENTITY_MANAGER = "y67br-5iaaa-aaaah-arn5q-cai"


@dataclass(frozen=True)
class Desk:
    """Both tools on one network with the same key."""

    network: Announcement
    icp: Icp

    async def console(self, *arguments: str) -> str:
        """Run `quri-console` and fail the test unless it succeeds."""
        command = ("-m", "quri_console", "--config", str(self.network.config), *arguments)
        process = await asyncio.create_subprocess_exec(sys.executable, *command, stdin=-3, stdout=-1, stderr=-1)
        out, err = await process.communicate()
        if process.returncode:
            pytest.fail(f"{' '.join(arguments)} ended with {process.returncode}:\n{out.decode()}{err.decode()}")
        return out.decode()

    async def back_up(self, name: str) -> Path:
        """Back up a canister and export the backup; the folder of the export."""
        stamp = re.search(r"\d{8}T\d{6}Z", await self.console("backup", name))
        assert stamp is not None
        folder = self.network.config.parent / f"exported-{stamp[0]}"
        await self.console("export", stamp[0], name, "--to", str(folder))
        return folder

    async def ask(self, canister: str, method: str, arguments: str = "()", *options: str) -> str:
        return (await self.icp("canister", "call", canister, method, arguments, *options)).out.strip()

    async def everything(self, canister: str) -> str:
        """All data of a registry, as it tells it itself, without the time of asking."""
        exported = await self.ask(canister, "export_state", "()", "--query")
        return re.sub(r"exported_at = [\d_]+", "", exported)


@pytest.fixture
async def desk(icp_home: Icp, tmp_path: Path) -> AsyncIterator[Desk]:
    async with standalone(StandaloneOptions(delegated=True)) as network:
        pem = ("--from-pem", str(network.controller_pem), "--storage", "plaintext")
        await icp_home("identity", "import", "me", *pem, everywhere=False)
        await icp_home("identity", "default", "me", everywhere=False)
        yield Desk(network, icp_home.on(network.url, network.root_key))


async def test_icp_restores_our_backup(desk: Desk) -> None:
    before = await desk.everything(REGISTRY)
    snapshot = await desk.back_up("registry")
    await desk.ask(REGISTRY, "corrupt", "(400 : nat)")
    assert "healthy = false" in await desk.ask(REGISTRY, "health", "()", "--query")
    assert await desk.everything(REGISTRY) != before
    uploading = ("canister", "snapshot", "upload", REGISTRY, "-i", str(snapshot), "--json")
    uploaded = (await desk.icp(*uploading)).json["snapshot_id"]
    await desk.icp("canister", "stop", REGISTRY)
    await desk.icp("canister", "snapshot", "restore", REGISTRY, uploaded)
    await desk.icp("canister", "start", REGISTRY)
    assert "healthy = true" in await desk.ask(REGISTRY, "health", "()", "--query")
    assert await desk.everything(REGISTRY) == before


async def test_we_back_up_and_restore_what_icp_created(desk: Desk, tmp_path: Path) -> None:
    canister = await install(desk.icp, tmp_path, fleet_module("registry"))
    await desk.ask(canister, "register_many", "(50 : nat, 9 : nat64)")
    before = await desk.everything(canister)
    folder = desk.network.config.parent
    ours = [ConfiguredCanister("theirs", canister)]
    write_configuration(folder, url=desk.network.url, root_key=desk.network.root_key, canisters=ours)
    await desk.back_up("theirs")
    await desk.ask(canister, "corrupt", "(50 : nat)")
    assert await desk.everything(canister) != before
    await desk.console("restore", "theirs", "--from", "latest", "--confirm", "local/theirs", "--reason", "test")
    assert await desk.everything(canister) == before
    assert (await desk.icp("canister", "status", canister, "--json")).json["status"] == "Running"


@pytest.mark.parametrize(("name", "canister"), [("registry", REGISTRY), ("identity-manager", IDENTITY_MANAGER)])
async def test_both_tools_download_the_same_bytes(desk: Desk, tmp_path: Path, name: str, canister: str) -> None:
    ours = await desk.back_up(name)
    await desk.icp("canister", "stop", canister)
    taken = (await desk.icp("canister", "snapshot", "create", canister, "--json")).json["snapshot_id"]
    theirs = tmp_path / "theirs"
    await desk.icp("canister", "snapshot", "download", canister, taken, "-o", str(theirs))
    for blob in ("wasm_module.bin", "wasm_memory.bin", "stable_memory.bin"):
        assert (ours / blob).read_bytes() == (theirs / blob).read_bytes(), blob
