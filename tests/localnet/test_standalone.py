"""`quri-console localnet` as a process, and what its state folder keeps."""

from __future__ import annotations

import asyncio
import json
import signal
import stat
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from quri_console.config import load_config
from quri_console.errors import CorruptionError, ExitCode, LockedError
from quri_console.ic.encoding import candid, cbor
from quri_console.ic.encoding.principal import Principal, parse_principal
from quri_console.localnet.builtins import CYCLES_LEDGER_ID
from quri_console.localnet.builtins import cycles_ledger_types as types
from quri_console.localnet.standalone import StandaloneOptions, standalone
from tests.support.raw_client import RawClient, key_from_pem

EMPTY = StandaloneOptions(fleet=False)


async def balance(client: RawClient) -> int:
    account = {"owner": Principal(client.sender), "subaccount": []}
    argument = candid.encode([types.ACCOUNT], [account])
    answer = cbor.decode((await client.query(CYCLES_LEDGER_ID, "icrc1_balance_of", argument)).content)
    return int(candid.decode(answer["reply"]["arg"], [candid.Types.Nat])[0])


async def test_without_a_state_folder_nothing_stays() -> None:
    async with standalone(EMPTY) as announcement:
        folder = announcement.config.parent
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert not folder.exists()


async def test_the_state_folder_keeps_the_network(tmp_path: Path) -> None:
    options = StandaloneOptions(fleet=False, extra=1, state=tmp_path / "net")
    async with standalone(options) as first:
        config = load_config(first.config)
        canister = parse_principal(config.canisters[0].id)
        async with RawClient(first.url, key_from_pem(first.controller_pem.read_bytes())) as client:
            withdrawal = {"amount": 10**12, "from_subaccount": [], "to": canister, "created_at_time": []}
            argument = candid.encode([types.WITHDRAW_ARGUMENT], [withdrawal])
            assert (await client.send(client.call_content(CYCLES_LEDGER_ID, "withdraw", argument))).status_code == 200
            left = await balance(client)
    async with standalone(options) as second:
        assert second.root_key == first.root_key
        assert second.controller == first.controller
        async with RawClient(second.url, key_from_pem(second.controller_pem.read_bytes())) as client:
            assert await balance(client) == left < 999 * 10**12
            path = [b"canister", canister.bytes, b"module_hash"]
            assert (await client.read_state(canister.bytes, [path])).status_code == 200
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "net").iterdir()}
    assert set(modes.values()) == {0o700, 0o600}


async def test_a_state_folder_serves_one_network(tmp_path: Path) -> None:
    options = StandaloneOptions(fleet=False, state=tmp_path)
    async with standalone(options):
        with pytest.raises(LockedError, match="Another local network uses") as caught:
            async with standalone(options):
                pytest.fail("two networks share a folder")
    assert caught.value.exit_code is ExitCode.LOCKED
    async with standalone(options):
        pass


@pytest.mark.parametrize(("name", "content"), [("network.seed", b"short"), ("cycles-ledger.json", b"{}")])
async def test_a_damaged_folder_is_named(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(CorruptionError, match=name):
        async with standalone(StandaloneOptions(fleet=False, state=tmp_path)):
            pytest.fail("a damaged folder was taken")


async def start(*arguments: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "quri_console", "localnet", *arguments, stdout=-1, stderr=-1
    )


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_the_command_announces_itself_in_one_line_and_ends_when_asked(
    tmp_path: Path, number: signal.Signals
) -> None:
    process = await start("--json", "--empty", "--delegated", "--latency", "1", "--state", str(tmp_path))
    assert process.stdout is not None
    line: dict[str, Any] = json.loads(await process.stdout.readline())
    assert line.keys() == {"url", "root_key", "config"}
    config = load_config(Path(line["config"]))
    assert config.network().root_key == bytes.fromhex(line["root_key"])
    async with httpx.AsyncClient() as http:
        status = cbor.decode((await http.get(line["url"] + "/api/v2/status")).content)
    assert status["root_key"].hex() == line["root_key"]
    process.send_signal(number)
    out, err = await process.communicate()
    assert (process.returncode, out, err) == (0, b"", b"")
    assert (tmp_path / "canisters").is_dir()


async def test_the_command_tells_people_what_they_need() -> None:
    process = await start("--empty")
    assert process.stdout is not None
    lines = [await process.stdout.readline() for _ in range(4)]
    text = b"".join(lines).decode()
    for word in ("http://127.0.0.1:", "root key    3081", "config.toml", "controller.pem"):
        assert word in text
    process.terminate()
    await process.communicate()


async def test_a_taken_port_is_an_error_with_its_exit_code() -> None:
    async with standalone(EMPTY) as announcement:
        process = await start("--empty", "--port", announcement.url.rpartition(":")[2])
        _, err = await process.communicate()
    assert process.returncode == ExitCode.NETWORK
    assert b"cannot listen" in err
