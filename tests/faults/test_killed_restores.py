"""SIGKILL of command, runner and machine at random moments of real restores and rollbacks of the demo fleet."""

from __future__ import annotations

import asyncio
import random
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pytest

from quri_console.effects.calls import TAKE_SNAPSHOT, UPLOAD_METADATA
from quri_console.effects.replay import snapshots_made
from quri_console.ic.management import change, snapshot_change
from quri_console.ic.prepared import perform
from quri_console.localnet.canister import RunState
from quri_console.service.following import OperationHandle
from quri_console.units import TRILLION
from tests.support.damaged_canister import CANISTER, CONFIRM, NAME, Scene, damaged_canister
from tests.support.kill_moments import family_of

Victim = Literal["command", "runner", "command and runner", "machine"]
VICTIMS: tuple[Victim, ...] = ("command", "runner", "command and runner", "machine")
LONGEST_SECONDS = 4.0
"""How long after its command began a restore of this canister surely has done everything."""
GUARDED_SECONDS = 30


@dataclass(frozen=True)
class Accident:
    """Which operation is hit, when after its folder came to be, who dies, and how the operator goes on."""

    operation: Literal["restore", "rollback"]
    seconds: float
    victim: Victim
    then: Literal["resume", "abort"]
    doctor_first: bool
    """Whether somebody looks around before, who finds the canister stopped."""


def _accidents(count: int, seed: int) -> list[Accident]:
    randomness = random.Random(seed)
    return [
        Accident(
            randomness.choice(("restore", "restore", "rollback")),
            # the dangerous moments are near the beginning of what takes long on a loaded machine
            randomness.uniform(0, 1) ** 1.5 * LONGEST_SECONDS,
            VICTIMS[number % len(VICTIMS)],
            randomness.choice(("resume", "resume", "abort")),
            doctor_first=bool(number // len(VICTIMS) % 2),
        )
        for number in range(count)
    ]


async def _new_operation(scene: Scene, before: set[Path]) -> OperationHandle:
    """The operation that a command begins now; its folder is there before its runner is."""
    folder = scene.console.config.paths.operations
    async with asyncio.timeout(60):
        while not (new := {path for path in folder.iterdir() if (path / "request.json").exists()} - before):  # noqa: ASYNC110 - another process is watched
            await asyncio.sleep(0.005)
    return scene.console.follow(new.pop().name)


async def _struck(scene: Scene, accident: Accident, *arguments: str) -> OperationHandle:
    """Begin a command, and let the accident happen to it."""
    before = set(scene.console.config.paths.operations.iterdir())
    command = await scene.operator.start(*arguments)
    handle = await _new_operation(scene, before)
    await asyncio.sleep(accident.seconds)
    if accident.victim in ("command", "command and runner", "machine") and command.returncode is None:
        command.send_signal(signal.SIGKILL)
    if accident.victim != "command":
        family_of(handle.directory).kill(guards=accident.victim == "machine")
    await command.communicate()
    if accident.victim == "command":
        # the runner does not notice: it ends by itself, and well
        assert (await asyncio.wait_for(handle.wait(), 60)).ok
    async with asyncio.timeout(60):
        while handle.running():  # noqa: ASYNC110 - the kernel frees the lock of a killed process when it likes
            await asyncio.sleep(0.01)
    return handle


async def _runs_by_itself(scene: Scene) -> None:
    async with asyncio.timeout(GUARDED_SECONDS):
        while scene.on_network.run_state is not RunState.RUNNING:  # noqa: ASYNC110 - the network is watched
            await asyncio.sleep(0.02)


async def _after(scene: Scene, accident: Accident, handle: OperationHandle) -> None:
    """Whole and running, and the operator can end the operation either way."""
    if accident.victim != "machine":
        await _runs_by_itself(scene)
        assert await scene.digest() in (scene.good, scene.bad)
    elif scene.on_network.run_state is not RunState.RUNNING:
        assert handle.summary().left_stopped == (CANISTER.to_str(),)
        if accident.doctor_first:
            doctor = await scene.operator("doctor")
            assert scene.on_network.run_state is RunState.RUNNING, doctor.output
            assert await scene.digest() in (scene.good, scene.bad)
    if handle.outcome() is None:
        ended = await scene.operator("operations", accident.then, handle.id)
        allowed = (0,) if accident.then == "resume" else (0, 130)
        assert ended.code in allowed, f"{accident}: {ended.errors}"
        if accident.then == "abort" and ended.code == 130 and accident.operation == "restore":
            assert await scene.digest() == scene.bad, accident
    outcome = handle.outcome()
    assert outcome is not None
    assert scene.on_network.run_state is RunState.RUNNING, accident
    wanted = scene.good if accident.operation == "restore" else scene.bad
    assert await scene.digest() == (wanted if outcome.ok else scene.good + scene.bad - wanted), accident
    assert handle.summary().left_stopped == ()


def _ours(scene: Scene) -> set[bytes]:
    """What the journals of all operations name as theirs and still there."""
    named: set[bytes] = set()
    for operation in scene.console.operations():
        records = scene.console.follow(operation.id).journal()
        named |= {*snapshots_made(records, TAKE_SNAPSHOT), *snapshots_made(records, UPLOAD_METADATA)}
    return named


async def _tidied(scene: Scene) -> None:
    """An operator deletes what was left and tops up, so that slots and cycles last for a hundred accidents."""
    await perform(scene.agent, change.provisional_top_up_canister(CANISTER, TRILLION))
    for identifier in list(scene.on_network.snapshots):
        await perform(scene.agent, snapshot_change.delete_canister_snapshot(CANISTER, identifier))


async def _one(scene: Scene, accident: Accident) -> None:
    await _tidied(scene)
    if await scene.digest() == scene.good:
        await scene.damage()
    if accident.operation == "rollback":
        restored = await scene.operator("restore", NAME, "--from", "latest", *CONFIRM)
        assert restored.code == 0, restored.errors
        arguments: tuple[str, ...] = ("rollback", scene.console.follow("latest").id, *CONFIRM)
    else:
        arguments = ("restore", NAME, "--from", "latest", *CONFIRM)
    handle = await _struck(scene, accident, *arguments)
    await _after(scene, accident, handle)
    assert set(scene.on_network.snapshots) <= _ours(scene), accident
    check = scene.console.verify_audit()
    assert check.whole, check


async def _sweep(folder: Path, accidents: list[Accident]) -> None:
    async with damaged_canister(folder) as scene:
        for accident in accidents:
            await _one(scene, accident)


async def test_whoever_dies_during_a_restore_or_a_rollback_the_canister_is_whole_and_runs(tmp_path: Path) -> None:
    await _sweep(tmp_path, _accidents(6, seed=3))


@pytest.mark.sweep
@pytest.mark.timeout(3600)
async def test_whoever_dies_at_any_of_a_hundred_and_twenty_moments_the_canister_is_whole_and_runs(
    tmp_path: Path,
) -> None:
    await _sweep(tmp_path, _accidents(120, seed=4))
