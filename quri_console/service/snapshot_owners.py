"""Whose a snapshot on chain is, as the journals of the operations here tell."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from quri_console.effects.calls import TAKE_SNAPSHOT, UPLOAD_METADATA
from quri_console.effects.gate import REPLACING
from quri_console.effects.journal import JOURNAL_NAME, Record, read_records
from quri_console.effects.operation_summary import OperationSummary, safety_kept_until_ns
from quri_console.effects.replay import CHECK, DONE, Attempt, attempts
from quri_console.errors import QuriError
from quri_console.restore.chain_snapshots import Ownership
from quri_console.service.bench import admitted_on
from quri_console.service.following import operations
from quri_console.service.session import Session


def owners(session: Session, root_key: bytes) -> dict[bytes, Ownership]:
    """The owner of every snapshot that an operation on the network with this root key made, by id."""
    root_key_hash = hashlib.sha256(root_key).digest()
    found: dict[bytes, Ownership] = {}
    # oldest first, so that the newest operation that made it counts
    for summary in reversed(operations(session)):
        found.update(_of(summary, root_key_hash))
    return found


def _of(summary: OperationSummary, root_key_hash: bytes) -> Iterator[tuple[bytes, Ownership]]:
    path = summary.directory / JOURNAL_NAME
    if not path.exists():
        return
    try:
        records = read_records(path)[0]
    except QuriError:
        return  # a damaged journal tells nothing; the list of operations says that it is damaged
    if admitted_on(records) != root_key_hash:
        # the same ids may be on another network, too
        return
    yield from _made(summary, records)


def _made(summary: OperationSummary, records: tuple[Record, ...]) -> Iterator[tuple[bytes, Ownership]]:
    for attempt in attempts(records, TAKE_SNAPSHOT, UPLOAD_METADATA):
        if attempt.outcome == DONE and attempt.snapshot_id is not None:
            yield attempt.snapshot_id, _ownership(summary, attempt)


def _ownership(summary: OperationSummary, made: Attempt) -> Ownership:
    if summary.outcome is None:
        # it runs, or it is to be resumed
        return Ownership("in use", summary.id)
    if made.kind is UPLOAD_METADATA or made.fields.get("purpose") == CHECK:
        return Ownership("leftover", summary.id)
    if summary.kind in REPLACING:
        return Ownership("safety", summary.id, safety_kept_until_ns(summary.outcome.finished_at_ns))
    return Ownership("backup", summary.id)
