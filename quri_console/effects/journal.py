"""The truth about an operation: fsynced JSON lines, each effect's intent before it is attempted."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from quri_console.clock import Clock, SystemClock
from quri_console.effects.durable import FILE_MODE, Json, compact_json, make_private_directory, sync_directory, unusable
from quri_console.errors import CorruptionError

JOURNAL_NAME = "journal.jsonl"


@dataclass(frozen=True, slots=True)
class Record:
    """One line: what happened when (nanoseconds since 1970), and its particulars."""

    sequence: int
    at_ns: int
    event: str
    fields: Json

    def line(self) -> str:
        """The line as it is kept, without its end."""
        return compact_json({"seq": self.sequence, "at_ns": self.at_ns, "event": self.event, **self.fields})


def read_records(path: Path) -> tuple[tuple[Record, ...], int]:
    """The whole records of a journal, and the length in bytes of a torn last line (0 when there is none).

    A line that was being written when the machine died has no end and is not believed; damage
    before that raises CorruptionError.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise unusable(path, error) from error
    whole, _, torn = data.rpartition(b"\n")
    return tuple(_parsed(path, whole)), len(torn)


def _parsed(path: Path, whole: bytes) -> Iterator[Record]:
    for expected, line in enumerate(whole.splitlines()):
        try:
            fields = json.loads(line)
            sequence, at_ns, event = fields.pop("seq"), fields.pop("at_ns"), fields.pop("event")
        except (ValueError, KeyError, AttributeError, TypeError) as error:
            raise _damaged(path, expected + 1) from error
        if sequence != expected or not isinstance(at_ns, int) or not isinstance(event, str):
            raise _damaged(path, expected + 1)
        yield Record(sequence, at_ns, event, fields)


def _damaged(path: Path, line: int) -> CorruptionError:
    return CorruptionError(
        f"line {line} of {path} is damaged",
        why="it is not the record that was written there",
        next_step="Look at the canister's status and snapshots yourself; this operation cannot be resumed.",
    )


class Listener(Protocol):
    """Hears of every record of a journal."""

    def before(self, record: Record) -> None:
        """It is about to be written; raising keeps it from being written, and what it announces from being done."""

    def after(self, record: Record) -> None:
        """It is on disk."""


class Journal:
    """Appends records to one operation's journal; each is on disk before `append` returns."""

    def __init__(self, path: Path, *, clock: Clock | None = None) -> None:
        """Open the journal at `path`, created when absent; a torn last line is cut off and noted.

        Raises StateFolderUnusable, CorruptionError.
        """
        self.path = path
        self.listener: Listener | None = None
        self._clock = clock or SystemClock()
        make_private_directory(path.parent)
        created = not path.exists()
        try:
            self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, FILE_MODE)
            if created:
                sync_directory(path.parent)
        except OSError as error:
            raise unusable(path, error) from error
        records, torn_bytes = read_records(path)
        self._records = list(records)
        if torn_bytes:
            os.ftruncate(self._descriptor, path.stat().st_size - torn_bytes)
            self.append("torn line removed", bytes=torn_bytes)

    @property
    def records(self) -> tuple[Record, ...]:
        """All records, oldest first."""
        return tuple(self._records)

    def append(self, event: str, /, *, sync: bool = True, **fields: object) -> Record:
        """Write one record and wait until it, and all before it, are on disk. Raises StateFolderUnusable.

        Without `sync` it survives this process, but perhaps not the machine. What the listener raises is raised, too.
        """
        record = Record(len(self._records), self._clock.now_ns(), event, fields)
        if self.listener is not None:
            self.listener.before(record)
        data = f"{record.line()}\n".encode()
        try:
            written = os.write(self._descriptor, data)
            if written != len(data):
                raise OSError(28, "No space left on device")
            if sync:
                os.fsync(self._descriptor)
        except OSError as error:
            self._cut_back()
            raise unusable(self.path, error) from error
        self._records.append(record)
        if self.listener is not None:
            self.listener.after(record)
        return record

    def _cut_back(self) -> None:
        # a record that did not fit must not stand half-written before later ones
        whole = sum(len(record.line().encode()) + 1 for record in self._records)
        os.ftruncate(self._descriptor, whole)

    def close(self) -> None:
        """Release the file."""
        os.close(self._descriptor)
