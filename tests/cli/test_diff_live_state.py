from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from quri_console.ic.agent import Agent
from quri_console.ic.encoding import candid
from quri_console.ic.encoding.principal import parse_principal
from quri_console.ic.identity import identity_from_pem
from quri_console.localnet.demo_fleet import FLEET
from tests.support.bad_input import failed
from tests.support.operator_command import Operator, operator_on_fleet

REGISTRY = next(item.id for item in FLEET if item.name == "registry")


@pytest.fixture
async def operator(tmp_path: Path) -> AsyncIterator[Operator]:
    async with operator_on_fleet(tmp_path) as opened:
        assert (await opened("backup", "registry")).code == 0
        yield opened


async def test_the_memory_of_a_live_canister_is_compared_by_taking_it_first(operator: Operator) -> None:
    async with Agent(
        operator.net.url, root_key=operator.net.root_key, identity=identity_from_pem(operator.net.controller.pem)
    ) as agent:
        argument = candid.encode([candid.Types.Nat], [3])
        await agent.update(parse_principal(REGISTRY), "corrupt", argument)
    (before,) = operator.backups()
    compared = await operator("diff", f"{before}/registry", "live", "--take-snapshot", "--yes", "--json")
    assert compared.code == 0, compared.errors
    assert "≈" in compared.errors  # the bill
    assert len(operator.backups()) == 2
    assert operator.stored("registry").mode == "hot"
    (comparison,) = compared.json()["comparisons"]
    assert comparison["memory"], comparison.keys()


async def test_nobody_is_charged_without_being_asked(operator: Operator) -> None:
    assert "--yes" in failed(await operator("diff", "latest/registry", "live", "--take-snapshot"), 2)
    assert "live" in failed(await operator("diff", "latest/registry", "latest/registry", "--take-snapshot"), 2)
    assert len(operator.backups()) == 1
