"""The audit log as a file format: lines chained by SHA-256, appended by several processes, never rewritten.

    audit/000001.jsonl   one event a line, in canonical JSON (RFC 8785); the next segment goes on in 000002.jsonl
    audit/head.json      number and hash of the newest event, so that a cut off end is noticed
    audit/lock           held while an event is appended

Each event has `seq` (from 1, without gaps over all segments), `prev_hash` (of the event before, 64 zeros for the
first) and `hash` = SHA-256(prev_hash ‖ canonical JSON of all other fields), with prev_hash as its 32 bytes.
A line without an end was being written when the machine died: the next writer cuts it off and notes `torn_bytes`.

What the chain shows is that nobody changed the past without making anew all that came after. Who may write the
whole state folder can do that; the heads that operations keep in their outcomes, and a head that was copied
elsewhere (`audit verify` prints it), show even this.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import json
import os
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from quri_console.effects.canonical_json import Plain, canonical
from quri_console.effects.durable import (
    FILE_MODE,
    StateFolderUnusable,
    make_private_directory,
    sync_directory,
    unusable,
    write_whole,
)
from quri_console.units import MIB

AUDIT_FOLDER = "audit"
SEGMENT_BYTES = 16 * MIB
HEAD_NAME, LOCK_NAME = "head.json", "lock"
TORN, CUT_OFF = "torn_bytes", "cut_off_after"
NO_HASH = bytes(32).hex()
LOCK_SECONDS, LOCK_PAUSE_SECONDS = 5.0, 0.005
_TAIL_BYTES = 1 << 16


@dataclass(frozen=True, slots=True)
class Head:
    """The newest event: its number and its hash in hex."""

    seq: int
    hash: str


FIRST = Head(0, NO_HASH)


def event_hash(fields: Mapping[str, Plain]) -> str:
    """The hash that an event must have, in hex. Raises ValueError for fields that no event of ours has."""
    rest = {name: value for name, value in fields.items() if name not in ("hash", "prev_hash")}
    return hashlib.sha256(bytes.fromhex(str(fields["prev_hash"])) + canonical(rest)).hexdigest()


def segments(folder: Path) -> list[Path]:
    """The files of the log, oldest first. Raises StateFolderUnusable."""
    try:
        return sorted(path for path in folder.glob("*.jsonl") if path.stem.isdigit())
    except OSError as error:
        raise unusable(folder, error) from error


def segment_name(number: int) -> str:
    """The name of a segment, which sorts as its number does."""
    return f"{number:06}.jsonl"


def read_head(folder: Path) -> Head | None:
    """The kept head; None when there is none, or when it is damaged."""
    try:
        fields = json.loads((folder / HEAD_NAME).read_bytes())
        return Head(int(fields["seq"]), str(fields["hash"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


class AuditLog:
    """Appends to the audit log of a state folder."""

    def __init__(self, folder: Path, *, segment_bytes: int = SEGMENT_BYTES) -> None:
        self.folder = folder
        self._segment_bytes = segment_bytes

    def append(self, fields: Mapping[str, Plain]) -> Head:
        """Write one event and wait until it is on disk; the head afterwards. Raises StateFolderUnusable.

        Several processes may append at the same time. An event that does not fit leaves nothing behind.
        """
        make_private_directory(self.folder)
        with self._locked():
            return self._append(dict(fields))

    def _append(self, fields: dict[str, Plain]) -> Head:
        path, last, torn_bytes = self._end()
        kept = read_head(self.folder)
        if torn_bytes:
            fields[TORN] = torn_bytes
        if kept is not None and kept.seq > last.seq:
            # somebody cut the end off; to go on from there without a word would hide it for ever
            fields[CUT_OFF] = {"seq": kept.seq, "hash": kept.hash}
        fields |= {"seq": last.seq + 1, "prev_hash": last.hash}
        fields["hash"] = event_hash(fields)
        _write(path, canonical(fields) + b"\n")
        head = Head(last.seq + 1, str(fields["hash"]))
        with contextlib.suppress(StateFolderUnusable):
            # one that lags behind is still true of its own event, and the event is on disk
            write_whole(self.folder / HEAD_NAME, f'{{"hash":"{head.hash}","seq":{head.seq}}}\n')
        return head

    def _end(self) -> tuple[Path, Head, int]:
        """The segment to append to, the event before, and how many bytes of a torn line were cut off."""
        found = segments(self.folder)
        if not found:
            return self.folder / segment_name(1), FIRST, 0
        newest = found[-1]
        try:
            torn_bytes = _cut_torn(newest)
            size = newest.stat().st_size
            last = self._last(newest if size or len(found) == 1 else found[-2])
        except OSError as error:
            raise unusable(newest, error) from error
        if size >= self._segment_bytes:
            newest = self.folder / segment_name(int(newest.stem) + 1)
        return newest, last, torn_bytes

    def _last(self, segment: Path) -> Head:
        line = _last_line(segment)
        if not line:
            return FIRST
        try:
            fields = json.loads(line)
            return Head(int(fields["seq"]), bytes.fromhex(fields["hash"]).hex())
        except (ValueError, KeyError, TypeError):
            # damaged: the chain goes on from the kept head, and the reader finds the line
            return read_head(self.folder) or Head(0, hashlib.sha256(line).hexdigest())

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        path = self.folder / LOCK_NAME
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT, FILE_MODE)
        except OSError as error:
            raise unusable(path, error) from error
        try:
            _take(descriptor, path)
            yield
        finally:
            os.close(descriptor)


def _take(descriptor: int, path: Path) -> None:
    """Take the lock; not for ever, because a process that was halted must not halt one that holds a canister."""
    give_up_at = time.monotonic() + LOCK_SECONDS
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            if time.monotonic() > give_up_at:
                raise unusable(path, OSError(errno.EBUSY, "another process has held it for too long")) from error
            time.sleep(LOCK_PAUSE_SECONDS)
        else:
            return


def _write(path: Path, data: bytes) -> None:
    """Append in one write, synced; what did not fit is taken back. Raises StateFolderUnusable."""
    try:
        created = not path.exists()
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, FILE_MODE)
        try:
            before = os.fstat(descriptor).st_size
            try:
                if os.write(descriptor, data) != len(data):
                    raise OSError(errno.ENOSPC, "No space left on device")
                os.fsync(descriptor)
            except OSError:
                os.ftruncate(descriptor, before)
                raise
        finally:
            os.close(descriptor)
        if created:
            sync_directory(path.parent)
    except OSError as error:
        raise unusable(path, error) from error


def _cut_torn(path: Path) -> int:
    size = path.stat().st_size
    whole = _end_of_last_line(path, size)
    if whole < size:
        os.truncate(path, whole)
    return size - whole


def _end_of_last_line(path: Path, size: int) -> int:
    """Where the last whole line ends; 0 when there is none."""
    with path.open("rb") as file:
        at = size
        while at > 0:
            start = max(0, at - _TAIL_BYTES)
            file.seek(start)
            found = file.read(at - start).rfind(b"\n")
            if found >= 0:
                return start + found + 1
            at = start
    return 0


def _last_line(path: Path) -> bytes:
    """The last whole line of a file that ends with one, without its end; empty when there is none."""
    size = path.stat().st_size if path.exists() else 0
    if size == 0:
        return b""
    start = _end_of_last_line(path, size - 1)
    with path.open("rb") as file:
        file.seek(start)
        return file.read(size - start).rstrip(b"\n")


def read_events(folder: Path) -> Iterator[dict[str, Any]]:
    """The events, oldest first, as they are written; lines that are none are left out (`verify_log` names them).

    Raises StateFolderUnusable.
    """
    for path in segments(folder):
        try:
            with path.open("rb") as file:
                for line in file:
                    with contextlib.suppress(ValueError):
                        fields = json.loads(line)
                        if isinstance(fields, dict):
                            yield fields
        except OSError as error:
            raise unusable(path, error) from error
