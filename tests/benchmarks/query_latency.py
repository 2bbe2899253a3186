"""Time of one query on canisters of about 16 MB of heap, and of bringing the four demo modules to life.

Usage: python -m tests.benchmarks.query_latency. Times are of the execution room alone, without HTTP and signatures.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

from quri_console.wasm.compiler import compile_module
from quri_console.wasm.instance import Call, CanisterInstance
from tests.support.wasm_canisters import FLEET, NO_ARGUMENT, Types, ask, fleet_module, installed, probe_module, tell

ROUNDS = 100
BUDGET_MS = 5
HEAP_BYTES = 16 * 1024 * 1024


def median_ms(work: Callable[[], object]) -> float:
    times = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return 1000 * statistics.median(times)


def filled() -> CanisterInstance:
    """The probe with as much on its heap as stays below 16 MiB."""
    canister = installed(probe_module())
    while canister.heap_bytes < HEAP_BYTES - 1024 * 1024:
        tell(canister, "fill", (Types.Nat, 100), (Types.Nat8, 7))
    return canister


def start_fleet() -> float:
    """Seconds to compile, instantiate and initialise all four modules, with the compilation cache on disk only."""
    compile_module(probe_module())
    started = time.perf_counter()
    for name in FLEET:
        installed(fleet_module(name))
    return time.perf_counter() - started


def main() -> None:
    print(f"four demo modules alive after {1000 * start_fleet():.0f} ms (the first run on a machine compiles them)")
    canister = filled()
    megabytes = canister.heap_bytes / 1e6
    read = Call("query", "read", NO_ARGUMENT, replicated=False)
    plain = median_ms(lambda: canister.execute(read))
    growing = median_ms(lambda: ask(canister, "scribble", (Types.Nat, 128)))
    print(f"query, heap {megabytes:.1f} MB: {plain:.2f} ms (budget {BUDGET_MS})")
    print(f"query that writes 1 MB and grows the heap: {growing:.2f} ms (budget {BUDGET_MS})")
    update = Call("update", "increment", NO_ARGUMENT)
    print(f"update, heap {megabytes:.1f} MB: {median_ms(lambda: canister.execute(update)):.2f} ms")


if __name__ == "__main__":
    main()
