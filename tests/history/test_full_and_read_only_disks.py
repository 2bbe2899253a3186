"""A disk that is full or may only be read is told in words, and costs nothing that was written before."""

import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from quri_console.history import History, Sample
from quri_console.history.database import HistoryUnusable
from tests.support.privileges import as_nobody, folder_of_nobody, give_to_nobody, small_disk
from tests.support.stored_histories import schema_of, stored_database

RUNE = "pkrpq-5qaaa-aaaah-aroda-cai"
NOW = 1_750_032_000 * 10**9

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small disk")


def many(first: int) -> list[Sample]:
    return [Sample(RUNE, NOW + first + n, origin="query", cycles=n, error="x" * 200) for n in range(1000)]


async def fill(history: History) -> tuple[HistoryUnusable, int]:
    """Write until the disk is full; the failure, and how many samples were written before."""
    for written in range(0, 100_000, 1000):
        try:
            await history.add_samples("ic", many(written))
        except HistoryUnusable as failure:
            return failure, written
    raise AssertionError("the disk was never full")


@needs_root
async def test_a_full_disk_refuses_the_write_and_keeps_what_was_there(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 2 << 20) as disk:
        async with await History.open(disk / "h.sqlite") as history:
            failure, written = await fill(history)
            assert "Free some disk space" in failure.next_step
            assert len(await history.samples("ic", RUNE)) == written
        async with await History.open(disk / "h.sqlite") as history:
            assert len(await history.samples("ic", RUNE)) == written


@needs_root
async def test_a_disk_too_full_for_the_copy_stops_the_migration_before_it_begins(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 1 << 20) as disk:
        path = stored_database(disk / "h.sqlite", 1)
        filler = disk / "filler"
        with suppress(OSError), filler.open("wb", buffering=0) as file:
            while True:
                file.write(bytes(4096))
        # room for the write-ahead log, not for a copy
        os.truncate(filler, filler.stat().st_size - 48 * 1024)
        with pytest.raises(HistoryUnusable) as caught:
            await History.open(path)
        assert "Free some disk space" in caught.value.next_step
        assert sorted(found.name for found in disk.iterdir() if "before" in found.name) == []
        filler.unlink()
        assert schema_of(path)[0] == 1
        async with await History.open(path) as history:
            assert len(await history.samples("ic", RUNE)) == 3


CHILD = """
import asyncio, sys
from pathlib import Path
from quri_console.history import History, Sample
from quri_console.history.database import HistoryUnusable

async def main():
    try:
        async with await History.open(Path(sys.argv[1])) as history:
            await history.add_samples("ic", [Sample("aaaaa-aa", 1)])
    except HistoryUnusable as error:
        print(error.next_step)

asyncio.run(main())
"""


@pytest.mark.parametrize("where", ["file", "folder"])
def test_a_file_or_folder_that_may_only_be_read_is_told(where: str, checkout: Path) -> None:
    with folder_of_nobody() as folder:
        path = stored_database(folder / "h.sqlite", 1)
        give_to_nobody(folder)
        (path if where == "file" else folder).chmod(0o400 if where == "file" else 0o500)
        command = [*as_nobody(), sys.executable, "-c", CHILD, str(path)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=checkout, timeout=60)
        folder.chmod(0o700)
        assert "permissions" in done.stdout, done.stderr
        assert schema_of(path)[0] == 1
