"""Whether it was an operation of this machine that held a canister stopped: that is no trouble to wake anybody for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from quri_console.effects.calls import START, STOP
from quri_console.effects.journal import JOURNAL_NAME, Record, read_records
from quri_console.effects.operation_files import OperationFiles
from quri_console.effects.replay import DONE, INTENT, OUTCOME, status_before
from quri_console.errors import QuriError
from quri_console.monitor.fleet import CanisterView, Health
from quri_console.monitor.health import health_of

NEWEST_OPERATIONS = 10
STOPPED = "stopped"


def without_own_stops(view: CanisterView, operations: Path) -> Health:
    """The health that alerts are judged by: a canister that an operation stops for seconds is not `stopped`.

    Once the operation's process is gone, it is: then nobody may start it again.
    """
    if view.sampled_at_ns is None or not any(finding.rule == STOPPED for finding in view.health.findings):
        return view.health
    if not stopped_by_operation(operations, view.canister_id, view.sampled_at_ns):
        return view.health
    return health_of(finding for finding in view.health.findings if finding.rule != STOPPED)


def stopped_by_operation(operations: Path, canister: str, at_ns: int) -> bool:
    """Whether one of the newest operations held a canister stopped that ran before, at a moment (ns since 1970)."""
    if not operations.is_dir():
        return False
    newest = sorted((path for path in operations.iterdir() if (path / JOURNAL_NAME).exists()), reverse=True)
    return any(_held(path, canister, at_ns) for path in newest[:NEWEST_OPERATIONS])


def _held(folder: Path, canister: str, at_ns: int) -> bool:
    try:
        records = read_records(folder / JOURNAL_NAME)[0]
        if status_before(records, canister) != "running":
            return False
        windows = tuple(_windows(records, canister))
        alive = any(end is None for _, end in windows) and OperationFiles(folder).runner_lives()
    except QuriError:
        return False  # a journal that cannot be read explains nothing
    return any(start <= at_ns and (alive if end is None else at_ns <= end) for start, end in windows)


def _windows(records: Iterable[Record], canister: str) -> Iterator[tuple[int, int | None]]:
    """From each stop to the answer of the start after it; None where there is none yet."""
    begun: int | None = None
    starts: set[int] = set()
    for record in records:
        if record.event == INTENT and record.fields["canister"] == canister:
            if record.fields["effect"] == STOP.name:
                begun = record.at_ns if begun is None else begun
            elif record.fields["effect"] == START.name:
                starts.add(record.sequence)
        elif record.event == OUTCOME and record.fields["intent"] in starts and record.fields["outcome"] == DONE:
            if begun is not None:
                yield begun, record.at_ns
            begun = None
    if begun is not None:
        yield begun, None
