"""What a canister printed: a ring of records bounded by bytes (spec: canister logging)."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

# A record costs its content and this much for index, timestamp and length.
RECORD_OVERHEAD_BYTES = 20


@dataclass(frozen=True, slots=True)
class LogRecord:
    """One line: a running index, the time in nanoseconds, the bytes printed."""

    index: int
    timestamp_ns: int
    content: bytes


class CanisterLog:
    """Keeps the newest records that fit into `limit_bytes`."""

    def __init__(self, records: Iterable[LogRecord] = (), next_index: int = 0) -> None:
        self._records: deque[LogRecord] = deque(records)
        self.next_index = next_index

    @property
    def records(self) -> tuple[LogRecord, ...]:
        """Oldest first."""
        return tuple(self._records)

    @property
    def size_bytes(self) -> int:
        return sum(len(record.content) + RECORD_OVERHEAD_BYTES for record in self._records)

    def append(self, content: bytes, timestamp_ns: int, limit_bytes: int) -> None:
        """Add a record, cut to what fits; older ones make room."""
        kept = content[: max(0, limit_bytes - RECORD_OVERHEAD_BYTES)]
        self._records.append(LogRecord(self.next_index, timestamp_ns, kept))
        self.next_index += 1
        self.shrink(limit_bytes)

    def shrink(self, limit_bytes: int) -> None:
        """Drop the oldest records until the rest fits."""
        while self._records and self.size_bytes > limit_bytes:
            self._records.popleft()

    def clear(self) -> None:
        """Forget the records; indices go on."""
        self._records.clear()
