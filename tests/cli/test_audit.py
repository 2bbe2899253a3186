"""The audit log of real operations: who did what and why, without secrets; and nothing is done that it cannot tell."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from quri_console.config import load_config
from quri_console.effects.audit_log import AuditLog
from quri_console.effects.durable import StateFolderUnusable
from quri_console.ic.encoding.principal import parse_principal
from quri_console.localnet.canister import RunState
from quri_console.localnet.configuration import CONTROLLER_FILE
from quri_console.localnet.faults import Delay, FaultRule
from tests.support.operator_command import Operator, operator_on_fleet
from tests.support.privileges import small_disk

NAME = "rune-engine"
CHANNEL = "https://hooks.example/services/T0/very-secret"


@pytest_asyncio.fixture
async def operator(tmp_path: Path) -> AsyncIterator[Operator]:
    async with operator_on_fleet(tmp_path) as found:
        yield found


def _audit(operator: Operator) -> Path:
    return load_config(operator.config).paths.state / "audit"


async def test_a_backup_is_told_from_its_plan_to_its_outcome(operator: Operator) -> None:
    text = operator.config.read_text()
    (operator.config.parent / "channel").write_text(CHANNEL)
    (operator.config.parent / "channel").chmod(0o600)
    operator.config.write_text(f'{text}\n[channels.ops]\nkind = "slack"\nurl = "{CHANNEL}"\n')
    assert (await operator("backup", NAME, "--dry-run")).code in (0, 2)
    operator.config.write_text(text)
    done = await operator("backup", NAME, "--reason", "INC-42")
    assert done.code == 0, done.errors
    events = (await operator("audit", "show", "--json")).json()["events"]
    actions = [event["action"] for event in events]
    start = actions.index("confirmed")
    assert actions[start : start + 2] == ["confirmed", "admitted"]
    assert actions[-1] == "ended"
    effects = [event["parameters"]["effect"] for event in events if event["action"] == "effect intended"]
    assert effects[:3] == ["stop", "take snapshot", "start"]
    ended = [event for event in events if event["action"] == "effect ended"]
    assert {event["result"] for event in ended} == {"done"}
    assert {event["reason"] for event in events[start:]} == {"INC-42"}
    assert {event["operation"] for event in events[start:]} == {events[start]["operation"]}
    root_key = events[-1]["network"]["root_key_sha256"]
    assert len(root_key) == 64
    assert events[-1]["actor"]["principal"]
    assert events[-1]["result"].startswith("ok: ")
    shown = await operator("audit", "show", "--operation", events[start]["operation"])
    assert "effect intended stop" in shown.output
    *_, result, cycles = (line.strip() for line in shown.output.splitlines())
    assert result.startswith("result: ok")
    assert re.fullmatch(r"cycles: [0-9.]+ B before, [0-9.]+ B after", cycles)
    verified = await operator("audit", "verify", "--json")
    assert verified.code == 0
    assert verified.json()["events"] == len(events)
    _holds_no_secret(operator)


def _holds_no_secret(operator: Operator) -> None:
    pem = (operator.config.parent / CONTROLLER_FILE).read_text()
    secrets = [line for line in pem.splitlines() if line and "-----" not in line] + [CHANNEL, "very-secret"]
    for path in _audit(operator).rglob("*"):
        for secret in secrets if path.is_file() else ():
            assert secret not in path.read_text()


async def test_a_refusal_is_told(operator: Operator) -> None:
    refused = await operator("rollback", "latest")
    assert refused.code != 0
    operator.edit("production = false", "production = true")
    assert (await operator("backup", NAME, "--confirm", f"local/{NAME}")).code == 14
    (refusal,) = [e for e in (await operator("audit", "show", "--json")).json()["events"] if e["action"] == "refused"]
    assert refusal["target"] == NAME
    assert "production network" in refusal["result"]


async def test_tampering_and_a_lost_end_have_exit_code_13(operator: Operator) -> None:
    assert (await operator("backup", NAME)).code == 0
    folder = _audit(operator)
    path = folder / "000001.jsonl"
    whole = path.read_bytes()
    path.write_bytes(whole.replace(b'"stop"', b'"halt"'))
    changed = await operator("audit", "verify")
    assert changed.code == 13
    assert "000001.jsonl, line " in changed.output
    # the head is gone as well: the outcome of the operation still knows how far the log went
    path.write_bytes(b"".join(whole.splitlines(keepends=True)[:-1]))
    (folder / "head.json").unlink()
    cut = await operator("audit", "verify", "--json")
    assert cut.code == 13
    assert "its end is gone" in cut.json()["fault"]["why"]
    shutil.rmtree(folder)
    assert (await operator("audit", "verify")).code == 13
    path.parent.mkdir()
    path.write_bytes(whole + whole.splitlines()[-1][:50])
    torn = await operator("audit", "verify")
    assert torn.code == 0
    assert "torn" in torn.output


async def test_what_cannot_be_audited_is_not_begun(operator: Operator) -> None:
    state = load_config(operator.config).paths.state
    state.mkdir(parents=True, exist_ok=True)
    (state / "audit").write_text("a file, not a folder")
    refused = await operator("backup", NAME)
    assert refused.code == 1
    assert str(state / "audit") in refused.errors
    assert operator.backups() == ()
    assert not (state / "operations").exists()


def _fill(disk: Path) -> None:
    """Leave no room for another event."""
    free = os.statvfs(disk).f_bavail * os.statvfs(disk).f_frsize
    (disk / "filler").write_bytes(bytes(free))
    with contextlib.suppress(StateFolderUnusable):
        while True:
            AuditLog(disk).append({"action": "fill"})


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small disk needs root")
async def test_a_log_that_is_full_refuses_what_is_new_and_keeps_no_canister_stopped(operator: Operator) -> None:
    config = load_config(operator.config)
    folder = _audit(operator)
    folder.mkdir(parents=True)
    on_network = operator.net.network.subnet.get(parse_principal(config.canister(NAME).id).bytes)
    with small_disk(folder, 1 << 17) as disk:
        operator.net.faults.add(FaultRule(Delay(3, after=True), method="take_canister_snapshot"))
        command = await operator.start("backup", NAME)
        async with asyncio.timeout(60):
            while not on_network.snapshots:  # noqa: ASYNC110 - the network is watched
                await asyncio.sleep(0.02)
        assert on_network.run_state is RunState.STOPPED
        _fill(disk)
        _, errors = await command.communicate()
        assert command.returncode == 0, errors
        assert on_network.run_state is RunState.RUNNING
        assert "Not all of it is in the audit log" in errors.decode()
        assert "not audited" in (await operator("operations", "show", "latest")).output
        refused = await operator("backup", NAME)
        assert refused.code == 1
        assert "No space left" in refused.errors
        assert len(operator.backups()) == 1
        assert len(list(config.paths.operations.iterdir())) == 1
        (disk / "filler").unlink()
        assert (await operator("audit", "verify")).code == 0
        assert (await operator("backup", NAME)).code == 0


async def test_a_network_may_want_a_reason(operator: Operator) -> None:
    operator.edit("production = false", "production = false\nreason_pattern = 'INC-\\d+'")
    for wrong in ((), ("--reason", "because")):
        refused = await operator("backup", NAME, *wrong)
        assert refused.code == 14
        assert "INC-\\d+" in refused.errors
        assert "--reason" in refused.errors
    assert operator.backups() == ()
    assert (await operator("backup", NAME, "--reason", "see INC-42")).code == 0
    operator.edit("reason_pattern = 'INC-\\d+'", 'reason = "required"')
    assert (await operator("backup", NAME)).code == 14
    assert (await operator("backup", NAME, "--reason", "tired")).code == 0
