"""An interrupted operation is marked resolved: what it left is shown first, nothing is left stopped by accident."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from quri_console.effects.operation_files import OperationFiles
from quri_console.errors import RefusedBySafetyRule
from quri_console.ic.encoding.principal import Principal
from quri_console.ic.management import change
from quri_console.ic.management.types import SettingsChange
from quri_console.ic.prepared import perform
from quri_console.localnet.canister import RunState
from quri_console.localnet.faults import Delay, FaultRule
from quri_console.service import resolving
from quri_console.service.resolving import Resolved
from tests.support.damaged_canister import CANISTER, CONFIRM, NAME, Scene, damaged_canister
from tests.support.operator_command import Ended
from tests.support.runners import kill_runner_and_guard

STRANGER = Principal(b"\x07" * 10 + b"\x02")
REASON = ("--reason", "INC-42 put right by hand")
KILLED_BEFORE_AUDIT = """
import os, signal
from quri_console.effects.audit import MARKED_RESOLVED, Audit

noted = Audit.note

def note(self, event):
    if event.action == MARKED_RESOLVED:
        os.kill(os.getpid(), signal.SIGKILL)
    return noted(self, event)

Audit.note = note
from quri_console.__main__ import main
main()
"""


class Dead:
    """A restore whose runner and guard were killed while the canister stood still, and whoever looks after it."""

    def __init__(self, scene: Scene, operation: str) -> None:
        self.scene = scene
        self.operation = operation

    @property
    def files(self) -> OperationFiles:
        return OperationFiles(self.scene.console.follow(self.operation).directory)

    @property
    def run_state(self) -> RunState:
        return self.scene.on_network.run_state

    async def __call__(self, *arguments: str) -> Ended:
        return await self.scene.operator(*arguments)

    async def resolve(self, *arguments: str) -> Ended:
        return await self("operations", "resolve", self.operation, *arguments)

    async def listed(self) -> dict[str, Any]:
        """The operation as the list has it, without anything being started by listing it."""
        listed = await self("--read-only", "operations", "list", "--json")
        found: dict[str, Any] = next(o for o in listed.json()["operations"] if o["id"] == self.operation)
        return found

    async def actions(self) -> list[str]:
        events = (await self("audit", "show", "--json")).json()["events"]
        return [event["action"] for event in events if event.get("operation") == self.operation]


@pytest_asyncio.fixture
async def dead(tmp_path: Path) -> AsyncIterator[Dead]:
    """The restore has just asked for its safety snapshot, whose answer never came."""
    async with damaged_canister(tmp_path) as scene:
        scene.operator.net.faults.add(FaultRule(Delay(60), method="load_canister_snapshot"))
        operation = await scene.started("load", "restore", NAME, "--from", "latest", *CONFIRM)
        handle = scene.console.follow(operation)
        async with asyncio.timeout(30):
            while not any(r.fields.get("effect") == "load snapshot" for r in handle.journal()):  # noqa: ASYNC110 - a file is watched
                await asyncio.sleep(0.02)
        kill_runner_and_guard(handle.directory)
        await handle.wait()
        scene.operator.net.faults.clear()
        found = Dead(scene, operation)
        assert found.run_state is RunState.STOPPED
        yield found


async def test_the_dry_run_says_what_is_left_behind_and_changes_nothing(dead: Dead) -> None:
    journal = (dead.files.directory / "journal.jsonl").read_bytes()
    shown = await dead.resolve("--dry-run")
    assert shown.code == 0, shown.errors
    assert f"{NAME} is stopped: the operation stopped it, and it ran before" in shown.output
    assert "safety snapshot" in shown.output
    assert "is on chain and costs cycles" in shown.output
    assert "uploaded snapshot, perhaps not whole" in shown.output
    assert f"how it ended is not known: load snapshot on {NAME}" in shown.output
    assert "Marking it resolved undoes nothing" in shown.output
    assert (dead.files.directory / "journal.jsonl").read_bytes() == journal
    assert dead.run_state is RunState.STOPPED
    plain = (await dead.resolve("--dry-run", "--json")).json()
    assert plain["canisters"][0] | {"safety_snapshots": 0, "own_snapshots": 0} == {
        "id": CANISTER.to_str(),
        "name": NAME,
        "status": "stopped",
        "status_before": "running",
        "to_start": True,
        "state": "unknown",
        "problem": "",
        "safety_snapshots": 0,
        "own_snapshots": 0,
    }


async def test_what_it_left_stopped_is_started_and_nothing_counts_it_as_interrupted_any_more(dead: Dead) -> None:
    marked = await dead.resolve(*REASON)
    assert marked.code == 0, marked.errors
    assert f"{NAME} was started again" in marked.output
    assert dead.run_state is RunState.RUNNING
    listed = await dead.listed()
    assert (listed["state"], listed["left_stopped"]) == ("resolved", [])
    assert "INC-42" in listed["outcome"]["why"]
    for command in (("status",), ("doctor",), ("operations", "list")):
        told = await dead(*command)
        assert "resume" not in told.output + told.errors, command
        assert "died before" not in told.output, command
    assert "no operation was left in the middle" in (await dead("doctor")).output
    assert (await dead("backup", NAME)).code == 0
    assert (await dead.actions())[-2:] == ["resolve asked", "marked resolved"]
    assert (await dead("audit", "verify")).code == 0


async def test_it_cannot_be_gone_on_with_or_ended_or_resolved_again(dead: Dead) -> None:
    assert (await dead.resolve(*REASON)).code == 0
    for verb in ("resume", "abort"):
        refused = await dead("operations", verb, dead.operation)
        assert refused.code == 14
        assert "has ended" in refused.errors
    again = await dead.resolve(*REASON)
    assert again.code == 14
    assert "there is nothing to resolve" in again.errors


async def test_the_state_before_it_can_still_be_brought_back(dead: Dead) -> None:
    assert (await dead.resolve(*REASON)).code == 0
    assert (await dead.listed())["undo"] == f"quri-console rollback {dead.operation}"
    rolled_back = await dead("rollback", dead.operation, *CONFIRM)
    assert rolled_back.code == 0, rolled_back.errors
    assert await dead.scene.digest() == dead.scene.bad


async def test_what_it_uploaded_can_be_cleaned_up_afterwards(dead: Dead) -> None:
    assert (await dead.resolve(*REASON)).code == 0
    cleaned = await dead("snapshots", "clean", NAME, *CONFIRM)
    assert cleaned.code == 0, cleaned.errors
    assert f"left over from {dead.operation}" in cleaned.output
    kept = (await dead("snapshots", NAME)).output
    assert f"safety snapshot of {dead.operation}" in kept
    assert "left over" not in kept


async def test_it_is_left_stopped_only_when_that_is_said(dead: Dead) -> None:
    marked = await dead.resolve(*REASON, "--leave-stopped")
    assert marked.code == 0, marked.errors
    assert f"{NAME} is left stopped. To start it: quri-console start {NAME}" in marked.output
    await dead("doctor")
    await dead("operations", "list")
    assert dead.run_state is RunState.STOPPED
    assert (await dead("start", NAME, *CONFIRM)).code == 0
    assert dead.run_state is RunState.RUNNING


async def test_a_canister_that_cannot_be_started_is_not_left_so_by_accident(dead: Dead) -> None:
    stranger = SettingsChange(controllers=(STRANGER,))
    await perform(dead.scene.agent, change.update_settings(CANISTER, stranger))
    refused = await dead.resolve(*REASON)
    assert refused.code == 14, refused.output
    assert "could not be started, so nothing was marked resolved" in " ".join(refused.errors.split())
    assert (await dead.listed())["state"] == "interrupted"
    marked = await dead.resolve(*REASON, "--leave-stopped")
    assert marked.code == 0, marked.errors
    assert "not seen:" in marked.output
    assert (await dead.listed())["state"] == "resolved"


async def test_it_wants_a_reason_a_session_that_may_write_and_the_name_on_production(dead: Dead) -> None:
    assert (await dead.resolve()).code == 2
    read_only = await dead("--read-only", "operations", "resolve", dead.operation, *REASON)
    assert read_only.code == 14
    dead.scene.operator.edit("production = false", "production = true")
    for more in ((), ("--force",), ("--force", "--confirm", "local/registry")):
        refused = await dead.resolve(*REASON, *more)
        assert refused.code in (2, 14), refused.output
        assert (await dead.listed())["state"] == "interrupted"
    marked = await dead.resolve(*REASON, "--force", *CONFIRM)
    assert marked.code == 0, marked.errors


async def test_it_works_in_lockdown_because_it_leads_nowhere_further(dead: Dead) -> None:
    assert (await dead("lockdown", "on", "--reason", "INC-1")).code == 0
    marked = await dead.resolve(*REASON)
    assert marked.code == 0, marked.errors
    assert dead.run_state is RunState.RUNNING


async def test_without_a_network_only_what_is_left_stopped_on_purpose_is_resolved(dead: Dead) -> None:
    dead.scene.operator.edit(dead.scene.operator.net.url, "http://127.0.0.1:9")
    shown = await dead.resolve("--dry-run")
    assert "not seen: " in shown.output
    assert "may be stopped still" in shown.output
    marked = await dead.resolve(*REASON, "--leave-stopped")
    assert marked.code == 0, marked.errors
    assert (await dead.listed())["state"] == "resolved"


async def test_what_another_process_stopped_after_the_look_is_not_hidden_by_the_mark(dead: Dead) -> None:
    console = dead.scene.console
    looked = await console.plan_resolution(dead.operation)
    # as it looks when whoever resumed it had not stopped anything yet
    before = Resolved(replace(looked, canisters=()), "eva", (), ())
    with pytest.raises(RefusedBySafetyRule, match=f"has stopped {CANISTER.to_str()} meanwhile"):
        resolving._mark(console.session, dead.files, before, "INC-42")
    listed = await dead.listed()
    assert (listed["state"], listed["left_stopped"]) == ("interrupted", [CANISTER.to_str()])


async def test_while_its_runner_lives_it_is_refused(tmp_path: Path) -> None:
    async with damaged_canister(tmp_path) as scene:
        operation = await scene.started("paused", "restore", NAME, "--from", "latest", *CONFIRM, "--pause")
        refused = await scene.operator("operations", "resolve", operation, *REASON)
        assert refused.code == 11
        assert "is still running" in refused.errors
        assert (await scene.operator("operations", "abort", operation)).code == 130


async def test_killed_between_journal_and_audit_it_is_still_interrupted_and_marked_by_the_next(dead: Dead) -> None:
    operator = dead.scene.operator
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", KILLED_BEFORE_AUDIT, "--config", str(operator.config),
        "operations", "resolve", dead.operation, *REASON,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, env={**os.environ, "NO_COLOR": "1"},
    )  # fmt: skip
    _, errors = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == -signal.SIGKILL, errors
    assert dead.files.outcome() is None
    assert (await dead.listed())["state"] == "interrupted"
    assert dead.run_state is RunState.RUNNING
    assert (await dead("audit", "verify")).code == 0
    marked = await dead.resolve(*REASON)
    assert marked.code == 0, marked.errors
    assert "marked it before and was cut off: this finishes it" in marked.output
    assert (await dead.listed())["state"] == "resolved"
    assert (await dead.actions()).count("marked resolved") == 1
    assert (await dead("audit", "verify")).code == 0


async def test_killed_with_the_canister_left_stopped_a_resume_starts_it_all_the_same(dead: Dead) -> None:
    operator = dead.scene.operator
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", KILLED_BEFORE_AUDIT, "--config", str(operator.config),
        "operations", "resolve", dead.operation, *REASON, "--leave-stopped",
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, env={**os.environ, "NO_COLOR": "1"},
    )  # fmt: skip
    await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == -signal.SIGKILL
    assert dead.run_state is RunState.STOPPED
    resumed = await dead("operations", "resume", dead.operation)
    assert resumed.code == 0, resumed.errors
    assert dead.run_state is RunState.RUNNING
    assert await dead.scene.digest() == dead.scene.good
