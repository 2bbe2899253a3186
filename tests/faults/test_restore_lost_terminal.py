"""The terminal goes away during a restore, whoever showed it there: the operation does not notice."""

from __future__ import annotations

import asyncio
import os
import pty
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest

from quri_console.localnet.canister import RunState
from quri_console.localnet.faults import Delay, FaultRule
from quri_console.service.following import OperationHandle
from tests.support.damaged_canister import CONFIRM, NAME, Scene, damaged_canister
from tests.support.keyboard import confirm, to_the_plan
from tests.support.tmux import TmuxSession

CALL_OF_PHASE = {
    "upload": "upload_canister_snapshot_data",
    "stop": "stop_canister",
    "safety snapshot": "take_canister_snapshot",
    "load": "load_canister_snapshot",
    "start": "start_canister",
    "clean up": "delete_canister_snapshot",
}
SAMPLED = ("load", "clean up")
PHASES = [name if name in SAMPLED else pytest.param(name, marks=pytest.mark.sweep) for name in CALL_OF_PHASE]


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    async with damaged_canister(tmp_path) as opened:
        yield opened


def _held_up(scene: Scene, phase: str) -> FaultRule:
    """Let the phase last long enough to be seen."""
    return scene.operator.net.faults.add(FaultRule(Delay(1.5), route="call", method=CALL_OF_PHASE[phase]))


async def _reached(rule: FaultRule) -> None:
    async with asyncio.timeout(60):
        while not rule.applied:  # noqa: ASYNC110 - the network is watched
            await asyncio.sleep(0.01)


def _command_in_terminal(scene: Scene, *arguments: str) -> tuple[subprocess.Popen[bytes], int]:
    """A command whose controlling terminal is ours; closing the descriptor is what a lost SSH session does."""
    ours, its = pty.openpty()
    with closing(os.fdopen(its, "wb", buffering=0)):
        command = [sys.executable, "-m", "quri_console", "--config", str(scene.operator.config), *arguments]
        process = subprocess.Popen(["setsid", "--ctty", *command], stdin=its, stdout=its, stderr=its)
    return process, ours


async def _ended_well(scene: Scene) -> OperationHandle:
    handle = scene.console.follow("latest")
    outcome = await asyncio.wait_for(handle.wait(), 60)
    assert outcome.ok, outcome
    assert await scene.digest() == scene.good
    assert scene.on_network.run_state is RunState.RUNNING
    return handle


@pytest.mark.parametrize("phase", PHASES)
async def test_a_restore_goes_on_when_the_terminal_of_its_command_is_gone(scene: Scene, phase: str) -> None:
    rule = _held_up(scene, phase)
    process, terminal = _command_in_terminal(scene, "restore", NAME, "--from", "latest", *CONFIRM)
    await _reached(rule)
    os.close(terminal)
    assert await asyncio.to_thread(process.wait, 20) in (-signal.SIGHUP, 128 + signal.SIGHUP, 130, 1)
    await _ended_well(scene)
    listed = await scene.operator("operations", "list")
    assert "quri-console rollback" in listed.output


@pytest.mark.tmux
@pytest.mark.timeout(240)
@pytest.mark.parametrize(
    ("end", "phase"),
    [
        (signal.SIGKILL, "load"),
        pytest.param(signal.SIGHUP, "safety snapshot", marks=pytest.mark.sweep),
        pytest.param(signal.SIGKILL, "upload", marks=pytest.mark.sweep),
    ],
)
async def test_a_restore_goes_on_when_its_console_is_gone(
    scene: Scene, tmp_path: Path, end: signal.Signals, phase: str
) -> None:
    rule = _held_up(scene, phase)
    await asyncio.to_thread(_restore_by_keyboard, scene, tmp_path, rule, end)
    await _ended_well(scene)


def _restore_by_keyboard(scene: Scene, folder: Path, rule: FaultRule, end: signal.Signals) -> None:
    argv = [sys.executable, "-m", "quri_console", "--config", str(scene.operator.config)]
    here = {"COLORTERM": "truecolor", "PYTHONPATH": str(Path.cwd())}
    with TmuxSession(folder / "tmux", argv, columns=100, rows=40, environment=here) as session:
        session.wait_for(NAME, "r Restore")
        to_the_plan(session)
        confirm(session, f"local/{NAME}", reason="practice")
        console = session.process_id
        asyncio.run(_reached(rule))
        os.kill(console, end)
