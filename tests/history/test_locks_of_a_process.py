"""Two connections of one process, as the console has them: opening the second keeps the locks of the first."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

from quri_console.history import History, Sample

OPEN_AND_CLOSE = """
import asyncio, sys
from pathlib import Path
from quri_console.history import History
async def main():
    async with await History.open(Path(sys.argv[1])) as history:
        print(len(await history.newest_samples("local", 2**62)))
asyncio.run(main())
"""
IDS = ("pkrpq-5qaaa-aaaah-aroda-cai", "pnqje-qiaaa-aaaah-arodq-cai")


async def seen_by_another_process(path: Path) -> int:
    """How many canisters another process finds, which opens the history and closes it again."""
    done = await asyncio.to_thread(
        subprocess.run, [sys.executable, "-c", OPEN_AND_CLOSE, str(path)], capture_output=True, text=True, check=True
    )
    return int(done.stdout)


async def test_another_process_does_not_take_the_log_away(tmp_path: Path) -> None:
    path = tmp_path / "history.sqlite"
    async with await History.open(path) as first:
        await first.add_samples("local", [Sample(IDS[0], 1_750_000_000_000_000_000, cycles=1, status="running")])
        async with await History.open(path):
            pass
        assert await seen_by_another_process(path) == 1
        assert path.with_name("history.sqlite-wal").exists()
        await first.add_samples("local", [Sample(IDS[1], 1_750_000_001_000_000_000, cycles=1, status="running")])
        assert await seen_by_another_process(path) == 2
