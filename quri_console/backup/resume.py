"""After a backup's runner was killed: drop what it left half written, and its snapshots on chain."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from quri_console.backup.files import storage_errors
from quri_console.backup.layout import UNFINISHED_PREFIX
from quri_console.effects.calls import TAKE_SNAPSHOT
from quri_console.effects.replay import attempts, snapshots_made
from quri_console.ic.encoding.principal import parse_principal

if TYPE_CHECKING:
    from quri_console.effects.journal import Record
    from quri_console.effects.perform import Effects

SET_RESERVED = "backup set"


def committed_set(records: Iterable[Record]) -> Path | None:
    """The set that the journal's operation committed; None when it committed none."""
    paths = [_final(record) for record in records if record.event == SET_RESERVED]
    return next((path for path in reversed(paths) if path.is_dir()), None)


async def tidy_up(effects: Effects) -> Path | None:
    """Remove the unfinished set, delete the snapshots that the operation took; the committed set, if there is one.

    To be called once the journal's open effects are settled. Raises StorageFailed, Rejected, NetworkError.
    """
    records = effects.journal.records
    for record in records:
        if record.event == SET_RESERVED:
            final = _final(record)
            unfinished = final.with_name(f"{UNFINISHED_PREFIX}{final.name}")
            with storage_errors("remove the unfinished backup", unfinished):
                await asyncio.to_thread(_remove, unfinished)
    ours = snapshots_made(records, TAKE_SNAPSHOT)
    for attempt in attempts(records, TAKE_SNAPSHOT):
        if attempt.snapshot_id is not None and attempt.snapshot_id in ours:
            await effects.delete_snapshot(parse_principal(attempt.canister), attempt.snapshot_id)
    return committed_set(records)


def _final(record: Record) -> Path:
    return Path(record.fields["path"])


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
