"""The official `icp` command line does its whole job on the local network."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from quri_console.ic.encoding import leb128
from quri_console.ic.encoding.principal import Principal
from quri_console.localnet.builtins import CYCLES_LEDGER_ID
from tests.interop.conftest import Operator, fleet_module
from tests.support.icp import Icp
from tests.support.networks import local_network
from tests.support.raw_client import KEY_KINDS, principal_of

pytestmark = pytest.mark.interop

NUMBER = {100: "6400000000000000", 101: "6500000000000000", 102: "6600000000000000"}


async def count(operator: Operator, canister: str) -> str:
    return await operator.ask(canister, "get", "()", "--query", "--output", "hex")


async def test_the_life_of_a_canister_without_code(anywhere: Operator) -> None:
    icp, canister = anywhere.icp, await anywhere.create()
    status = (await icp("canister", "status", canister, "--json")).json
    assert (status["status"], status["module_hash"]) == ("Running", None)
    assert status["settings"]["controllers"] == [Principal(anywhere.net.controller.principal).to_str()]
    await icp("canister", "stop", canister)
    assert (await icp("canister", "status", canister, "--json")).json["status"] == "Stopped"
    await icp("canister", "start", canister)
    assert (await icp("canister", "status", canister, "--json")).json["status"] == "Running"
    await icp("canister", "settings", "update", canister, "--freezing-threshold", "40d", "--force")
    status = (await icp("canister", "status", canister, "--json")).json
    assert status["settings"]["freezing_threshold"] == "3_456_000"
    before = int(status["cycles"].replace("_", ""))
    await icp("canister", "top-up", canister, "--amount", "3T")
    after = int((await icp("canister", "status", canister, "--json")).json["cycles"].replace("_", ""))
    assert after - before == pytest.approx(3 * 10**12, abs=10**8)
    balance = (await icp("cycles", "balance", "--json")).json
    assert "994_999_800_000_000" in json.dumps(balance)


async def test_code_calls_and_public_reads(anywhere: Operator) -> None:
    canister = await anywhere.install(fleet_module("registry"))
    assert "healthy = true" in await anywhere.ask(canister, "health", "()", "--query")
    await anywhere.ask(canister, "register_many", "(25 : nat, 7 : nat64)")
    assert "25" in await anywhere.ask(canister, "entry_count", "()", "--query")
    assert "service" in (await anywhere.icp("canister", "metadata", canister, "candid:service")).out
    public = (await anywhere.icp("canister", "status", canister, "--public", "--json")).json
    assert public["module_hash"].startswith("0x")


async def test_snapshots_to_disk_and_back(anywhere: Operator, counter: bytes, tmp_path: Path) -> None:
    icp, canister = anywhere.icp, await anywhere.install(counter)
    await anywhere.ask(canister, "inc", "()", "--output", "hex")
    assert await count(anywhere, canister) == NUMBER[101]
    await icp("canister", "stop", canister)
    taken = (await icp("canister", "snapshot", "create", canister, "--json")).json["snapshot_id"]
    listed = (await icp("canister", "snapshot", "list", canister, "--json")).json["snapshots"]
    assert [item["snapshot_id"] for item in listed] == [taken]
    await icp("canister", "snapshot", "download", canister, taken, "-o", str(tmp_path / "snapshot"))
    await icp("canister", "start", canister)
    await anywhere.ask(canister, "inc", "()", "--output", "hex")
    assert await count(anywhere, canister) == NUMBER[102]
    uploading = ("canister", "snapshot", "upload", canister, "-i", str(tmp_path / "snapshot"), "--json")
    uploaded = (await icp(*uploading)).json["snapshot_id"]
    assert uploaded != taken
    await icp("canister", "stop", canister)
    await icp("canister", "snapshot", "restore", canister, uploaded)
    await icp("canister", "start", canister)
    assert await count(anywhere, canister) == NUMBER[101]
    for snapshot in (taken, uploaded):
        await icp("canister", "snapshot", "delete", canister, snapshot)
    assert (await icp("canister", "snapshot", "list", canister, "--json")).json["snapshots"] == []


async def test_an_upgrade_keeps_the_data_of_a_motoko_canister(operator: Operator) -> None:
    module = fleet_module("registry")
    canister = await operator.install(module)
    await operator.ask(canister, "register_many", "(3 : nat, 1 : nat64)")
    path = operator.folder / "module.wasm"
    await operator.icp("canister", "install", canister, "--wasm", str(path), "--mode", "upgrade", "--yes")
    assert "3" in await operator.ask(canister, "entry_count", "()", "--query")
    await operator.icp("canister", "install", canister, "--wasm", str(path), "--mode", "reinstall", "--yes")
    assert "(0 : nat)" in await operator.ask(canister, "entry_count", "()", "--query")


async def test_a_module_larger_than_a_message_goes_in_chunks(operator: Operator, counter: bytes) -> None:
    section = b"\x07padding" + os.urandom(2_500_000)
    module = counter + b"\x00" + leb128.encode_unsigned(len(section)) + section
    canister = await operator.install(module)
    assert await count(operator, canister) == NUMBER[100]


async def test_logs(operator: Operator, counter: bytes) -> None:
    canister = await operator.install(counter)
    assert (await operator.icp("canister", "logs", canister)).out.strip() == ""
    await operator.ask(canister, "log", "()", "--output", "hex")
    lines = (await operator.icp("canister", "logs", canister)).out.strip().splitlines()
    assert len(lines) == 1


async def test_deleting_recovers_the_cycles(operator: Operator, counter: bytes) -> None:
    canister = await operator.install(counter)
    before = await balance(operator)
    await operator.icp("canister", "delete", canister)
    assert await balance(operator) - before > 10**12
    assert "not found" in await operator.icp.refused("canister", "status", canister)


async def test_deleting_without_recovery(operator: Operator) -> None:
    canister = await operator.create()
    await operator.icp("canister", "delete", canister, "--no-recover-cycles")
    assert "not found" in await operator.icp.refused("canister", "status", canister)


async def test_create_on_a_named_subnet_with_settings(operator: Operator) -> None:
    subnet = Principal(operator.net.server.subnet_id).to_str()
    options = ("--subnet", subnet, "--cycles", "5T", "--freezing-threshold", "50d")
    canister = (await operator.icp("canister", "create", "--detached", "--quiet", *options)).out.strip()
    status = (await operator.icp("canister", "status", canister, "--json")).json
    assert status["settings"]["freezing_threshold"] == "4_320_000"
    assert int(status["cycles"].replace("_", "")) == pytest.approx(4.5 * 10**12, abs=10**8)


async def test_the_ledger_answers_as_any_canister(operator: Operator) -> None:
    ledger = Principal(CYCLES_LEDGER_ID).to_str()
    assert await operator.ask(ledger, "icrc1_symbol", "()", "--query") == '("TCYCLES")'
    assert "100_000_000" in await operator.ask(ledger, "icrc1_fee")


async def test_answers_that_take_their_time_are_polled_for(icp_home: Icp) -> None:
    await icp_home("identity", "new", "patient", "--storage", "plaintext", everywhere=False)
    await icp_home("identity", "default", "patient", everywhere=False)
    async with local_network(delegated=True, sync_wait_seconds=0) as net:
        icp = icp_home.on(net.url, net.root_key)
        canister = (await icp("canister", "create", "--detached", "--quiet")).out.strip()
        await icp("canister", "stop", canister)
        assert (await icp("canister", "status", canister, "--json")).json["status"] == "Stopped"


@pytest.mark.parametrize("kind", sorted(KEY_KINDS))
async def test_identities_of_every_kind_are_accepted(icp_home: Icp, tmp_path: Path, kind: str) -> None:
    key = KEY_KINDS[kind]()
    form = PrivateFormat.PKCS8 if kind == "ed25519" else PrivateFormat.TraditionalOpenSSL
    pem = tmp_path / "key.pem"
    pem.write_bytes(key.private_bytes(Encoding.PEM, form, NoEncryption()))
    importing = ("identity", "import", kind, "--from-pem", str(pem), "--storage", "plaintext")
    await icp_home(*importing, everywhere=False)
    async with local_network() as net:
        icp = icp_home.on(net.url, net.root_key)
        canister = (await icp("canister", "create", "--detached", "--quiet", "--identity", kind)).out.strip()
        status = (await icp("canister", "status", canister, "--json", "--identity", kind)).json
    assert status["settings"]["controllers"] == [Principal(principal_of(key)).to_str()]


async def test_a_new_identity_owns_what_it_creates(icp_home: Icp) -> None:
    await icp_home("identity", "new", "fresh", "--storage", "plaintext", everywhere=False)
    principal = (await icp_home("identity", "principal", "--identity", "fresh", everywhere=False)).out.strip()
    async with local_network(delegated=True) as net:
        icp = icp_home.on(net.url, None)
        canister = (await icp("canister", "create", "--detached", "--quiet", "--identity", "fresh")).out.strip()
        status = (await icp("canister", "status", canister, "--json", "--identity", "fresh")).json
    assert status["settings"]["controllers"] == [principal]


async def test_the_fleet_is_there_under_its_real_ids(fleet_operator: Operator) -> None:
    for canister in (
        "pkrpq-5qaaa-aaaah-aroda-cai",
        "pnqje-qiaaa-aaaah-arodq-cai",
        "yz6hf-qqaaa-aaaah-arn5a-cai",
        "y67br-5iaaa-aaaah-arn5q-cai",
    ):
        assert "healthy = true" in await fleet_operator.ask(canister, "health", "()", "--query")
        assert (await fleet_operator.icp("canister", "status", canister, "--json")).json["status"] == "Running"


async def balance(operator: Operator) -> int:
    text = json.dumps((await operator.icp("cycles", "balance", "--json")).json)
    digits = "".join(character for character in text if character.isdigit())
    return int(digits)
