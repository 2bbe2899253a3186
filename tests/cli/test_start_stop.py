from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from quri_console.ic.encoding.principal import parse_principal
from quri_console.localnet.canister import Canister
from quri_console.localnet.demo_fleet import FLEET
from tests.support.operator_command import Operator, operator_on_fleet

NAME = "registry"
CANISTER = parse_principal(next(item.id for item in FLEET if item.name == NAME))


@pytest.fixture
async def operator(tmp_path: Path) -> AsyncIterator[Operator]:
    async with operator_on_fleet(tmp_path) as opened:
        yield opened


def _on_network(operator: Operator) -> Canister:
    return operator.net.network.subnet.get(CANISTER.bytes)


async def test_a_canister_is_stopped_stays_so_and_is_started_again(operator: Operator) -> None:
    stopped = await operator("stop", NAME, "--json")
    assert stopped.code == 0, stopped.errors
    assert stopped.json()["result"]["status"] == "stopped"
    assert _on_network(operator).run_state == "stopped"
    # nothing takes it for left behind, and the child that guards a stop does not start it
    doctor = await operator("doctor")
    assert "no canister was left stopped" in doctor.output
    assert _on_network(operator).run_state == "stopped"
    started = await operator("start", NAME)
    assert started.code == 0, started.errors
    assert _on_network(operator).run_state == "running"
    assert "was started" in started.output
    assert "answered" in started.output


async def test_a_dry_run_shows_the_plan_and_does_nothing(operator: Operator) -> None:
    planned = await operator("stop", NAME, "--dry-run")
    assert planned.code == 0, planned.errors
    assert "Stop registry on local" in planned.output
    assert "Dry run: nothing was changed." in planned.output
    assert _on_network(operator).run_state == "running"
    assert "no operation" in (await operator("operations", "list")).output.lower()


async def test_starting_what_runs_is_refused_and_says_so(operator: Operator) -> None:
    refused = await operator("start", NAME)
    assert refused.code == 14
    assert "It runs already" in refused.errors


async def test_production_needs_force_and_the_typed_name(operator: Operator) -> None:
    operator.edit("production = false", "production = true")
    for arguments, code in (((), 2), (("--confirm", "local/registry"), 14), (("--force", "--confirm", "local/x"), 14)):
        refused = await operator("stop", NAME, *arguments)
        assert refused.code == code, refused.errors
    assert _on_network(operator).run_state == "running"
    done = await operator("stop", NAME, "--force", "--confirm", f"local/{NAME}")
    assert done.code == 0, done.errors
    assert _on_network(operator).run_state == "stopped"


async def test_a_read_only_console_stops_and_starts_nothing(operator: Operator) -> None:
    for command in (("stop", NAME), ("start", NAME), ("topup", NAME, "1T"), ("create", NAME, "--from", "latest")):
        refused = await operator("--read-only", *command)
        assert refused.code == 14, refused.errors
        assert "read-only" in refused.errors
    assert (await operator("--read-only", "stop", NAME, "--dry-run")).code == 0
    assert _on_network(operator).run_state == "running"
