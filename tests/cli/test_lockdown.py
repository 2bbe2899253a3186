"""Lockdown: said everywhere, nothing leads further, and what was stopped is brought back."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from quri_console.config import load_config
from quri_console.ic.encoding.principal import parse_principal
from quri_console.localnet.canister import RunState
from quri_console.localnet.faults import Delay, FaultRule
from tests.support.operator_command import Operator, operator_on_fleet

NAME = "rune-engine"


@pytest_asyncio.fixture
async def operator(tmp_path: Path) -> AsyncIterator[Operator]:
    async with operator_on_fleet(tmp_path) as found:
        yield found


async def test_it_is_put_on_and_lifted_with_a_reason_and_says_so(operator: Operator) -> None:
    assert (await operator("lockdown", "status")).output == "Lockdown is off.\n"
    assert (await operator("lockdown", "on")).code == 2
    assert (await operator("lockdown", "on", "--reason", " ")).code == 2
    put = await operator("lockdown", "on", "--reason", "INC-42: hands off")
    assert put.code == 0
    assert "Lockdown is ON" in put.output
    told = (await operator("lockdown", "status", "--json")).json()
    assert (told["on"], told["reason"]) == (True, "INC-42: hands off")
    assert told["since"]
    assert "@" in told["by"]
    assert (await operator("--read-only", "lockdown", "off", "--reason", "done")).code == 14
    assert (await operator("lockdown", "off", "--reason", "done")).code == 0
    assert (await operator("lockdown", "off", "--reason", "done")).output == "Lockdown was not on.\n"
    events = (await operator("audit", "show", "--json")).json()["events"]
    assert [(event["action"], event["reason"]) for event in events] == [
        ("lockdown on", "INC-42: hands off"),
        ("lockdown off", "done"),
    ]


@pytest.mark.parametrize(
    "command", [("status",), ("status", "--live"), ("monitor",), ("doctor",), ("lockdown", "status")]
)
async def test_it_is_shown_wherever_the_fleet_is(operator: Operator, command: tuple[str, ...]) -> None:
    await operator("lockdown", "on", "--reason", "INC-42")
    shown = await operator(*command)
    assert "LOCKDOWN" in shown.output.upper()
    assert "INC-42" in shown.output


async def test_the_watch_says_it(operator: Operator) -> None:
    await operator("lockdown", "on", "--reason", "INC-42")
    watch = await operator.start("watch", "--json")
    assert watch.stdout is not None
    async with asyncio.timeout(30):
        while "LOCKDOWN" not in json.loads(await watch.stdout.readline())["text"]:
            pass
    watch.terminate()
    await watch.communicate()


async def test_nothing_is_started_while_it_is_on(operator: Operator) -> None:
    await operator("lockdown", "on", "--reason", "INC-42")
    refused = await operator("backup", NAME)
    assert refused.code == 14
    assert "lockdown is on" in refused.errors
    assert "INC-42" in refused.errors
    assert operator.backups() == ()
    assert not load_config(operator.config).paths.operations.exists()
    refusals = [e for e in (await operator("audit", "show", "--json")).json()["events"] if e["action"] == "refused"]
    assert [(event["kind"], event["target"]) for event in refusals] == [("backup", NAME)]
    await operator("lockdown", "off", "--reason", "over")
    assert (await operator("backup", NAME)).code == 0


async def test_an_operation_that_runs_ends_before_its_next_effect_and_gives_the_canister_back(
    operator: Operator,
) -> None:
    config = load_config(operator.config)
    on_network = operator.net.network.subnet.get(parse_principal(config.canister(NAME).id).bytes)
    rule = operator.net.faults.add(FaultRule(Delay(3, after=True), method="stop_canister"))
    command = await operator.start("backup", NAME, "--json")
    async with asyncio.timeout(60):
        while on_network.run_state is not RunState.STOPPED:  # noqa: ASYNC110 - the network is watched
            await asyncio.sleep(0.02)
    assert (await operator("lockdown", "on", "--reason", "INC-42")).code == 0
    output, errors = await command.communicate()
    assert command.returncode == 14, (output, errors)
    assert "lockdown is on" in output.decode()
    assert on_network.run_state is RunState.RUNNING
    assert not on_network.snapshots
    assert rule is not None
    resumed = await operator("operations", "resume", "latest")
    assert resumed.code == 14
    await operator("lockdown", "off", "--reason", "over")
    assert (await operator("operations", "resume", "latest")).code == 0
    assert len(operator.backups()) == 1
