"""Status of every update call: the ledger that `/request_status` of the state tree shows.

A request id executes once, ever; a status stays for at least five minutes after
it is final, except that large replies beyond a memory limit become `done` earlier (the
network prunes its ingress history the same way). Interface spec, "Request status".
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field
from enum import StrEnum

from quri_console.clock import NANOSECONDS_PER_SECOND, Clock
from quri_console.ic.encoding import hash_tree, leb128
from quri_console.localnet import label_trie
from quri_console.localnet.ingress import CheckedRequest
from quri_console.localnet.messages import MANAGEMENT_CANISTER, Reject, Reply

RETENTION_SECONDS = 5 * 60
LARGE_REPLY_BYTES = 64 * 1024
LARGE_REPLIES_MEMORY_BYTES = 256 * 1024 * 1024


class Status(StrEnum):
    """Values of `/request_status/<id>/status`."""

    RECEIVED = "received"
    PROCESSING = "processing"
    REPLIED = "replied"
    REJECTED = "rejected"
    DONE = "done"


@dataclass(slots=True, eq=False)
class RequestRecord:
    """One update call that entered the network."""

    request_id: bytes
    sender: bytes
    canister: bytes
    effective_canister: bytes
    ingress_expiry_ns: int
    status: Status = Status.RECEIVED
    reply_bytes: int = 0
    finished_ns: int | None = None
    finished: asyncio.Event = field(default_factory=asyncio.Event)

    def concerns(self, canisters: frozenset[bytes]) -> bool:
        """Whether a delegation limited to `canisters` covers this call."""
        target = self.effective_canister if self.canister == MANAGEMENT_CANISTER else self.canister
        return target in canisters or self.canister in canisters


class RequestHistory:
    """All known requests, with their statuses as one hash tree."""

    def __init__(
        self,
        clock: Clock,
        *,
        retention_seconds: float = RETENTION_SECONDS,
        large_replies_memory_bytes: int = LARGE_REPLIES_MEMORY_BYTES,
    ) -> None:
        self._clock = clock
        self._retention_ns = round(retention_seconds * NANOSECONDS_PER_SECOND)
        self._memory_bytes = large_replies_memory_bytes
        self._records: dict[bytes, RequestRecord] = {}
        self._answered: deque[RequestRecord] = deque()
        self._large: deque[RequestRecord] = deque()
        self._done: deque[RequestRecord] = deque()
        self._held_bytes = 0
        self._root: label_trie.Node | None = None

    @property
    def root(self) -> label_trie.Node | None:
        """The statuses as they are certified now."""
        self._forget()
        return self._root

    def find(self, request_id: bytes) -> RequestRecord | None:
        """The record of a request id, if the network still knows it."""
        self._forget()
        return self._records.get(request_id)

    def receive(self, request: CheckedRequest, effective_canister: bytes) -> RequestRecord:
        """Enter a call that has not been seen before."""
        record = RequestRecord(
            request.request_id, request.sender, request.canister, effective_canister, request.ingress_expiry_ns
        )
        self._records[record.request_id] = record
        self._certify(record, Status.RECEIVED)
        return record

    def process(self, record: RequestRecord) -> None:
        """The canister has begun; it may take for ever."""
        self._certify(record, Status.PROCESSING)

    def finish(self, record: RequestRecord, answer: Reply | Reject) -> None:
        """Keep the answer and wake everybody who waits for it."""
        if isinstance(answer, Reply):
            record.reply_bytes = len(answer.argument)
            self._certify(record, Status.REPLIED, reply=answer.argument)
        else:
            fields = {"reject_code": leb128.encode_unsigned(answer.code), "reject_message": answer.message.encode()}
            if answer.error_code:
                fields["error_code"] = answer.error_code.encode()
            self._certify(record, Status.REJECTED, **fields)
        record.finished_ns = self._clock.now_ns()
        self._answered.append(record)
        if record.reply_bytes > LARGE_REPLY_BYTES:
            self._large.append(record)
            self._held_bytes += record.reply_bytes
        record.finished.set()

    def _certify(self, record: RequestRecord, status: Status, **fields: bytes) -> None:
        record.status = status
        leaves = {"status": status.value.encode(), **fields}
        subtree = hash_tree.build({label.encode(): value for label, value in leaves.items()})
        self._root = label_trie.insert(self._root, label_trie.entry(record.request_id, subtree))

    def _forget(self) -> None:
        """Turn old answers into `done`, and drop what can no longer be replayed."""
        now_ns = self._clock.now_ns()
        while self._held_bytes > self._memory_bytes and len(self._large) > 1:
            self._prune(self._large.popleft())
        while self._answered and self._kept_until(self._answered[0]) < now_ns:
            record = self._answered.popleft()
            self._prune(record)
            self._done.append(record)
        while self._large and self._large[0].status is Status.DONE:
            self._large.popleft()
        while self._done and self._replayable_until(self._done[0]) < now_ns:
            record = self._done.popleft()
            del self._records[record.request_id]
            self._root = label_trie.remove(self._root, record.request_id)

    def _prune(self, record: RequestRecord) -> None:
        if record.status is Status.DONE:
            return
        if record.reply_bytes > LARGE_REPLY_BYTES:
            self._held_bytes -= record.reply_bytes
        self._certify(record, Status.DONE)

    def _kept_until(self, record: RequestRecord) -> int:
        assert record.finished_ns is not None
        return record.finished_ns + self._retention_ns

    def _replayable_until(self, record: RequestRecord) -> int:
        assert record.finished_ns is not None
        return max(record.ingress_expiry_ns, record.finished_ns) + self._retention_ns
