"""What a report costs: a year of a hundred canisters, each backed up every day. Budget: 3 s.

Usage: python -m tests.benchmarks.report_numbers [FOLDER]. History: a sample of each canister every two hours of a
year, rolled up and pruned as the watch does. Repository: 365 sets of 100 canisters, each verified, twelve rehearsed.
Audit log: 12 events a canister and set. With FOLDER, what was made there before is used again.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path
from typing import Self, get_args

from quri_console.clock import utc_datetime
from quri_console.console import Console
from quri_console.effects.audit_log import NO_HASH, event_hash
from quri_console.effects.canonical_json import canonical
from quri_console.history import History, Sample
from quri_console.report.forms import ReportForm, report_text
from quri_console.repository.local import LocalBackend
from quri_console.repository.marks import put_mark
from quri_console.repository.sets import SetItem, SetManifest, StoredFile, encode_manifest, manifest_object, set_name
from quri_console.repository.store import create_repository
from tests.benchmarks.history_numbers import CANISTERS, SETTINGS
from tests.support.unsynced import UnsyncedFileSystem

SECOND = 1_000_000_000
DAY = 86_400 * SECOND
YEAR = 52 * 7
SAMPLES_A_DAY = 12
EVENTS_OF_A_CANISTER = ("stop", "take snapshot", "start", "download", "delete snapshot")
NAMES = tuple(f"canister-{number}" for number in range(len(CANISTERS)))
NETWORK = {"name": "ic", "root_key_sha256": "00" * 32}
ALLOWED = 3.0


def configuration(folder: Path) -> Path:
    """A configuration of a hundred canisters."""
    lines = ['[networks.ic]\nurl = "https://icp-api.io"\n[paths]\nroot = "."\n[repository]\npath = "repository"']
    lines += [f'[canisters.{name}]\nid = "{identifier}"' for name, identifier in zip(NAMES, CANISTERS, strict=True)]
    path = folder / "config.toml"
    path.write_text("\n".join(lines))
    path.chmod(0o600)
    return path


async def make_history(path: Path, until_ns: int) -> None:
    """A year of samples."""
    path.parent.mkdir(parents=True)
    async with await History.open(path) as history:
        for day in range(YEAR, 0, -1):
            batch = [
                _sample(number, identifier, until_ns - day * DAY + tick * DAY // SAMPLES_A_DAY, day)
                for tick in range(SAMPLES_A_DAY)
                for number, identifier in enumerate(CANISTERS)
            ]
            await history.add_samples("ic", batch)
            if day % 28 == 1:
                await history.rollups.update("ic", until_ns - (day - 1) * DAY)
                await history.retention.prune("ic", until_ns - (day - 1) * DAY)


def _sample(number: int, identifier: str, at_ns: int, day: int) -> Sample:
    return Sample(
        canister_id=identifier,
        at_ns=at_ns + number,
        origin="query",
        status="running",
        cycles=5 * 10**12 + day % 30 * 10**9,
        reserved_cycles=0,
        idle_burn_per_day=7_114_022_219,
        freezing_limit=213_420_666_570,
        memory_bytes=72_770_912,
        heap_bytes=6_553_600,
        stable_bytes=65_536_000,
        snapshot_bytes=0,
        module_hash=hashlib.sha256(f"{number} {day // 7}".encode()).digest(),
        settings=SETTINGS,
        latency_ms=120.0,
        snapshots=1,
        chunk_store_bytes=0,
    )


def make_repository(path: Path, until_ns: int) -> None:
    """A set a day, verified; one a month rehearsed."""
    backend = LocalBackend(path, UnsyncedFileSystem())
    facts = create_repository(backend)
    for day in range(YEAR, 0, -1):
        at_ns = until_ns - day * DAY + 3600 * SECOND
        name, moment = set_name(at_ns), utc_datetime(at_ns).replace(microsecond=0)
        items, files = [], []
        for folder, identifier in zip(NAMES, CANISTERS, strict=True):
            fields = {
                "name": folder, "id": identifier, "taken_at": moment, "mode": "stop", "state_bytes": 72_000_000,
                "new_bytes": 1_000_000, "module_sha256": "11" * 32, "group": "", "warnings": [],
            }  # fmt: skip
            items.append(SetItem(folder, f"0123456789abcdef/{identifier}", fields))
            files.append(StoredFile(f"{folder}/status.toml", 1000, bytes(32)))
        document = {"tool": "benchmark", "operation": name, "network": NETWORK, "failures": [], "groups": []}
        manifest = SetManifest(name, facts.id, tuple(items), tuple(files), document)
        backend.put(manifest_object(name), encode_manifest(manifest))
        put_mark(backend, name, "verification", at_ns + 600 * SECOND, {"ok": True, "scope": "data", "tool": "t"})
        if day % 30 == 0:
            told = [
                {"id": identifier, "name": folder, "verdict": "passed", "reason": "", "answers": ["`health` answered"]}
                for folder, identifier in zip(NAMES, CANISTERS, strict=True)
            ]
            fields = {"ok": True, "verdict": "passed", "seconds": 61.5, "tool": "t", "with_state": 100}
            put_mark(backend, name, "rehearsal", at_ns + 900 * SECOND, {**fields, "canisters": told})


def make_audit(folder: Path, until_ns: int) -> int:
    """The events of a year; how many."""
    folder.mkdir(parents=True)
    written, previous = 0, NO_HASH
    for segment, first in enumerate(range(YEAR, 0, -28), start=1):
        with (folder / f"{segment:06}.jsonl").open("wb") as file:
            for day in range(first, max(first - 28, 0), -1):
                for event in _events(until_ns - day * DAY + 3600 * SECOND):
                    written += 1
                    event |= {"seq": written, "prev_hash": previous}
                    previous = event["hash"] = event_hash(event)
                    file.write(canonical(event) + b"\n")
    (folder / "head.json").write_text(json.dumps({"hash": previous, "seq": written}))
    return written


def _events(at_ns: int) -> list[dict[str, object]]:
    name = set_name(at_ns)
    usual = {
        "ts": f"{utc_datetime(at_ns) + timedelta(minutes=1):%Y-%m-%dT%H:%M:%S}.000000Z",
        "actor": {"user": "quri", "host": "console", "principal": CANISTERS[0]},
        "kind": "backup",
        "operation": f"{name}-backup-1f3a",
        "network": NETWORK,
    }
    effects = [
        {**usual, "action": action, "target": identifier, "parameters": {"effect": effect}, "result": "done"}
        for identifier in CANISTERS
        for effect in EVENTS_OF_A_CANISTER
        for action in ("effect intended", "effect ended")
    ]
    copies = [{"id": identifier, "mode": "stop", "cycles": "2058049005"} for identifier in CANISTERS]
    ended = {"action": "ended", "target": ", ".join(NAMES), "parameters": {"backup": name, "canisters": copies}}
    return [*effects, {**usual, **ended, "result": "ok: all", "duration_ms": 81_000}]


class Stopwatch:
    """Prints the time that a `with` block takes; on a busy machine that of the processor tells more."""

    def __init__(self, what: str) -> None:
        self.what = what

    def __enter__(self) -> Self:
        self._wall, self._processor = time.perf_counter(), _processor_seconds()
        return self

    def __exit__(self, *_: object) -> None:
        wall, processor = time.perf_counter() - self._wall, _processor_seconds() - self._processor
        verdict = "ok" if wall <= ALLOWED else "OVER"
        print(
            f"{self.what:<56}{wall:>7.2f} s, {processor:.2f} s of CPU   budget {ALLOWED:.0f} s   {verdict}", flush=True
        )


def _processor_seconds() -> float:
    return sum(os.times()[:4])


def measure(config: Path) -> None:
    """A report, its forms, and the whole command; the load of the machine before it."""
    print(f"load of the machine: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores", flush=True)
    console = Console.open(config_path=config)
    for what in ("first", "again, with the list of backups cached"):
        with Stopwatch(f"a year's report, {what}"):
            report = asyncio.run(console.report("compliance", since_seconds=YEAR * 86_400.0))
    for form in get_args(ReportForm):
        with Stopwatch(f"  written as {form}"):
            report_text(report, form)
    with Stopwatch("  of it, the check of the audit log"):
        console.verify_audit()
    command = [sys.executable, "-m", "quri_console", "--config", str(config), "report", "compliance", "--since", "52w"]
    with Stopwatch("the whole command"):
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def main() -> None:
    """Make what is missing, and measure."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(sys.argv[1] if len(sys.argv) > 1 else scratch)
        folder.mkdir(parents=True, exist_ok=True)
        config = configuration(folder)
        if not (folder / "state").exists():
            until_ns = time.time_ns()
            asyncio.run(make_history(folder / "state" / "history.sqlite", until_ns))
            make_repository(folder / "repository", until_ns)
            print(f"{make_audit(folder / 'state' / 'audit', until_ns):,} events of the audit log", flush=True)
        measure(config)


if __name__ == "__main__":
    main()
