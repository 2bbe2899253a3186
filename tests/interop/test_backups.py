"""What one tool writes the other reads: backups and the snapshot directories of the official client."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from quri_console.backup.capture import back_up
from quri_console.backup.export import export_state
from quri_console.backup.import_backup import Owner, Target, import_directory
from quri_console.backup.import_sources import find_sources
from quri_console.backup.interchange import read_metadata, read_snapshot_directory
from quri_console.backup.target import BackupTarget
from quri_console.clock import SystemClock
from quri_console.ic.encoding.principal import Principal
from quri_console.ic.management import change, snapshot_change
from quri_console.ic.management.read import canister_status
from quri_console.ic.prepared import perform
from tests.interop.conftest import Operator, fleet_module
from tests.support.guinea_pig import Laboratory, laboratory_on, module

pytestmark = pytest.mark.interop

FINITE = "0.1"


async def _back_up(lab: Laboratory, canister: Principal) -> Path:
    """A backup of the canister, exported; the directory."""
    await lab.back_up((canister, "pig"))
    return export_state(lab.stored(), lab.folder / "ours").path


def _content(directory: Path) -> dict[str, bytes]:
    """Every file that belongs to the format, by its path."""
    files = (path for path in directory.rglob("*.bin"))
    return {str(path.relative_to(directory)): path.read_bytes() for path in files}


async def test_our_directory_is_the_one_that_icp_writes(operator: Operator, tmp_path: Path) -> None:
    async with laboratory_on(operator.net, tmp_path) as lab:
        canister = await lab.create(code=module(FINITE))
        await perform(lab.agent, change.upload_chunk(canister, b"a chunk"))
        await perform(lab.agent, change.stop_canister(canister))
        ours = await _back_up(lab, canister)
        taken = await perform(lab.agent, snapshot_change.take_canister_snapshot(canister))
        theirs = tmp_path / "theirs"
        await operator.icp("canister", "snapshot", "download", canister.to_str(), taken.id.hex(), "-o", str(theirs))
    assert _content(ours) == _content(theirs)
    keys = [list(json.loads((directory / "metadata.json").read_bytes())) for directory in (ours, theirs)]
    assert keys[0] == keys[1]
    opened = read_snapshot_directory(theirs)
    assert replace(opened.metadata, taken_at_ns=0) == replace(read_metadata(ours), taken_at_ns=0)
    assert [item.kind for item in opened.metadata.globals if item] == ["i32", "i64", "f32", "f64", "v128"]


async def test_icp_uploads_our_backup_and_the_canister_is_as_before(operator: Operator, tmp_path: Path) -> None:
    async with laboratory_on(operator.net, tmp_path) as lab:
        canister = await lab.create(code=module(FINITE))
        await perform(lab.agent, change.upload_chunk(canister, b"a chunk"))
        before = operator.net.network.subnet.get(canister.bytes)
        assert before.instance is not None
        state = before.instance.capture()
        ours = await _back_up(lab, canister)
        await perform(lab.agent, change.install_code(canister, "reinstall", fleet_module("registry")))
        text = canister.to_str()
        uploaded = await operator.icp("canister", "snapshot", "upload", text, "-i", str(ours), "--json")
        await operator.icp("canister", "stop", text)
        await operator.icp("canister", "snapshot", "restore", text, uploaded.json["snapshot_id"])
        await operator.icp("canister", "start", text)
        assert (await canister_status(lab.agent, canister)).module_hash == lab.stored().module_hash
    after = operator.net.network.subnet.get(canister.bytes)
    assert after.instance is not None
    restored = after.instance.capture()
    assert (restored.heap, restored.stable_memory, restored.globals, restored.certified_data) == (
        state.heap,
        state.stable_memory,
        state.globals,
        state.certified_data,
    )


async def test_we_back_up_what_icp_installed(operator: Operator, tmp_path: Path) -> None:
    text = await operator.install(fleet_module("registry"))
    await operator.ask(text, "register_many", "(25 : nat, 7 : nat64)")
    async with laboratory_on(operator.net, tmp_path) as lab:
        canister = Principal.from_str(text)
        ours = await _back_up(lab, canister)
        assert (ours / "wasm_module.bin").read_bytes() == fleet_module("registry")
        await operator.ask(text, "register_many", "(100 : nat, 8 : nat64)")
        assert "125" in await operator.ask(text, "entry_count", "()", "--query")
        uploaded = await operator.icp("canister", "snapshot", "upload", text, "-i", str(ours), "--json")
        await operator.icp("canister", "stop", text)
        await operator.icp("canister", "snapshot", "restore", text, uploaded.json["snapshot_id"])
        await operator.icp("canister", "start", text)
    assert "25" in await operator.ask(text, "entry_count", "()", "--query")


async def test_icp_refuses_a_float_that_its_format_cannot_say(operator: Operator, tmp_path: Path) -> None:
    async with laboratory_on(operator.net, tmp_path) as lab:
        canister = await lab.create()
        ours = await _back_up(lab, canister)
        refusal = await operator.icp.refused("canister", "snapshot", "upload", canister.to_str(), "-i", str(ours))
    assert "globals" in refusal or "f32" in refusal


async def test_what_icp_downloaded_is_imported_as_the_backup_of_the_same_snapshot(
    operator: Operator, tmp_path: Path
) -> None:
    async with laboratory_on(operator.net, tmp_path) as lab:
        canister = await lab.create(code=module(FINITE))
        await perform(lab.agent, change.upload_chunk(canister, b"a chunk"))
        text = canister.to_str()
        await perform(lab.agent, change.stop_canister(canister))
        taken = await perform(lab.agent, snapshot_change.take_canister_snapshot(canister))
        theirs = tmp_path / text
        await operator.icp("canister", "snapshot", "download", text, taken.id.hex(), "-o", str(theirs))
        request = lab.request((canister, "pig"), mode="reuse")
        request = replace(request, targets=(BackupTarget(canister, "pig", reuse=taken.id),))
        await back_up(request, lab.effects, clock=SystemClock(), progress=lab.progress)
    network = lab.stored().network
    target = Target(lab.store(), tmp_path / "cache")
    (source,) = find_sources(theirs)
    result = import_directory(source, Owner(canister, "pig", network), target)
    assert (result.set_name, result.fresh) == (lab.stored().set_name, False)
