from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from quri_console.console import Console
from quri_console.ic import ledger
from quri_console.ic.agent import Agent
from quri_console.ic.encoding import candid
from quri_console.ic.encoding.candid import Types
from quri_console.ic.encoding.principal import parse_principal
from quri_console.ic.identity import load_identity
from quri_console.ic.management.read import canister_status
from quri_console.ic.rejection import Rejected
from quri_console.localnet.canister import Canister
from quri_console.localnet.demo_fleet import FLEET
from quri_console.localnet.faults import Delay, DropAfter, FaultRule
from tests.support.operator_command import Operator, operator_on_fleet
from tests.support.runners import kill_runner

NAME = "rune-engine"
CANISTER = parse_principal(next(item.id for item in FLEET if item.name == NAME))
TRILLION = 10**12


@dataclass
class Scene:
    operator: Operator
    agent: Agent

    @property
    def on_network(self) -> Canister:
        return self.operator.net.network.subnet.get(CANISTER.bytes)

    async def digest(self) -> int:
        return int(candid.decode(await self.agent.query(CANISTER, "digest", candid.encode([], [])), [Types.Nat64])[0])

    async def ledger_balance(self, subaccount: bytes | None = None) -> int:
        return await ledger.balance_of(self.agent, self.agent.identity.sender, subaccount)

    def run_dry(self) -> None:
        """Let its cycles run out, as the network does: code, state and snapshots go."""
        self.on_network.cycles = 0
        self.operator.net.network.subnet._run_dry(self.on_network)


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    async with operator_on_fleet(tmp_path) as operator:
        identity = load_identity(tmp_path / "controller.pem")
        async with Agent(operator.net.url, root_key=operator.net.root_key, identity=identity) as agent:
            yield Scene(operator, agent)


async def test_a_frozen_canister_is_topped_up_and_answers_again(scene: Scene) -> None:
    good = await scene.digest()
    limit = (await canister_status(scene.agent, CANISTER)).freezing_limit_cycles
    scene.on_network.cycles = limit * 9 // 10
    with pytest.raises(Rejected):
        await scene.agent.update(CANISTER, "corrupt", candid.encode([Types.Nat], [3]))
    before = await scene.ledger_balance()
    planned = await scene.operator("topup", NAME, "2T", "--dry-run")
    assert planned.code == 0, planned.errors
    assert "It is frozen now" in planned.output
    assert "its balance goes from 1000 T to 998 T" in planned.output
    assert await scene.ledger_balance() == before
    done = await scene.operator("topup", NAME, "2T", "--json")
    assert done.code == 0, done.errors
    assert done.json()["result"]["cycles"] == 2 * TRILLION
    assert await scene.ledger_balance() == before - 2 * TRILLION - ledger.WITHDRAWAL_FEE_CYCLES
    assert scene.on_network.cycles > 1.9 * TRILLION
    assert await scene.digest() == good
    await scene.agent.update(CANISTER, "corrupt", candid.encode([Types.Nat], [3]))


async def test_a_lost_reply_of_the_ledger_does_not_pay_twice(scene: Scene) -> None:
    before, cycles = await scene.ledger_balance(), scene.on_network.cycles
    rule = FaultRule(DropAfter(), route="call", canister=ledger.CYCLES_LEDGER.bytes, method="withdraw", count=3)
    scene.operator.net.server.faults.add(rule)
    done = await scene.operator("topup", NAME, "1T", "--json")
    assert done.code == 0, done.errors
    assert rule.applied
    assert await scene.ledger_balance() == before - TRILLION - ledger.WITHDRAWAL_FEE_CYCLES
    assert scene.on_network.cycles - cycles < 1.01 * TRILLION


async def test_more_than_the_ledger_has_is_refused_before_anything_is_paid(scene: Scene) -> None:
    before = await scene.ledger_balance()
    refused = await scene.operator("topup", NAME, "2000T")
    assert refused.code == 14
    assert "on the cycles ledger" in refused.errors
    empty = await scene.operator("topup", NAME, "1T", "--from-subaccount", "07")
    assert empty.code == 14
    assert await scene.ledger_balance() == before


@pytest.mark.parametrize("arguments", [("1X",), ("0",), ("1T", "--from-subaccount", "zz"), ("1T", "--confirm", "")])
async def test_what_is_no_amount_or_account_is_a_usage_error(scene: Scene, arguments: tuple[str, ...]) -> None:
    refused = await scene.operator("topup", NAME, *arguments)
    assert refused.code == 2, refused.errors


async def test_production_asks_for_force_and_the_typed_name(scene: Scene) -> None:
    scene.operator.edit("production = false", "production = true")
    before = await scene.ledger_balance()
    assert (await scene.operator("topup", NAME, "1T")).code == 2
    assert (await scene.operator("topup", NAME, "1T", "--confirm", f"local/{NAME}")).code == 14
    assert (await scene.operator("topup", NAME, "1T", "--force", "--confirm", "local/registry")).code == 14
    assert await scene.ledger_balance() == before
    done = await scene.operator("topup", NAME, "1T", "--force", "--confirm", f"local/{NAME}")
    assert done.code == 0, done.errors


async def test_one_that_ran_dry_is_topped_up_and_restored_from_its_backup(scene: Scene) -> None:
    good = await scene.digest()
    assert (await scene.operator("backup", NAME)).code == 0
    scene.run_dry()
    told = await scene.operator("ready", NAME)
    assert told.code == 14
    assert "it has no code: it needs a restore now" in told.output
    done = await scene.operator("topup", NAME, "3T")
    assert done.code == 0, done.errors
    restored = await scene.operator("restore", NAME, "--from", "latest", "--confirm", f"local/{NAME}")
    assert restored.code == 0, restored.errors
    assert await scene.digest() == good


async def test_a_runner_that_is_killed_after_it_paid_pays_nothing_when_resumed(scene: Scene) -> None:
    before = await scene.ledger_balance()
    # it is paid, and the answer does not come in time
    rule = FaultRule(Delay(20, after=True), route="call", canister=ledger.CYCLES_LEDGER.bytes, method="withdraw")
    scene.operator.net.server.faults.add(rule)
    following = await scene.operator.start("topup", NAME, "1T", "--json")
    async with asyncio.timeout(60):
        while await scene.ledger_balance() == before:
            pass  # each look takes its time
    operation = Console.open(config_path=scene.operator.config).follow("latest")
    kill_runner(operation.directory)
    await following.communicate()
    resumed = await scene.operator("operations", "resume", operation.id)
    assert resumed.code == 0, resumed.errors
    assert await scene.ledger_balance() == before - TRILLION - ledger.WITHDRAWAL_FEE_CYCLES
    assert "it was paid once" in resumed.output
