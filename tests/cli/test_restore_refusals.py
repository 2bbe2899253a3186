"""What a restore refuses before it touches the canister: bad restore points, wrong targets, plans that do not hold."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from quri_console.clock import NANOSECONDS_PER_SECOND, SystemClock
from tests.support.damaged_canister import CANISTER, CONFIRM, NAME, Scene, damaged_canister
from tests.support.operator_command import operator_on_fleet

Arguments = tuple[str, ...]
Prepare = Callable[[Scene], Awaitable[Arguments]]
LATEST: Arguments = ("--from", "latest")


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    async with damaged_canister(tmp_path) as opened:
        yield opened


def asked(*arguments: str) -> Prepare:
    async def prepare(_: Scene) -> Arguments:
        return arguments

    return prepare


def packs(scene: Scene) -> list[Path]:
    return [path for path in (scene.operator.repository / "packs").rglob("*") if path.is_file()]


async def flipped_byte(scene: Scene) -> Arguments:
    path = max(packs(scene), key=lambda pack: pack.stat().st_size)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.chmod(0o600)
    path.write_bytes(data)
    return LATEST


async def missing_pack(scene: Scene) -> Arguments:
    max(packs(scene), key=lambda pack: pack.stat().st_size).unlink()
    return LATEST


async def missing_manifest(scene: Scene) -> Arguments:
    name = scene.operator.backups()[-1]
    (scene.operator.repository / "backups" / name / "MANIFEST.toml").unlink()
    return ("--from", name)


async def sets_of_another(scene: Scene) -> Arguments:
    assert (await scene.operator("backup", "registry")).code == 0
    return ("--from", scene.operator.backups()[-1])


async def archive(scene: Scene) -> Arguments:
    folder = scene.operator.folder
    assert (await scene.operator("archive", "latest", "--to", str(folder))).code == 0
    return ("--from", str(next(folder.glob("*.tar.zst"))))


async def not_a_controller(scene: Scene) -> Arguments:
    canister = scene.on_network
    canister.settings = dataclasses.replace(canister.settings, controllers=(b"\x04",))
    return LATEST


async def lockdown(scene: Scene) -> Arguments:
    assert (await scene.operator("lockdown", "on", "--reason", "a drill for the night shift")).code == 0
    return LATEST


async def written(scene: Scene, *more: str) -> Path:
    path = scene.operator.folder / "plan.json"
    made = await scene.operator("restore", NAME, *LATEST, "--plan-out", str(path), *more)
    assert made.code == 0, made.errors
    return path


async def expired(scene: Scene) -> Arguments:
    return ("--apply", str(await written(scene, "--plan-expires", "0s")))


async def edited(scene: Scene) -> Arguments:
    path = await written(scene)
    path.write_text(path.read_text().replace('"safety_snapshot":true', '"safety_snapshot":false'))
    return ("--apply", str(path))


async def settings_moved_on(scene: Scene) -> Arguments:
    path = await written(scene)
    canister = scene.on_network
    canister.settings = dataclasses.replace(canister.settings, controllers=(*canister.settings.controllers, b"\x04"))
    return ("--apply", str(path))


async def backup_gone(scene: Scene) -> Arguments:
    path = await written(scene)
    name = scene.operator.backups()[-1]
    (scene.operator.repository / "backups" / name / "MANIFEST.toml").unlink()
    return ("--apply", str(path))


CASES: dict[str, tuple[Prepare, int, str]] = {
    "a byte of the backup was flipped": (flipped_byte, 13, "damaged"),
    "a part of the backup is missing": (missing_pack, 13, ""),
    "the backup was never committed": (missing_manifest, 10, "no backup"),
    "the backup is named as another canister's": (asked("--from", "latest/registry"), 14, "--to"),
    "the backup holds another canister": (sets_of_another, 2, "does not hold"),
    "an archive has to be imported first": (archive, 2, "quri-console import"),
    "the snapshot is gone": (asked("--from", "snapshot:00ff"), 14, "has no snapshot 00ff"),
    "the live canister is no restore point": (asked("--from", "live"), 2, "on chain"),
    "the bill is above the cap": (asked(*LATEST, "--max-cycles", "1M"), 14, "cost cap"),
    "it would be down for too long": (asked(*LATEST, "--max-downtime", "0s"), 14, "downtime cap"),
    "another name was typed": (asked(*LATEST, "--confirm", "local/registry"), 14, "does not name local/rune-engine"),
    "nothing was typed": (asked(*LATEST, "--confirm", ""), 2, "--confirm is empty"),
    "the identity is no controller": (not_a_controller, 15, "does not control"),
    "lockdown is on": (lockdown, 14, "lockdown"),
    "the target is unknown": (asked(*LATEST, "--to", "nobody"), 2, "no canister 'nobody'"),
    "no way back without a reason": (asked(*LATEST, "--skip-safety-snapshot"), 2, "--reason"),
    "no way back for a short reason": (asked(*LATEST, "--skip-safety-snapshot", "--reason", "hm"), 14, "reason"),
    "settings that the snapshot does not hold": (asked("--from", "snapshot:latest", "--with-settings"), 14, "settings"),
    "a plan expired": (expired, 14, "has expired"),
    "a plan was edited": (edited, 14, "was edited"),
    "the canister moved on since the plan": (settings_moved_on, 14, "controllers: "),
    "the backup went since the plan": (backup_gone, 10, "no backup"),
    "a plan is not there": (asked("--apply", "nowhere.json"), 2, "no plan"),
    "a plan and a backup at once": (asked(*LATEST, "--apply", "x"), 2, "leave --from"),
    "a plan of nothing": (asked("--plan-out", "x"), 2, "--from"),
    "only the module and a clone": (asked(*LATEST, "--only", "module", "--to", "registry"), 2, "--only"),
}


@pytest.mark.parametrize(("prepare", "code", "words"), CASES.values(), ids=CASES)
async def test_it_is_refused_and_the_canister_is_untouched(
    scene: Scene, prepare: Prepare, code: int, words: str
) -> None:
    arguments = await prepare(scene)
    before, operations = picture(scene), len(scene.console.operations())
    confirm = () if "--confirm" in arguments else CONFIRM
    refused = await scene.operator("restore", NAME, *arguments, *confirm)
    assert refused.code == code, refused.errors
    assert words in " ".join((refused.errors + refused.output).split())
    assert "Traceback" not in refused.errors
    assert picture(scene) == before
    assert await scene.digest() == scene.bad
    assert len(scene.console.operations()) == operations


def picture(scene: Scene) -> tuple[object, ...]:
    """Everything of the canister that a restore would change."""
    canister = scene.on_network
    return (
        canister.run_state,
        canister.version,
        canister.snapshots_made,
        tuple(canister.snapshots),
        canister.settings,
    )


async def test_a_backup_of_another_network_is_refused_although_names_and_ids_are_the_same(
    scene: Scene, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = str(scene.operator.repository / "backups" / scene.operator.backups()[-1])
    async with operator_on_fleet(tmp_path_factory.mktemp("other")) as other:
        assert (await other("backup", "registry")).code == 0
        on_network = other.net.network.subnet.get(CANISTER.bytes)
        version = on_network.version
        refused = await other("restore", NAME, "--from", path, *CONFIRM)
        assert refused.code == 14, refused.errors
        assert "another network" in refused.errors
        assert on_network.version == version
        allowed = await other("restore", NAME, "--from", path, "--from-other-network", "--dry-run")
        assert allowed.code == 0, allowed.errors
        assert "another network" in allowed.output


async def test_a_plan_of_another_network_is_refused(scene: Scene, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = await written(scene)
    async with operator_on_fleet(tmp_path_factory.mktemp("other")) as other:
        refused = await other("restore", NAME, "--apply", str(path), *CONFIRM)
        assert refused.code == 14, refused.errors
        assert "was made for the network local" in refused.errors


class Drifting(SystemClock):
    """The clock of a network that is some seconds before ours."""

    ahead_seconds = 0

    def now_ns(self) -> int:
        return super().now_ns() + self.ahead_seconds * NANOSECONDS_PER_SECOND


async def test_a_clock_that_is_wrong_is_named_before_anything_is_done(tmp_path: Path) -> None:
    clock = Drifting()
    async with operator_on_fleet(tmp_path, clock=clock) as operator:
        assert (await operator("backup", NAME)).code == 0
        clock.ahead_seconds = 90
        refused = await operator("restore", NAME, *LATEST, *CONFIRM)
        assert refused.code == 14, refused.errors
        assert "behind the network's certified time" in refused.errors
