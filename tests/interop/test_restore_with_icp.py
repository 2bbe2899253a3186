"""What our restore uploads is what `icp` downloads, and what `icp` downloaded is what our restore brings back."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from quri_console.console import Console
from quri_console.effects.calls import UPLOAD_METADATA
from quri_console.effects.replay import snapshots_made
from quri_console.localnet.configuration import (
    CONTROLLER_FILE,
    ConfiguredCanister,
    write_configuration,
    write_private,
)
from quri_console.localnet.demo_fleet import FLEET
from quri_console.localnet.faults import FaultRule, Refuse
from tests.interop.conftest import Operator as IcpOperator
from tests.support.operator_command import Operator

pytestmark = pytest.mark.interop

NAME, OTHER = "rune-engine", "registry"
IDS = {item.name: item.id for item in FLEET}


def _our_command(theirs: IcpOperator, folder: Path) -> Operator:
    """`quri-console` with the same key on the same network."""
    folder.mkdir()
    write_private(folder / CONTROLLER_FILE, theirs.net.controller.pem)
    canisters = [ConfiguredCanister(name, identifier) for name, identifier in IDS.items()]
    config = write_configuration(folder, url=theirs.net.url, root_key=theirs.net.root_key, canisters=canisters)
    return Operator(theirs.net, folder, config)


def _content(directory: Path) -> dict[str, bytes]:
    """Every file of bytes that belongs to the format, by its path."""
    return {str(path.relative_to(directory)): path.read_bytes() for path in directory.rglob("*.bin")}


async def _uploaded(console: Console) -> bytes:
    """The snapshot that the newest operation uploaded, once it is whole: the next step is the stop."""
    handle = console.follow("latest")
    async for event in handle.events():
        if event.phase == "stop":
            break
    (identifier,) = snapshots_made(handle.journal(), UPLOAD_METADATA)
    return identifier


async def test_icp_downloads_from_our_upload_the_bytes_of_the_backup(
    fleet_operator: IcpOperator, tmp_path: Path
) -> None:
    ours = _our_command(fleet_operator, tmp_path / "ours")
    digest = await fleet_operator.ask(IDS[NAME], "digest", "()", "--query")
    assert (await ours("backup", NAME)).code == 0
    exported = await ours("export", "latest", NAME, "--to", str(tmp_path / "exported"))
    assert exported.code == 0, exported.errors
    await fleet_operator.ask(IDS[NAME], "corrupt", "(3 : nat)")
    assert await fleet_operator.ask(IDS[NAME], "digest", "()", "--query") != digest
    waiting = fleet_operator.net.faults.add(FaultRule(Refuse(503), route="call", method="stop_canister", count=None))
    restoring = await ours.start("restore", NAME, "--from", "latest", "--confirm", f"local/{NAME}")
    async with asyncio.timeout(60):
        while not waiting.applied:  # noqa: ASYNC110 - the network is watched
            await asyncio.sleep(0.01)
    snapshot = await _uploaded(Console.open(config_path=ours.config))
    theirs = tmp_path / "theirs"
    await fleet_operator.icp("canister", "snapshot", "download", IDS[NAME], snapshot.hex(), "-o", str(theirs))
    fleet_operator.net.faults.clear()
    _, errors = await restoring.communicate()
    assert restoring.returncode == 0, errors.decode()
    assert _content(theirs) == _content(tmp_path / "exported")
    documents = [json.loads((folder / "metadata.json").read_bytes()) for folder in (theirs, tmp_path / "exported")]
    for document in documents:
        # when and from what it was made is its own; everything else is the state
        for own in ("taken_at_timestamp", "canister_version", "source"):
            document.pop(own, None)
    assert documents[0] == documents[1]
    assert await fleet_operator.ask(IDS[NAME], "digest", "()", "--query") == digest


async def test_our_restore_of_what_icp_downloaded_makes_the_canister_answer_as_before(
    fleet_operator: IcpOperator, tmp_path: Path
) -> None:
    ours, canister, icp = _our_command(fleet_operator, tmp_path / "ours"), IDS[OTHER], fleet_operator.icp
    before = await fleet_operator.ask(canister, "entry_count", "()", "--query")
    await icp("canister", "stop", canister)
    taken = (await icp("canister", "snapshot", "create", canister, "--json")).json["snapshot_id"]
    directory = tmp_path / OTHER
    await icp("canister", "snapshot", "download", canister, taken, "-o", str(directory))
    await icp("canister", "start", canister)
    # nothing on chain that could be restored instead
    await icp("canister", "snapshot", "delete", canister, taken)
    await fleet_operator.ask(canister, "register_many", "(25 : nat, 99 : nat64)")
    assert await fleet_operator.ask(canister, "entry_count", "()", "--query") != before
    imported = await ours("import", str(directory))
    assert imported.code == 0, imported.errors
    restored = await ours("restore", OTHER, "--from", "latest", "--confirm", f"local/{OTHER}")
    assert restored.code == 0, restored.errors
    assert await fleet_operator.ask(canister, "entry_count", "()", "--query") == before
    assert (await icp("canister", "status", canister, "--json")).json["status"] == "Running"
    # what was replaced is on chain, for icp as well
    listed = (await icp("canister", "snapshot", "list", canister, "--json")).json["snapshots"]
    assert len(listed) == 1
