"""Starting an operation brings back what an earlier one left stopped, and its loop goes on meanwhile."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from quri_console.effects.operation_files import OperationFiles
from quri_console.localnet.faults import Delay, FaultRule
from quri_console.service import left_stopped
from tests.support.damaged_canister import CONFIRM, NAME, damaged_canister
from tests.support.runners import kill_runner_and_guard

SLOW_SECONDS = 1.5


async def test_the_loop_is_not_held_up_while_a_canister_is_brought_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with damaged_canister(tmp_path) as scene:
        scene.operator.net.faults.add(FaultRule(Delay(60), method="take_canister_snapshot"))
        operation = await scene.started("safety snapshot", "restore", NAME, "--from", "latest", *CONFIRM)
        handle = scene.console.follow(operation)
        files = OperationFiles(handle.directory)
        kill_runner_and_guard(files.directory)
        await handle.wait()
        scene.operator.net.faults.clear()
        # somebody else's process works on it: that one is waited for, and it does not end
        lock = files.lock_runner()
        assert lock is not None
        monkeypatch.setattr(left_stopped, "_is_left", lambda files, network: files.directory.name == operation)
        ticks = 0
        waiting = asyncio.create_task(left_stopped.bring_back(scene.console.session, wait_seconds=SLOW_SECONDS))
        try:
            while not waiting.done():
                await asyncio.sleep(0.01)
                ticks += 1
        finally:
            os.close(lock)
        (told,) = await waiting
        assert told.problem == "a process works on it"
        # a loop that is held up for the whole wait turns once
        assert ticks > 20
