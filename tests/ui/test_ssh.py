"""The console where it lives: at the far end of an SSH connection that may be cut at any moment."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from quri_console.console import Console
from quri_console.localnet.canister import RunState
from quri_console.localnet.faults import Delay, FaultRule
from tests.support.consoles import FLEET
from tests.support.damaged_canister import CANISTER, NAME, damaged_canister
from tests.support.keyboard import confirm, open_view, to_the_plan
from tests.support.operator_command import Operator, operator_on_fleet
from tests.support.pty_console import PtyConsole
from tests.support.sshd import SshServer, processes_with, ssh_server
from tests.support.tmux import TmuxSession

pytestmark = pytest.mark.timeout(180)

TARGET = f"local/{NAME}"


def over_ssh(server: SshServer, operator: Operator) -> PtyConsole:
    """The console of an operator who is logged in from elsewhere."""
    return PtyConsole([], argv=server.command(*remote_console(operator)))


def in_tmux_over_ssh(server: SshServer, operator: Operator, name: str) -> TmuxSession:
    """The same at 80×24 in tmux, which this test can type into."""
    argv = server.command(*remote_console(operator))
    return TmuxSession(operator.folder / name, argv, columns=80, rows=24, environment={"TERM": "xterm-256color"})


def remote_console(operator: Operator) -> list[str]:
    return [
        "env",
        f"PYTHONPATH={Path.cwd()}",
        "LANG=C.UTF-8",
        sys.executable,
        "-m",
        "quri_console",
        "--config",
        str(operator.config),
    ]


def _wait_until(holds: Callable[[], bool], *, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


async def test_the_fleet_is_seen_over_ssh_and_quitting_ends_the_connection(tmp_path: Path) -> None:
    async with operator_on_fleet(tmp_path) as operator:

        def visit() -> None:
            with ssh_server(tmp_path) as server, over_ssh(server, operator) as console:
                console.wait_for(*FLEET, "running", "q Quit")
                assert not any(f"\x1b[?{mode}h".encode() in console.received for mode in (1000, 1002, 1003))
                console.resize(100, 30)
                console.press("3")
                console.wait_for("Nothing is stored yet")
                console.press("q")
                console.seconds_to_end()
                assert console.process.returncode == 0
                assert b"\x1b[?1049l" in console.received

        await asyncio.to_thread(visit)
        assert processes_with(f"quri_console --config {operator.config}") == []


@pytest.mark.tmux
async def test_a_whole_restore_at_the_end_of_a_connection_that_is_cut_and_made_again(tmp_path: Path) -> None:
    async with damaged_canister(tmp_path) as scene:
        operator = scene.operator
        rule = operator.net.faults.add(FaultRule(Delay(2), route="call", method="upload_canister_snapshot_data"))

        def night() -> None:
            with ssh_server(tmp_path) as server:
                with in_tmux_over_ssh(server, operator, "before") as session:
                    session.wait_for(*FLEET, "running", "r Restore")
                    to_the_plan(session)
                    confirm(session, TARGET, reason="INC-9")
                    _wait_until(lambda: rule.applied > 0)
                    os.kill(session.process_id, signal.SIGKILL)
                    _wait_until(lambda: processes_with(f"quri_console --config {operator.config}") == [], seconds=10)
                with in_tmux_over_ssh(server, operator, "again") as session:
                    session.wait_for(*FLEET, "running")
                    open_view(session, "5", "restore", "INC-9")
                    session.wait_for("done", "INC-9")
                    session.press("Enter")
                    session.wait_for(f"Done: {NAME} was restored from", "To undo it: quri-console rollback")
                    session.press("Escape")
                    session.wait_for("INC-9", "q Quit")
                    session.press("q")
                    assert session.wait_for_exit() == 0

        await asyncio.to_thread(night)
        assert await scene.digest() == scene.good
        assert scene.on_network.run_state is RunState.RUNNING
        assert len(scene.console.operations()) == 2, "the backup and the restore, each once"


async def test_a_backup_completes_when_the_connection_is_lost_under_it(tmp_path: Path) -> None:
    async with operator_on_fleet(tmp_path) as operator:
        rule = operator.net.faults.add(FaultRule(Delay(2), route="call", method="take_canister_snapshot"))

        def lose_it() -> None:
            with ssh_server(tmp_path) as server, over_ssh(server, operator) as console:
                console.wait_for(*FLEET, "running", "b Backup")
                console.press("b")
                console.wait_for(f"Type {TARGET} and press Enter")
                console.press(TARGET)
                console.press("\r")
                _wait_until(lambda: rule.applied > 0)
                console.process.kill()
                # the console ends with its terminal
                _wait_until(lambda: processes_with(f"quri_console --config {operator.config}") == [], seconds=10)

        await asyncio.to_thread(lose_it)
        outcome = await asyncio.wait_for(Console.open(config_path=operator.config).follow("latest").wait(), 60)
        assert outcome.ok, outcome
        assert len(operator.backups()) == 1
        assert operator.net.network.subnet.get(CANISTER.bytes).run_state is RunState.RUNNING
