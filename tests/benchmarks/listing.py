"""Milliseconds to list many backup sets, with the cache and without (budget: 300 ms for 1,000 sets, warm).

Usage: python -m tests.benchmarks.listing [SETS]. Every set has four canisters and two marks. The last lines are of a
process of its own, as a command is one: what it spends on imports, and on listing; and of `list --json` as a whole,
the best of five.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from quri_console.clock import NANOSECONDS_PER_SECOND
from quri_console.repository.listing import list_sets
from quri_console.repository.local import LocalBackend
from quri_console.repository.marks import put_mark
from quri_console.repository.sets import SetItem, SetManifest, StoredFile, encode_manifest, manifest_object, set_name
from quri_console.repository.store import Repository, create_repository
from tests.support.command import write_config
from tests.support.unsynced import UnsyncedFileSystem

START = datetime(2025, 1, 24, 2, tzinfo=UTC)
NAMES = ("rune-engine", "registry", "treasury", "index")
FILES = ("wasm_memory.chunks", "stable_memory.chunks", "wasm_module.chunks", "status.toml", "snapshot.toml")
NETWORK = {"name": "ic", "root_key_sha256": "00" * 32}
LISTING = """
import sys, time
started = time.perf_counter()
from pathlib import Path
from quri_console.repository.listing import list_sets
from quri_console.repository.store import Repository
imported = time.perf_counter()
sets = list_sets(Repository.open(Path(sys.argv[1])), Path(sys.argv[2]))
listed = time.perf_counter()
milliseconds = (imported - started) * 1000, (listed - imported) * 1000
print("in a process: imports %.0f ms, %d sets %.0f ms" % (milliseconds[0], len(sets), milliseconds[1]))
"""


def make_repository(path: Path, sets: int) -> None:
    """A repository whose sets are manifests and marks; their records are not looked at by a list."""
    backend = LocalBackend(path, UnsyncedFileSystem())
    facts = create_repository(backend)
    for number in range(sets):
        moment = START + timedelta(hours=number)
        now_ns = int(moment.timestamp()) * NANOSECONDS_PER_SECOND
        name = set_name(now_ns)
        items = tuple(SetItem(folder, f"0123456789abcdef/{folder}", _fields(folder, moment)) for folder in NAMES)
        files = tuple(StoredFile(f"{folder}/{file}", 1000, bytes(32)) for folder in NAMES for file in FILES)
        document = {"tool": "benchmark", "operation": name, "network": NETWORK, "failures": [], "groups": []}
        manifest = SetManifest(name, facts.id, items, files, document)
        backend.put(manifest_object(name), encode_manifest(manifest))
        put_mark(backend, name, "verification", now_ns, {"ok": True, "scope": "data"})
        put_mark(backend, name, "pin", now_ns, {"reason": "the benchmark"})


def _fields(name: str, moment: datetime) -> dict[str, object]:
    return {
        "id": "ryjl3-tyaaa-aaaaa-aaaba-cai",
        "name": name,
        "taken_at": moment,
        "mode": "stop",
        "status_before": "running",
        "snapshot_id": "0000000000000000ffffffffffc000000101",
        "module_sha256": "00" * 32,
        "state_bytes": 100_000_000,
        "new_bytes": 1_000_000,
        "cycles_before": "3000000000000",
        "cycles_after": "2990000000000",
        "group": "",
        "warnings": [],
    }


def main() -> None:
    sets = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    with tempfile.TemporaryDirectory() as folder:
        path, cache = Path(folder) / "repository", Path(folder) / "cache"
        make_repository(path, sets)
        for word in ("cold", "warm"):
            started = time.perf_counter()
            found = len(list_sets(Repository.open(path), cache))
            print(f"{word}: {found} sets in {(time.perf_counter() - started) * 1000:.0f} ms")
        subprocess.run([sys.executable, "-c", LISTING, path, cache], check=True)
        config = write_config(Path(folder))
        for arguments in (("--version",), ("list",), ("list", "--json")):
            taken = min(_command_milliseconds(config, *arguments) for _ in range(5))
            print(f"quri-console {' '.join(arguments)}: {taken:.0f} ms")


def _command_milliseconds(config: Path, *arguments: str) -> float:
    command = [sys.executable, "-m", "quri_console", "--config", str(config), *arguments]
    started = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return (time.perf_counter() - started) * 1000


if __name__ == "__main__":
    main()
