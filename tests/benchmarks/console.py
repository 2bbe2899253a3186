"""What the console costs: first picture, bytes, keys, memory, processor time, lag, and how soon it ends.

Usage: python -m tests.benchmarks.console [SECONDS]. Everything runs in pseudo-terminals of 120×40; idle processor time
is measured for SECONDS (60). Budgets stand in brackets; the bytes are gates in tests/ui/test_budgets.py. Beside it a
bare Textual application of one line, and posting and harlequin when they are installed.
"""

from __future__ import annotations

import asyncio
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from quri_console.localnet.faults import Delay, FaultRule
from tests.support.consoles import FLEET, closed_port, write_config
from tests.support.large_fleet import DRIVER, SECOND, Fed, name_of, write_history
from tests.support.operator_command import operator_on_fleet
from tests.support.pty_console import PtyConsole
from tests.support.terminals import Reaction, cpu_seconds_of, megabytes_of, reaction, settle

RUNS = 5
BARE = (
    "from textual.app import App\n"
    "from textual.widgets import Static\n"
    "class Bare(App):\n"
    "    def compose(self):\n"
    "        yield Static('one line')\n"
    "Bare().run()\n"
)


def seconds_until(open_console: Callable[[], PtyConsole], *texts: str) -> float:
    """From the start of a process until its screen holds `texts`: the median, after a run that warms caches."""
    found = []
    for _ in range(RUNS + 1):
        started = time.monotonic()
        with open_console() as console:
            while not all(text in console.screen() for text in texts):
                assert time.monotonic() - started < 30, console.screen()
                time.sleep(0.002)
            found.append(time.monotonic() - started)
    return statistics.median(found[1:])


def small(folder: Path, *, age_seconds: int) -> list[str]:
    """Options of a console of four canisters with a history, on a network that refuses connections."""
    config = write_config(folder, url=f"http://127.0.0.1:{closed_port()}")
    at_ns = time.time_ns() - age_seconds * SECOND
    write_history(folder / "root" / "state" / "history.sqlite", tuple(FLEET.values()), now_ns=at_ns)
    return ["--config", str(config)]


def first_picture(folder: Path) -> None:
    options = small(folder, age_seconds=300)
    ours = seconds_until(lambda: PtyConsole(options, columns=120, rows=40), *FLEET, "5 T")
    program = folder / "bare.py"
    program.write_text(BARE)
    bare = seconds_until(lambda: PtyConsole([], argv=[sys.executable, str(program)], columns=120, rows=40), "one line")
    print(f"first picture from the history: {ours * 1000:.0f} ms [450]; bare Textual {bare * 1000:.0f} ms")
    for name, marker in (("posting", "Collection"), ("harlequin", "Query Editor")):
        if shutil.which(name) is not None:
            with_marker = seconds_until(lambda n=name: PtyConsole([], argv=[n], columns=120, rows=40), marker)
            print(f"  {name} {with_marker * 1000:.0f} ms")


def thousand(folder: Path, seconds: float) -> None:
    fed = Fed(folder)
    with PtyConsole(fed.arguments, argv=DRIVER, columns=120, rows=40) as console:
        console.wait_for(name_of(25), "Quit")
        settle(console)
        pid = console.process.pid
        print(f"1,000 canisters: {megabytes_of(pid):.0f} MB [90]")
        idle = reaction(console, lambda: fed.tell("same"), seconds=10)
        print(f"  10 s in which nothing changes: {idle.size} B [1200]")
        some = [reaction(console, lambda: fed.tell("rows 10")) for _ in range(RUNS)]
        every = [reaction(console, lambda: fed.tell("rows 1000")) for _ in range(RUNS)]
        keys = [reaction(console, lambda: console.press("j")) for _ in range(RUNS * 2)]
        _print_reactions("tick, 10 rows changed", "[1500]", some, None)
        _print_reactions("tick, all visible rows changed", "[5000]", every, None)
        _print_reactions("cursor key", "[1100]", keys, "[15]")
        lag = lag_of(fed, folder, "every 0.5 1000")
        print(f"  loop lag while 1,000 rows change twice a second: p95 {lag[0]:.1f} ms [30], worst {lag[1]:.0f} ms")
        fed.tell("every 0.25 1000")
        under_load = [reaction(console, lambda: console.press("j"), seconds=0.37) for _ in range(RUNS * 4)]
        fed.tell("every 2 10")
        _print_reactions("cursor key while 1,000 rows change", "", under_load, "[50]")
        print(f"  10 rows changed every 2 s: {cpu_share(pid, seconds):.2%} of a processor [2 %]")


def _print_reactions(what: str, bytes_budget: str, found: Sequence[Reaction], ms_budget: str | None) -> None:
    sizes = statistics.median(one.size for one in found)
    text = f"  {what}: {sizes:.0f} B {bytes_budget}"
    if ms_budget is not None:
        times = [one.first_ms for one in found if one.first_ms is not None]
        text += f", first byte after {statistics.median(times):.1f} ms {ms_budget}, worst {max(times):.0f} ms"
    print(text)


def lag_of(fed: Fed, folder: Path, load: str) -> tuple[float, float]:
    """The 95th percentile and the worst lag of the console's loop under a load, in ms."""
    path = folder / "lag"
    fed.tell(f"lag {path}")
    fed.tell(load)
    time.sleep(10)
    fed.tell(f"lag {path}")
    while not path.exists():
        time.sleep(0.05)
    late = sorted(float(line) for line in path.read_text().split())
    return late[int(len(late) * 0.95)], late[-1]


def cpu_share(pid: int, seconds: float) -> float:
    before = cpu_seconds_of(pid)
    time.sleep(seconds)
    return (cpu_seconds_of(pid) - before) / seconds


async def on_network(folder: Path, seconds: float) -> None:
    async with operator_on_fleet(folder) as operator:
        operator.edit('interval = "5s"', 'interval = "60s"')
        with PtyConsole(["--config", str(operator.config)], columns=120, rows=40) as console:
            await asyncio.to_thread(console.wait_for, *FLEET, "polled every")
            await asyncio.to_thread(settle, console, quiet=2)
            share = await asyncio.to_thread(cpu_share, console.process.pid, seconds)
            print(f"4 canisters, polled every 60 s: {share:.2%} of a processor [1 %]")
            print(f"  {megabytes_of(console.process.pid):.0f} MB")
            rule = operator.net.faults.add(FaultRule(Delay(30), count=None))
            console.press("p")
            while not rule.applied:  # noqa: ASYNC110 - the network is watched
                await asyncio.sleep(0.02)
            console.press("q")
            ended = await asyncio.to_thread(console.seconds_to_end)
            print(f"quit with calls in flight: {ended:.2f} s [1]")
            operator.net.faults.clear()


def main() -> None:
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 60.0
    for measure in (
        first_picture,
        lambda folder: thousand(folder, seconds),
        lambda folder: asyncio.run(on_network(folder, seconds)),
    ):
        with tempfile.TemporaryDirectory() as folder:
            measure(Path(folder))


if __name__ == "__main__":
    main()
