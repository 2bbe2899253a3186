"""What watching costs: one `monitor`, rounds over a thousand canisters, memory, idle time, and how soon a message goes.

Usage: python -m tests.benchmarks.watch_numbers [idle]. With `idle` only what an idle watch costs. Every process is the
installed command against a local network in another. Budgets: `monitor` of 4 canisters at 300 ms of latency 1.2 s wall,
50 MB private and 60 MB resident; a round of 1,000 canisters 5 s and 3 ms of processor time each; `watch` of 1,000
canisters 100 MB resident; an idle `watch` of 4 canisters 1 % of a processor, with all schedules on and none due the
same and 100 MB resident; from a sample that shows a stopped canister to the first attempt of its webhook 2 s.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.cli.test_monitor import set_up, stop_registry
from tests.support.operator_command import operator_on_fleet
from tests.support.webhook_receiver import webhook_receiver

COMMAND = (sys.executable, "-m", "quri_console")
ROUNDS = 5
IDLE_SECONDS = 60


@contextmanager
def localnet(*options: str) -> Iterator[Path]:
    """The configuration of a local network that runs in a process of its own."""
    process = subprocess.Popen(
        [*COMMAND, "localnet", "--json", "--until-eof", *options], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    try:
        yield Path(json.loads(process.stdout.readline())["config"])
    finally:
        process.terminate()
        process.wait()


def memory_of(pid: int) -> tuple[float, float]:
    """Resident and private memory of a process in MB."""
    text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    sizes = {name: int(size) for name, size in re.findall(r"^(\w+):\s+(\d+) kB", text, re.MULTILINE)}
    return sizes["Rss"] / 1000, (sizes["Private_Clean"] + sizes["Private_Dirty"]) / 1000


def cpu_of(pid: int) -> float:
    """Processor seconds of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def monitor_once(config: Path) -> tuple[float, float, float, float]:
    """Wall and processor seconds, and the greatest resident and private MB seen, of one `monitor`."""
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    process = subprocess.Popen([*COMMAND, "--config", str(config), "monitor", "--quiet"], stdout=subprocess.DEVNULL)
    resident = private = 0.0
    while process.poll() is None:
        try:
            now, own = memory_of(process.pid)
        except (OSError, KeyError):
            break
        resident, private = max(resident, now), max(private, own)
        time.sleep(0.02)
    process.wait()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return time.perf_counter() - started, cpu, resident, private


def small_fleet() -> None:
    with localnet("--latency", "300") as config:
        runs = [monitor_once(config) for _ in range(ROUNDS)]
    wall, cpu, resident, private = (statistics.median(values) for values in zip(*runs, strict=True))
    print(
        f"monitor, 4 canisters at 300 ms: {wall:.2f} s wall (budget 1.2), {cpu:.2f} s CPU, "
        f"{private:.0f} MB private (50), {resident:.0f} MB resident (60)"
    )


def large_fleet() -> None:
    with localnet("--extra", "996", "--latency", "300") as config:
        text = config.read_text().replace("[monitor]\n", '[monitor]\nconcurrency = 100\nround_deadline = "60s"\n', 1)
        config.write_text(re.sub(r'interval = "\d+s"', 'interval = "10s"', text))
        runs = [monitor_once(config) for _ in range(3)]
        wall, cpu, *_ = (statistics.median(values) for values in zip(*runs, strict=True))
        print(
            f"monitor, 1,000 canisters at 300 ms: {wall:.2f} s wall with start-up (budget of a round 5), "
            f"{cpu:.2f} ms CPU each (3)"
        )
        process = subprocess.Popen(
            [*COMMAND, "--config", str(config), "watch", "--json"], stdout=subprocess.PIPE, text=True
        )
        time.sleep(60)
        resident, private = memory_of(process.pid)
        process.terminate()
        process.communicate()
        print(f"watch, 1,000 canisters every 10 s, after 60 s: {resident:.0f} MB resident (100), {private:.0f} private")


def idle(what: str = "", more: str = "") -> None:
    with localnet() as config:
        config.write_text(re.sub(r'interval = "\d+s"', 'interval = "60s"', config.read_text()) + more)
        process = subprocess.Popen([*COMMAND, "--config", str(config), "watch"], stdout=subprocess.DEVNULL)
        time.sleep(10)
        before = cpu_of(process.pid)
        time.sleep(IDLE_SECONDS)
        share = (cpu_of(process.pid) - before) / IDLE_SECONDS
        resident, _ = memory_of(process.pid)
        process.terminate()
        process.wait()
    print(
        f"watch, 4 canisters every 60 s{what}: {share:.2%} of a processor (budget 1 %), "
        f"{resident:.0f} MB resident{' (100)' if more else ''}",
        flush=True,
    )


def all_schedules() -> str:
    """Every usual schedule, and one of each other job, none of them due within the measurement."""
    soon = datetime.now(UTC) + timedelta(hours=-1)
    rest = "".join(
        f'[schedules.{job}]\njob = "{job}"\ncron = "{soon.minute} {soon.hour} * * *"\n{more}'
        for job, more in (("poll", ""), ("seal", 'folder = "sealed"\n'))
    )
    return f"\n[schedules]\nenabled = true\n{rest}"


def idle_with_schedules() -> None:
    idle(", all schedules on, none due", all_schedules())


async def first_message(folder: Path) -> None:
    async with operator_on_fleet(folder) as operator, webhook_receiver() as receiver:
        secret = folder / "hook.url"
        secret.write_text(receiver.url)
        secret.chmod(0o600)
        set_up(operator, '[channels.hook]\nkind = "generic"\nurl_file = "hook.url"\n')
        operator.edit('interval = "5s"', 'interval = "2s"')
        process = await operator.start("watch", "--json")
        await asyncio.sleep(4)
        await stop_registry(operator)
        await asyncio.wait_for(receiver.arrived.wait(), 30)
        arrived = time.time()
        process.terminate()
        output, _ = await process.communicate()
    notices = [json.loads(line) for line in output.decode().splitlines()]
    seen = next(n for n in notices if n["kind"] == "round" and n["level"] == "critical")
    delay = arrived - datetime.fromisoformat(seen["at"]).timestamp()
    print(f"from the sample that shows a stopped canister to its webhook: {delay:.2f} s (budget 2)")


def main() -> None:
    if sys.argv[1:] == ["idle"]:
        idle()
        idle_with_schedules()
        print(f"load {os.getloadavg()[0]:.1f}")
        return
    small_fleet()
    large_fleet()
    idle()
    idle_with_schedules()
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(first_message(Path(folder)))
    print(f"load {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
