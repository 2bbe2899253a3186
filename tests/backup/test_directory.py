from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from quri_console.backup.browse import list_backups
from quri_console.backup.directory import SetWriter
from quri_console.backup.files import StorageFailed
from quri_console.backup.manifest import folder_name
from quri_console.clock import ManualClock
from tests.support.backups import REGISTRY, RUNE_ENGINE, write_backup


class NoticedClock(ManualClock):
    """Tells when somebody begins to wait on it."""

    def __init__(self, now_ns: int) -> None:
        super().__init__(now_ns)
        self.asked = asyncio.Event()

    async def sleep(self, seconds: float) -> None:
        self.asked.set()
        await super().sleep(seconds)


async def test_the_second_set_of_one_second_waits_for_the_next(tmp_path: Path) -> None:
    clock = NoticedClock(1_737_684_000_250_000_000)
    first = await SetWriter.reserve(tmp_path, clock)
    second = asyncio.create_task(SetWriter.reserve(tmp_path, clock))
    await clock.asked.wait()
    assert not second.done()
    await clock.advance(0.75)
    assert (await second).name == "20250124T020001Z"
    assert first.name == "20250124T020000Z"


async def test_a_committed_set_also_keeps_its_second(tmp_path: Path) -> None:
    path = await write_backup(tmp_path)
    clock = NoticedClock(1_737_684_000_000_000_000)
    later = asyncio.create_task(SetWriter.reserve(tmp_path, clock))
    await clock.asked.wait()
    assert [item.name for item in path.parent.iterdir()] == [path.name]
    await clock.advance(1)
    assert (await later).name == "20250124T020001Z"


async def test_until_it_is_committed_nobody_lists_it_and_abandoning_leaves_nothing(tmp_path: Path) -> None:
    writer = await SetWriter.reserve(tmp_path, ManualClock())
    (writer.add_folder("rune-engine") / "status.toml").write_text("x")
    assert list_backups(tmp_path) == ()
    writer.abandon()
    assert list((tmp_path / "backups").iterdir()) == []


async def test_a_repository_that_is_a_file_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "repository").write_text("not a folder")
    with pytest.raises(StorageFailed, match="make the repository"):
        await SetWriter.reserve(tmp_path / "repository", ManualClock())


@pytest.mark.parametrize("name", ["../up", "/abs", "", ".hidden", "a b", "x" * 101, "ü", "Rune-Engine"])
def test_a_name_that_is_no_safe_or_free_folder_gives_way_to_the_id(name: str) -> None:
    assert folder_name(name, REGISTRY, {"rune-engine"}) == REGISTRY.to_str()


def test_a_plain_name_is_the_folder() -> None:
    assert folder_name("rune-engine", RUNE_ENGINE, set()) == "rune-engine"
