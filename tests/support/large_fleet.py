"""A fleet of a thousand canisters: its configuration and history, and a console that is fed pictures on request.

`python -m tests.support.large_fleet CONFIG CONTROL COUNT` opens the real console on this terminal, with its service
replaced by one that publishes what the lines of the FIFO CONTROL ask for:

    rows N     N canisters that are spread over the fleet have other cycles, burn and runway
    same       nobody has
    every S N  `rows N` every S seconds, until the next line
    lag PATH   from now on measure how late the loop is; write the milliseconds of each turn at the next `lag`
"""

from __future__ import annotations

import asyncio
import os
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from quri_console.history import History, Sample
from quri_console.ic.encoding.principal import Principal

if TYPE_CHECKING:
    from quri_console.monitor.fleet import CanisterView, FleetStatus

SECOND = 1_000_000_000
LAG_TURN_SECONDS = 0.005
FIRST_NUMBER = 1 << 32
INTERVAL_SECONDS = 60
DRIVER = (sys.executable, "-m", "tests.support.large_fleet")


def canister_id(number: int) -> str:
    """The id of a canister as networks give them out."""
    return Principal((FIRST_NUMBER + number).to_bytes(8, "big") + b"\x01\x01").to_str()


def name_of(number: int) -> str:
    return f"canister-{number:04}"


def write_large_config(folder: Path, count: int, *, url: str) -> Path:
    """A configuration of `count` canisters on a network at `url`, with everything kept below `folder`."""
    lines = ["[networks.local]", f'url = "{url}"', 'root_key = "fetch"', "production = false"]
    for number in range(count):
        lines += [f"[canisters.{name_of(number)}]", f'id = "{canister_id(number)}"']
    lines += ["[monitor]", f'interval = "{INTERVAL_SECONDS}s"', "[paths]", f'root = "{folder / "root"}"']
    path = folder / "config.toml"
    path.write_text("\n".join(lines) + "\n")
    return path


def write_history(path: Path, ids: Sequence[str], *, now_ns: int, network: str = "local") -> None:
    """Two answers of every canister, the newer one `now_ns`."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    asyncio.run(_write_history(path, ids, now_ns, network))


async def _write_history(path: Path, ids: Sequence[str], now_ns: int, network: str) -> None:
    async with await History.open(path) as history:
        for age_seconds in (600, 0):
            at_ns = now_ns - age_seconds * SECOND
            await history.add_samples(network, [_sample(text, at_ns, age_seconds) for text in ids])


def _sample(text: str, at_ns: int, age_seconds: int) -> Sample:
    return Sample(
        text,
        at_ns,
        origin="query",
        status="running",
        cycles=5_000_000_000_000 + age_seconds * 1_000_000,
        reserved_cycles=0,
        idle_burn_per_day=7_000_000_000,
        freezing_limit=213_000_000_000,
        memory_bytes=72_770_912,
        module_hash=bytes(range(32)),
        latency_ms=12.0,
    )


class FedService:
    """Publishes pictures when told to; what the network would say plays no part."""

    def __init__(self, publish: Callable[[FleetStatus], None], control: Path, count: int) -> None:
        self._publish = publish
        self._control = control
        self._views = [_view(number) for number in range(count)]
        self._ticks = 0
        self._every: threading.Event | None = None
        threading.Thread(target=self._obey, daemon=True).start()

    def poll_now(self) -> None:
        self._tell()

    def stop(self) -> None:
        """Nothing holds it."""

    def _obey(self) -> None:
        self._tell()
        while True:
            with self._control.open() as lines:
                for line in lines:
                    self._carry_out(line.split())

    def _carry_out(self, words: list[str]) -> None:
        if self._every is not None:
            self._every.set()
            self._every = None
        if words[0] == "rows":
            self._change(int(words[1]))
        elif words[0] == "every":
            self._every = threading.Event()
            threading.Thread(
                target=self._go_on, args=(float(words[1]), int(words[2]), self._every), daemon=True
            ).start()
        elif words[0] == "lag":
            LagMeter.toggle(Path(words[1]))
        else:
            self._tell()

    def _go_on(self, seconds: float, rows: int, ended: threading.Event) -> None:
        while not ended.wait(seconds):
            self._change(rows)

    def _change(self, rows: int) -> None:
        self._ticks += 1
        count = len(self._views)
        for place in range(0, count, max(count // rows, 1)):
            self._views[place] = _changed(self._views[place], self._ticks)
        self._tell()

    def _tell(self) -> None:
        from quri_console.monitor.fleet import FleetStatus

        now_ns = time.time_ns()
        # a round asks everybody: all are as young as the picture
        views = tuple(replace(view, sampled_at_ns=now_ns, attempted_at_ns=now_ns) for view in self._views)
        self._publish(FleetStatus("local", False, now_ns, float(INTERVAL_SECONDS), views))


def _view(number: int) -> CanisterView:
    from tests.support.fleets import HEALTHY

    now_ns = time.time_ns()
    return replace(
        HEALTHY,
        name=name_of(number),
        canister_id=canister_id(number),
        sampled_at_ns=now_ns,
        attempted_at_ns=now_ns,
        last_backup_at_ns=now_ns - 3 * 3600 * SECOND,
        cycles_series=((now_ns - 80_000 * SECOND, 5_100_000_000_000), (now_ns, 5_000_000_000_000)),
    )


def _changed(view: CanisterView, tick: int) -> CanisterView:
    """Three cells: the balance, what it burns, and how long that lasts."""
    return replace(
        view,
        cycles=5_000_000_000_000 - tick * 10_000_000_000,
        burn_per_day=12_000_000_000.0 + (tick % 7) * 1_000_000_000,
        runway_seconds=(90 - tick % 30) * 86_400.0,
    )


class LagMeter:
    """How late a loop's turns are."""

    running: LagMeter | None = None
    loop: asyncio.AbstractEventLoop

    def __init__(self) -> None:
        self.late: list[float] = []
        self.going = True

    @classmethod
    def toggle(cls, path: Path) -> None:
        if cls.running is None:
            cls.running = meter = cls()
            cls.loop.call_soon_threadsafe(lambda: asyncio.ensure_future(meter.measure()))
        else:
            cls.running.going = False
            part = path.with_suffix(".part")
            part.write_text("\n".join(f"{late:.3f}" for late in cls.running.late))
            part.rename(path)
            cls.running = None

    async def measure(self) -> None:
        while self.going:
            before = time.perf_counter()
            await asyncio.sleep(LAG_TURN_SECONDS)
            self.late.append((time.perf_counter() - before - LAG_TURN_SECONDS) * 1000)


def main() -> int:
    """The console on this terminal, fed."""
    from quri_console.console import Console
    from quri_console.ui.terminal import run_console

    config, control, count = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])

    class FedConsole(Console):
        def start_service(self, publish: Callable[[FleetStatus], None]) -> FedService:
            LagMeter.loop = asyncio.get_running_loop()
            return FedService(publish, control, count)

    return run_console(FedConsole.open(config_path=config))


class Fed:
    """What feeds a console in another process."""

    def __init__(self, folder: Path, count: int = 1000, *, configured: int | None = None) -> None:
        self.control = folder / "control"
        os.mkfifo(self.control)
        # nobody answers there; the console is fed
        self.config = write_large_config(folder, configured or count, url="http://127.0.0.1:9")
        self.arguments = [str(self.config), str(self.control), str(count)]

    def tell(self, line: str) -> None:
        """One line of the module's docstring."""
        with self.control.open("w") as pipe:
            pipe.write(f"{line}\n")


if __name__ == "__main__":
    code = main()
    os._exit(code)
