"""What a rehearsal costs: a canister of 256 MB, half heap and half stable memory, from a repository on this disk.

Usage: python -m tests.benchmarks.rehearsal [MEGABYTES]. Budgets: at most 5 s, and the state + 150 MB of memory at its
peak. The memory counts everything: the process's own pages at their peak, and those of the file in memory that holds
the heap. The query touches every hundredth page of stable memory.
"""

from __future__ import annotations

import multiprocessing
import os
import random
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

from quri_console.backup.browse import open_backup
from quri_console.config.model import HealthCheck
from quri_console.repository.store import Repository
from quri_console.restore.rehearsal import Rehearsed
from quri_console.restore.rehearse import rehearse
from quri_console.units import WASM_PAGE_BYTES
from quri_console.wasm.shared_file import SharedFile
from tests.support.backups import repository_in
from tests.support.rehearsals import MadeUpCopy, first_page, module, store

STATE_MEGABYTES = 256
SECONDS_BUDGET, SPARE_BUDGET = 5.0, 150e6
STRIDE_PAGES = 100


@dataclass(frozen=True)
class Cost:
    """Of one rehearsal."""

    seconds: float
    peak_bytes: int
    touched_pages: int


def page(number: int, randomness: random.Random) -> bytes:
    """A page of which half compresses well, as memory does."""
    return randomness.randbytes(WASM_PAGE_BYTES // 2) + bytes([number % 251]) * (WASM_PAGE_BYTES // 2)


def make(root: Path, megabytes: int) -> str:
    """A repository with one copy; the name of the set."""
    pages = megabytes * 10**6 // 2 // WASM_PAGE_BYTES
    randomness = random.Random(1)
    heap = b"".join([first_page(), *(page(number, randomness) for number in range(1, pages))])
    stable = {number: page(number, randomness) for number in range(pages)}
    query = f"""(local $at i64)
      (loop $next
        (call $stable_read (i64.const 4096) (local.get $at) (i64.const 8))
        (local.set $at (i64.add (local.get $at) (i64.const {STRIDE_PAGES * WASM_PAGE_BYTES})))
        (br_if $next (i64.lt_u (local.get $at) (i64.const {pages * WASM_PAGE_BYTES}))))
      (call $yes)"""
    copy = MadeUpCopy(module(query, pages=pages), heap=heap, stable_pages=pages, stable=stable)
    return store(repository_in(root), {"pig": copy})


class Peak:
    """The most memory that this process has, looked at every few milliseconds."""

    def __init__(self) -> None:
        self.most = 0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Peak:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._ended.wait(0.005):
            self.most = max(self.most, memory_bytes())


def memory_bytes() -> int:
    """Anonymous and file pages of this process, and the whole of the file in memory, mapped or not."""
    fields = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    own = sum(int(fields[name].split()[0]) * 1024 for name in ("RssAnon", "RssFile"))
    return own + os.fstat(SharedFile.of_process(os.getpid()).descriptor).st_blocks * 512


def measure(pipe: Connection, root: Path, name: str) -> None:
    """One rehearsal in this process."""
    with Peak() as peak:
        started = time.perf_counter()
        backup = open_backup(Repository.open(root), name)
        found = rehearse(
            lambda: backup.canister("pig"), Rehearsed("pig", "", "not rehearsable"), (HealthCheck("health"),)
        )
        seconds = time.perf_counter() - started
    assert found.verdict == "passed", found
    pipe.send(Cost(seconds, peak.most, found.stable_pages_read))


def main() -> None:
    megabytes = int(sys.argv[1]) if len(sys.argv) > 1 else STATE_MEGABYTES
    context = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "repository"
        maker = context.Pool(1)
        name = maker.apply(make, (root, megabytes))
        maker.close()
        for _ in range(3):
            here, there = context.Pipe()
            process = context.Process(target=measure, args=(there, root, name))
            process.start()
            cost: Cost = here.recv()
            process.join()
            print(
                f"rehearsal of {megabytes} MB: {cost.seconds:.2f} s (budget {SECONDS_BUDGET:.0f}), peak memory "
                f"{cost.peak_bytes / 1e6:.0f} MB (budget {megabytes + SPARE_BUDGET / 1e6:.0f}), "
                f"{cost.touched_pages} pages of stable memory read, load {os.getloadavg()[0]:.1f}"
            )


if __name__ == "__main__":
    main()
