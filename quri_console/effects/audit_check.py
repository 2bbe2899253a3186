"""Whether the audit log is what was written: the first line that is not, and why."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from quri_console.effects.audit_log import (
    CUT_OFF,
    FIRST,
    HEAD_NAME,
    TORN,
    Head,
    event_hash,
    read_head,
    segment_name,
    segments,
)
from quri_console.effects.canonical_json import canonical
from quri_console.effects.durable import unusable

_HASH_BYTES, _PREVIOUS_BYTES = len(',"hash":""') + 64, len(',"prev_hash":""') + 64
_TORN, _CUT_OFF = f'"{TORN}"'.encode(), f'"{CUT_OFF}"'.encode()


@dataclass(frozen=True, slots=True)
class Fault:
    """Where the log is not what was written; `line` counts from 1 in `segment`, 0 where it is about no line."""

    segment: str
    line: int
    why: str

    @property
    def words(self) -> str:
        """Where and why, in one sentence."""
        place = f"{self.segment}, line {self.line}: " if self.line else f"{self.segment}: " if self.segment else ""
        return f"{place}{self.why}"


@dataclass(frozen=True, slots=True)
class AuditCheck:
    """What reading the whole log found. `torn_bytes`: an unfinished last line, which a crash leaves."""

    events: int
    segments: int
    head: Head
    fault: Fault | None = None
    torn_bytes: int = 0
    torn_before: int = 0
    """How many unfinished lines were cut off earlier, each noted by the event after it."""

    @property
    def whole(self) -> bool:
        """Whether nothing was changed, taken away or put in."""
        return self.fault is None


def verify_log(folder: Path, witnesses: Mapping[str, Head] | None = None) -> AuditCheck:
    """Read the whole log. `witnesses` are heads that were kept elsewhere, by what keeps them.

    An end that was cut off shows only against those and the kept head: every beginning of a log is a log.
    Raises StateFolderUnusable.
    """
    known = {**(witnesses or {})}
    # read before the log, which others append to meanwhile
    kept = read_head(folder)
    if kept is not None:
        known[HEAD_NAME] = kept
    reader = _Reader(folder, {witness.seq for witness in known.values()})
    fault = reader.read()
    if fault is None:
        fault = _against(known, reader)
    return AuditCheck(reader.head.seq, reader.segments, reader.head, fault, reader.torn_bytes, reader.torn_before)


class _Reader:
    def __init__(self, folder: Path, wanted: Set[int]) -> None:
        self.folder = folder
        self._wanted = wanted
        self._seq, self._hash = FIRST.seq, FIRST.hash
        self.segments = self.torn_bytes = self.torn_before = 0
        self.last_segment, self.last_line = segment_name(1), 0
        self.hashes: dict[int, str] = {FIRST.seq: FIRST.hash}

    @property
    def head(self) -> Head:
        """The newest event so far."""
        return Head(self._seq, self._hash)

    def read(self) -> Fault | None:
        found = segments(self.folder)
        for number, path in enumerate(found, start=1):
            self.segments = number
            if path.name != segment_name(number):
                return Fault(segment_name(number), 0, "the segment is missing")
            for line, data in _lines(path):
                if not data.endswith(b"\n") and path == found[-1]:
                    self.torn_bytes = len(data)
                    return None
                why = self._fault(data)
                if why:
                    return Fault(path.name, line, why)
                self.last_segment, self.last_line = path.name, line
        return None

    def _fault(self, data: bytes) -> str:
        """Why a line is not the next event; empty when it is."""
        if self._plainly_next(data):
            return ""
        try:
            fields = json.loads(data)
            right = event_hash(fields)
            canonical_line = canonical(fields) + b"\n"
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return "it is no event"
        if canonical_line != data or fields.get("hash") != right:
            return "its hash is not that of its text"
        return self._out_of_place(fields)

    def _plainly_next(self, data: bytes) -> bool:
        """Whether the line is the next event, told without reading it as JSON, which takes thirty times as long.

        Its hash is over its bytes without the two hashes. Where this does not work out the line is read, and judged.
        """
        expected, previous = self._seq + 1, self._hash
        at = data.find(b',"hash":"')
        second = data.find(f',"prev_hash":"{previous}"'.encode(), at + _HASH_BYTES)
        if at < 0 or second < 0 or not data.endswith(b"}\n") or _TORN in data or _CUT_OFF in data:
            return False
        after = data[second + _PREVIOUS_BYTES : -1]
        _, number, following = after.partition(b',"seq":%d,' % expected)
        if not number or not following.startswith((b'"target":"', b'"ts":"')):
            return False
        hashed = b"".join((bytes.fromhex(previous), data[:at], data[at + _HASH_BYTES : second], after))
        told = data[at + 9 : at + 73].decode("ascii", "replace")
        if data[at + 73 : at + 74] != b'"' or hashlib.sha256(hashed).hexdigest() != told:
            return False
        self._goes_on(expected, told)
        return True

    def _out_of_place(self, fields: dict[str, Any]) -> str:
        expected = self._seq + 1
        if fields.get("seq") != expected:
            return f"it is event {fields.get('seq')} where event {expected} belongs"
        if fields.get("prev_hash") != self._hash:
            return "it does not follow the event before it"
        if CUT_OFF in fields:
            return f"events after {self._seq} had been cut off when it was written"
        self.torn_before += TORN in fields
        self._goes_on(expected, fields["hash"])
        return ""

    def _goes_on(self, sequence: int, event: str) -> None:
        self._seq, self._hash = sequence, event
        if sequence in self._wanted:
            self.hashes[sequence] = event


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    try:
        with path.open("rb") as file:
            yield from enumerate(file, start=1)
    except OSError as error:
        raise unusable(path, error) from error


def _against(witnesses: Mapping[str, Head], reader: _Reader) -> Fault | None:
    for name, witness in sorted(witnesses.items(), key=lambda item: item[1].seq):
        if witness.seq > reader.head.seq:
            why = f"the log ends at event {reader.head.seq}, and {name} knows event {witness.seq}: its end is gone"
            return Fault(reader.last_segment, reader.last_line + 1, why)
        if reader.hashes[witness.seq] != witness.hash:
            return Fault("", 0, f"event {witness.seq} is not the one that {name} knows")
    return None
