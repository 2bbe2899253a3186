from __future__ import annotations

import re
import signal
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from quri_console.console import Console
from quri_console.ic.encoding.principal import parse_principal
from quri_console.localnet.canister import RunState
from quri_console.localnet.configuration import write_private
from quri_console.localnet.demo_fleet import FLEET
from quri_console.localnet.faults import Delay, FaultRule
from quri_console.service.resuming import resume
from tests.support.guinea_pig import read_back
from tests.support.key_holders import age_holder
from tests.support.operator_command import Operator, operator_on_fleet
from tests.support.runners import kill_runner

NAMES = [item.name for item in FLEET]


@pytest.fixture
async def operator(tmp_path: Path) -> AsyncIterator[Operator]:
    async with operator_on_fleet(tmp_path) as opened:
        yield opened


def _canister(operator: Operator, name: str):  # type: ignore[no-untyped-def]  # the network's own record of it
    identifier = next(item.id for item in FLEET if item.name == name)
    return operator.net.network.subnet.get(parse_principal(identifier).bytes)


async def test_the_whole_fleet_is_backed_up_listed_and_verified(operator: Operator) -> None:
    backup = await operator("backup")
    assert backup.code == 0, backup.errors
    assert f"holds {', '.join(NAMES)}" in backup.output
    assert "stop → take a snapshot → start → download and verify" in backup.errors
    (name,) = operator.backups()
    assert [entry.name for entry in operator.stored(NAMES[0]).manifest.canisters] == NAMES
    listed = await operator("list")
    assert name in listed.output
    assert (await operator("verify", "--all")).code == 0
    assert (await operator("show", name, "--json")).json()["state"] == "whole"
    for name in NAMES:
        assert _canister(operator, name).run_state is RunState.RUNNING
        # all are of high criticality here: their newest snapshot stays on chain
        assert len(_canister(operator, name).snapshots) == 1


async def test_a_backup_is_also_json(operator: Operator) -> None:
    backup = await operator("backup", "registry", "--json", "--reason", "before the upgrade")
    document = backup.json()
    assert (backup.code, document["exit_code"], document["state"]) == (0, 0, "whole")
    assert [entry["name"] for entry in document["canisters"]] == ["registry"]
    assert (document["backup"],) == operator.backups()
    assert read_back(operator.stored("registry"))


async def test_the_end_of_the_first_backup_tells_sizes_bill_and_that_it_is_not_encrypted(operator: Operator) -> None:
    backup = await operator("backup", "registry")
    lines = backup.output.splitlines()
    assert re.fullmatch(r"  registry: [\d.]+ \w+ of state, [\d.]+ \w+ of it new; [\d.]+ B cycles spent", lines[1])
    assert re.fullmatch(r"  In all [\d.]+ \w+ of state, [\d.]+ \w+ stored, in .*; [\d.]+ B cycles spent\.", lines[2])
    assert lines[3] == "The repository is not encrypted: whoever copies it can read it."
    assert "`quri-console init --recipient age1…`" in backup.output
    assert lines[-1] == f"Next: `quri-console verify {operator.backups()[-1]}`"
    again = await operator("backup", "registry", "--json")
    document = again.json()
    (entry,) = document["canisters"]
    assert (document["encryption"], document["first"]) == ("none", False)
    assert entry["cycles"] == entry["cycles_before"] - entry["cycles_after"] == document["cycles"] > 2_000_000_000
    assert document["duration_seconds"] > 0
    assert document["next"] == f"quri-console verify {document['backup']}"
    third = await operator("backup", "registry")
    assert "not encrypted" not in third.output


async def test_a_dry_run_prints_its_plan_on_standard_output(operator: Operator) -> None:
    planned = await operator("backup", "registry", "--dry-run")
    assert (planned.code, planned.errors) == (0, "")
    assert "stop → take a snapshot → start → download and verify" in planned.output
    assert planned.output.endswith("Dry run: nothing was changed.\n")


async def test_a_dry_run_without_the_key_ends_as_the_backup_would(operator: Operator) -> None:
    alice = age_holder()
    made = await operator("init", "--recipient", alice.way.recipient)
    assert made.code == 0, made.errors
    planned = await operator("backup", "registry", "--dry-run")
    real = await operator("backup", "registry")
    assert (planned.code, real.code) == (12, 12)
    for ended in (planned, real):
        assert "No key was given for the repository" in ended.errors
    assert "registry, running" in planned.output
    as_json = await operator("backup", "registry", "--dry-run", "--json")
    assert as_json.code == 12
    assert "`identity`" in as_json.json()["key_problem"]["next"]
    identity = operator.folder / "identity.txt"
    write_private(identity, alice.text.encode())
    with operator.config.open("a") as config:
        config.write(f'\n[repository]\nidentity = "{identity}"\n')
    assert (await operator("backup", "registry", "--dry-run")).code == 0
    first = await operator("backup", "registry")
    assert (first.code, "not encrypted" in first.output) == (0, False)


async def test_a_dry_run_changes_nothing(operator: Operator) -> None:
    planned = await operator("backup", "--dry-run", "--json")
    document = planned.json()
    assert planned.code == 0
    assert [part["name"] for part in document["canisters"]] == NAMES
    assert document["estimated_cycles"] > 4 * 2_000_000_000
    assert not operator.repository.exists()
    assert all(_canister(operator, name).snapshots_made == 0 for name in NAMES)


async def test_one_canister_that_cannot_be_backed_up_makes_the_set_partial(operator: Operator) -> None:
    registry = _canister(operator, "registry")
    registry.settings = replace(registry.settings, controllers=(b"\x01" * 28 + b"\x02",))
    backup = await operator("backup", "registry", "rune-engine", "--json")
    document = backup.json()
    assert backup.code == 3
    assert [failure["name"] for failure in document["failures"]] == ["registry"]
    assert "does not control registry" in document["failures"][0]["what"]
    assert "registry: cannot be backed up" in backup.errors
    assert document["next"] == f"quri-console verify {document['backup']}"
    assert [entry.name for entry in operator.stored("rune-engine").manifest.canisters] == ["rune-engine"]
    alone = await operator("backup", "registry")
    assert alone.code == 15
    assert len(operator.backups()) == 1
    assert operator.unfinished() == ()


async def test_production_needs_force_and_the_typed_name(operator: Operator) -> None:
    operator.edit("production = false", "production = true")
    for arguments in ((), ("--force",), ("--confirm", "local/registry"), ("--force", "--confirm", "local/rune-engine")):
        refused = await operator("backup", "registry", *arguments)
        assert refused.code == 14, refused.errors
    assert _canister(operator, "registry").snapshots_made == 0
    allowed = await operator("backup", "registry", "--force", "--confirm", "local/registry")
    assert allowed.code == 0, allowed.errors


async def test_read_only_refuses(operator: Operator) -> None:
    refused = await operator("--read-only", "backup", "registry")
    assert refused.code == 14
    assert _canister(operator, "registry").snapshots_made == 0


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("nobody",), 2),
        (("registry", "--all"), 2),
        (("--mode", "warm"), 2),
        (("--stop-timeout", "soon"), 2),
        (("--stop-timeout", "0s"), 2),
    ],
)
async def test_wrong_usage_is_said(operator: Operator, arguments: tuple[str, ...], code: int) -> None:
    assert (await operator("backup", *arguments)).code == code


async def test_a_key_that_others_may_read_is_refused(operator: Operator) -> None:
    (operator.folder / "controller.pem").chmod(0o644)
    refused = await operator("backup", "registry")
    assert refused.code != 0
    assert "controller.pem" in refused.errors


async def test_the_backup_goes_on_when_the_command_is_killed(operator: Operator) -> None:
    operator.net.faults.add(FaultRule(Delay(0.2), method="read_canister_snapshot_data", count=None))
    process = await operator.start("backup", "registry", "--json")
    assert process.stderr is not None
    while b'"phase": "download"' not in await process.stderr.readline():
        pass
    process.send_signal(signal.SIGKILL)
    await process.wait()
    assert operator.backups() == ()
    outcome = await Console.open(config_path=operator.config).follow("latest").wait()
    assert outcome.ok
    assert read_back(operator.stored("registry"))


async def test_a_backup_whose_runner_is_killed_is_resumed(operator: Operator) -> None:
    operator.net.faults.add(FaultRule(Delay(0.2), method="read_canister_snapshot_data", count=None))
    process = await operator.start("backup", "registry", "--json")
    assert process.stderr is not None
    while b'"phase": "download"' not in await process.stderr.readline():
        pass
    handle = Console.open(config_path=operator.config).follow("latest")
    kill_runner(handle.directory)
    assert await process.wait() == 1
    assert len(operator.unfinished()) == 1
    operator.net.faults.clear()
    outcome = await resume(Console.open(config_path=operator.config).session, handle.id).wait()
    assert outcome.ok, outcome
    assert operator.unfinished() == ()
    assert len(operator.backups()) == 1
    assert list(_canister(operator, "registry").snapshots) == [operator.stored("registry").entry.snapshot_id]
    assert read_back(operator.stored("registry"))
    assert _canister(operator, "registry").run_state is RunState.RUNNING
