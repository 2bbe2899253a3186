from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from quri_console.ic.agent import Agent
from quri_console.ic.encoding.principal import parse_principal
from quri_console.ic.identity import load_identity
from quri_console.ic.management import snapshot_change
from quri_console.ic.management.read import list_canister_snapshots
from quri_console.ic.prepared import perform
from quri_console.localnet.demo_fleet import FLEET
from quri_console.localnet.faults import FaultRule, Refuse
from tests.support.operator_command import Operator, operator_on_fleet

NAME = "registry"
CANISTER = parse_principal(next(item.id for item in FLEET if item.name == NAME))


@pytest.fixture
async def operator(tmp_path: Path) -> AsyncIterator[Operator]:
    async with operator_on_fleet(tmp_path) as opened:
        yield opened


async def test_one_with_a_young_backup_is_ready_and_what_nobody_proved_is_said(operator: Operator) -> None:
    assert (await operator("backup", NAME)).code == 0
    ready = await operator("ready", NAME)
    assert ready.code == 0, ready.output
    assert "registry  ready" in ready.output
    assert "1 of 1 ready" in ready.output
    assert "quri-console rehearse" in ready.output
    assert (await operator("verify", "latest")).code == 0
    told = (await operator("ready", NAME, "--json")).json()
    assert told["ready"] is True
    (item,) = told["canisters"]
    assert item["restore_point"]["verified_at_ns"] is not None
    assert {"controller", "snapshot slots", "cycles", "restore point", "age"} <= {c["name"] for c in item["checks"]}


async def test_without_a_backup_it_says_so_and_an_alert_tells_of_it(operator: Operator) -> None:
    told = await operator("ready", NAME)
    assert told.code == 14
    assert "NOT READY" in told.output
    assert f"Take one: quri-console backup {NAME}" in told.output
    assert "0 of 1 ready" in told.output
    monitored = await operator("monitor", "--json")
    assert "not ready for a restore: restore point: none that is whole" in monitored.output
    assert (await operator("backup", NAME)).code == 0
    assert (await operator("ready", NAME)).code == 0
    assert "not ready for a restore" not in (await operator("monitor", "--json")).output


async def test_full_slots_are_named_with_what_to_do(operator: Operator, tmp_path: Path) -> None:
    assert (await operator("backup", NAME)).code == 0
    identity = load_identity(tmp_path / "controller.pem")
    async with Agent(operator.net.url, root_key=operator.net.root_key, identity=identity) as agent:
        while len(await list_canister_snapshots(agent, CANISTER)) < 10:
            await perform(agent, snapshot_change.take_canister_snapshot(CANISTER))
    told = await operator("ready", NAME)
    assert told.code == 14
    assert "snapshot slots: 10 of 10 used" in told.output


async def test_somebody_who_does_not_control_it_is_told_so(operator: Operator, tmp_path: Path) -> None:
    from quri_console.localnet.configuration import Controller, write_private

    assert (await operator("backup", NAME)).code == 0
    write_private(tmp_path / "controller.pem", Controller.make().pem)
    told = await operator("ready", NAME)
    assert told.code == 14
    assert "does not show its status to this identity" in told.output


async def test_the_whole_fleet_is_asked_when_nobody_is_named(operator: Operator) -> None:
    told = await operator("ready", "--json")
    assert told.code == 14
    assert [item["name"] for item in told.json()["canisters"]] == [item.name for item in FLEET]
    unknown = await operator("ready", "nobody")
    assert unknown.code == 2


async def test_one_that_does_not_answer_hides_no_other_and_is_not_kept_as_not_ready(operator: Operator) -> None:
    assert (await operator("backup", NAME)).code == 0
    silent = next(item for item in FLEET if item.name == "rune-engine")
    principal = parse_principal(silent.id).bytes
    operator.net.server.faults.add(FaultRule(Refuse(400, text="no"), canister=principal, count=None))
    told = await operator("ready", NAME, "rune-engine")
    assert told.code == 14
    assert "registry  ready" in told.output
    assert "it could not be looked at" in told.output
    operator.net.server.faults.clear()
    assert "not ready for a restore" not in (await operator("monitor", "--json")).output
