"""Takes the balances that the old monitoring script has collected into the history."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from quri_console.clock import NANOSECONDS_PER_SECOND
from quri_console.errors import RefusedBySafetyRule, UsageError
from quri_console.history import History, Sample
from quri_console.monitor.legacy_history import LegacySample, Unread, read_legacy_history
from quri_console.service.session import Session

MAINNET = "ic"
"""What the script called mainnet."""
BATCH = 5_000
MAX_FILE_BYTES = 512 << 20
EARLIEST_NS = 1_600_000_000 * NANOSECONDS_PER_SECOND
"""Before the network began there were no balances."""


@dataclass(frozen=True, slots=True)
class ImportedHistory:
    """How many balances were new, how many were there already, and what was not taken, with its line (0: no one line).

    The texts of `problems` may hold anything that the file holds.
    """

    path: Path
    added: int
    skipped: int
    problems: tuple[Unread, ...]


async def import_history(session: Session, path: Path) -> ImportedHistory:
    """Import a `cycles_history.json`; the file is only read, and importing it again adds nothing.

    Names are those of the configuration; what belongs to other names or another network is told and left out.
    Raises UsageError, RefusedBySafetyRule, HistoryUnusable.
    """
    if session.read_only:
        raise RefusedBySafetyRule(
            "this console is read-only, so there is no import",
            why="--read-only was given",
            next_step="Run it again without --read-only.",
        )
    read = read_legacy_history(await asyncio.to_thread(_text, path))
    foreign: Counter[str] = Counter()
    samples = list(_samples(session, read.samples, foreign))
    added = 0
    if samples:
        async with await History.open(session.config.paths.history, clock=session.clock) as history:
            for first in range(0, len(samples), BATCH):
                added += await history.add_missing_samples(session.network.name, samples[first : first + BATCH])
            await history.rollups.update(session.network.name, session.clock.now_ns())
    told = tuple(Unread(0, f"{why}: {count} balances left out") for why, count in foreign.items())
    return ImportedHistory(path, added, len(samples) - added, (*read.unread, *told))


def _samples(session: Session, found: tuple[LegacySample, ...], foreign: Counter[str]) -> Iterator[Sample]:
    ids = {canister.name: canister.id for canister in session.config.canisters}
    now_ns = session.clock.now_ns()
    for sample in sorted(found, key=lambda sample: sample.at_ns):
        if not _same_network(session, sample.network):
            foreign[f"the network {sample.network} is not {session.network.name}"] += 1
        elif sample.name not in ids:
            foreign[f"{sample.name} is no canister of the configuration"] += 1
        elif not EARLIEST_NS <= sample.at_ns <= now_ns:
            foreign["times in the future or before the network began"] += 1
        else:
            yield Sample(ids[sample.name], sample.at_ns, origin="imported", cycles=sample.cycles)


def _same_network(session: Session, name: str) -> bool:
    # a network without a root key of its own is mainnet, whatever the configuration calls it
    return name == session.network.name or (name == MAINNET and session.network.root_key is None)


def _text(path: Path) -> str:
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise UsageError(f"{path} is too large for a cycles_history.json", why=f"more than {MAX_FILE_BYTES} bytes")
        return path.read_text("utf-8", errors="replace")
    except OSError as error:
        raise UsageError(
            f"{path} cannot be read",
            why=error.strerror or str(error),
            next_step="Give the path of a cycles_history.json.",
        ) from error
