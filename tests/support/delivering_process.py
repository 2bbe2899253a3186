"""Delivers what waits in a database until it is killed: DATABASE URL SEED."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from random import Random

from quri_console.clock import SystemClock
from quri_console.history import History
from quri_console.monitor.notify import Deliverer, Outside, open_channels
from tests.support.notifications import channel_config


async def deliver(database: Path, url: str, seed: int) -> None:
    clock = SystemClock()
    async with await History.open(database) as history, Outside() as outside:
        channels = open_channels([channel_config("ops", "generic")], outside, clock, environ={"URL_ops": url})
        await Deliverer(history.outbox, channels, clock=clock, random=Random(seed), pace_seconds=0.001).run()


if __name__ == "__main__":
    asyncio.run(deliver(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])))
