from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from quri_console.ic.encoding.principal import parse_principal
from quri_console.ic.ledger import CYCLES_LEDGER, WITHDRAWAL_FEE_CYCLES, balance_of
from quri_console.ic.management import change
from quri_console.ic.prepared import perform
from quri_console.localnet.faults import DropAfter, FaultRule
from tests.support.damaged_canister import CANISTER, CONFIRM, NAME, Scene, damaged_canister


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    async with damaged_canister(tmp_path) as opened:
        yield opened


async def _delete(scene: Scene) -> None:
    await perform(scene.agent, change.stop_canister(CANISTER))
    await perform(scene.agent, change.delete_canister(CANISTER))


async def test_a_deleted_canister_is_created_anew_and_restored_under_another_id(scene: Scene) -> None:
    settings = scene.on_network.settings
    await _delete(scene)
    helps = await scene.operator("restore", NAME, "--dry-run")
    assert f"quri-console create {NAME} --from " in helps.output
    told = await scene.operator("ready", NAME)
    assert told.code == 14
    assert "the network knows no such canister" in told.output
    # the first answers of the ledger get lost: it pays once all the same
    rule = FaultRule(DropAfter(), route="call", canister=CYCLES_LEDGER.bytes, method="create_canister", count=2)
    scene.operator.net.server.faults.add(rule)
    before = await balance_of(scene.agent, scene.agent.identity.sender)
    created = await scene.operator("create", NAME, "--from", "latest", "--cycles", "3T", *CONFIRM, "--json")
    assert created.code == 0, created.errors
    assert rule.applied
    assert await balance_of(scene.agent, scene.agent.identity.sender) == before - 3 * 10**12 - WITHDRAWAL_FEE_CYCLES
    result = created.json()["result"]
    new = parse_principal(result["new_canister"])
    assert new != CANISTER
    made = scene.operator.net.network.subnet.get(new.bytes)
    assert made.settings.controllers == settings.controllers
    assert made.settings.freezing_threshold == settings.freezing_threshold
    following = result["next"].split()[1:]
    assert following[-1] == "--start"
    restored = await scene.operator(*following, "--confirm", f"local/{new.to_str()}")
    assert restored.code == 0, restored.errors
    from quri_console.ic.encoding import candid
    from quri_console.ic.encoding.candid import Types

    reply = await scene.agent.query(new, "digest", candid.encode([], []))
    assert candid.decode(reply, [Types.Nat64])[0] == scene.good


async def test_one_that_exists_is_not_created_anew(scene: Scene) -> None:
    refused = await scene.operator("create", NAME, "--from", "latest", *CONFIRM)
    assert refused.code == 14
    assert "it still exists" in refused.errors
    assert "quri-console restore" in refused.errors


async def test_too_few_cycles_and_no_confirmation_are_refused_before_anything_is_paid(scene: Scene) -> None:
    await _delete(scene)
    before = await balance_of(scene.agent, scene.agent.identity.sender)
    assert (await scene.operator("create", NAME, "--from", "latest")).code == 2
    poor = await scene.operator("create", NAME, "--from", "latest", "--cycles", "400B", *CONFIRM)
    assert poor.code == 14
    assert "Give more: --cycles" in poor.errors
    assert await balance_of(scene.agent, scene.agent.identity.sender) == before
