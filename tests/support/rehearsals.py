"""Backups of hand-written modules, as large and as odd as a rehearsal needs them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from quri_console.backup.browse import STATUS_NAME, StoredCanister, open_backup
from quri_console.backup.canister_records import put_health, put_state
from quri_console.backup.health_replies import HealthReply
from quri_console.backup.interchange import Slice
from quri_console.backup.manifest import ManifestCanister, document_of, set_items
from quri_console.backup.status_record import encode_status
from quri_console.backup.store_state import store_state
from quri_console.ic.encoding.principal import Principal
from quri_console.ic.management.types import Global, SnapshotMetadata
from quri_console.repository.store import Repository
from quri_console.units import WASM_PAGE_BYTES
from tests.support.backups import AT, ORIGIN, RUNE_ENGINE, begin_backup, made_up_status
from tests.support.wasm_canisters import wat

TRUE, FALSE = b"DIDL\x00\x01\x7e\x01", b"DIDL\x00\x01\x7e\x00"
_ESCAPED = {data: "".join(f"\\{byte:02x}" for byte in data) for data in (TRUE, FALSE)}


def module(query: str, *, pointer: str = "i32", imports: str = "", pages: int = 1, name: str = "health") -> bytes:
    """A module whose query runs `query`; `$yes` and `$no` answer true and false. `P` is the pointer type."""
    wide = "i64" if pointer == "i64" else ""
    text = f"""
    (module
      (import "ic0" "msg_reply" (func $reply))
      (import "ic0" "msg_reply_data_append" (func $append (param P P)))
      (import "ic0" "stable64_read" (func $stable_read (param i64 i64 i64)))
      {imports}
      (memory {wide} {pages})
      (data (P.const 0) "{_ESCAPED[TRUE]}") (data (P.const 16) "{_ESCAPED[FALSE]}")
      (global $count (mut i64) (i64.const 0))
      (func $yes (call $append (P.const 0) (P.const 8)) (call $reply))
      (func $no (call $append (P.const 16) (P.const 8)) (call $reply))
      (func (export "canister_query {name}") {query}))
    """
    return wat(text.replace("P.const", f"{pointer}.const").replace("param P P", f"param {pointer} {pointer}"))


def first_page(content: bytes = b"") -> bytes:
    """A heap of one page with the answers where `module` looks for them, and `content` from 1,024 on."""
    page = bytearray(WASM_PAGE_BYTES)
    page[0:8], page[16:24] = TRUE, FALSE
    page[1024 : 1024 + len(content)] = content
    return bytes(page)


@dataclass(frozen=True)
class MadeUpCopy:
    """A snapshot; of its stable memory only the pages that are not zero are given, by number."""

    module: bytes
    heap: bytes = field(default_factory=first_page)
    stable_pages: int = 0
    stable: Mapping[int, bytes] = field(default_factory=dict)
    count: int = 0
    globals: tuple[Global | None, ...] | None = None

    @property
    def metadata(self) -> SnapshotMetadata:
        return SnapshotMetadata(
            source="taken_from_canister",
            taken_at_ns=int(AT.timestamp()) * 10**9,
            wasm_module_size=len(self.module),
            globals=(Global("i64", self.count),) if self.globals is None else self.globals,
            wasm_memory_size=len(self.heap),
            stable_memory_size=self.stable_pages * WASM_PAGE_BYTES,
            wasm_chunk_store=(),
            canister_version=3,
            certified_data=b"",
        )

    def read(self, part: Slice) -> bytes:
        if part.blob == "stable_memory":
            pages = range(part.offset // WASM_PAGE_BYTES, -(-(part.offset + part.size) // WASM_PAGE_BYTES))
            return b"".join(self.stable.get(page, bytes(WASM_PAGE_BYTES)) for page in pages)[: part.size]
        content = self.module if part.blob == "wasm_module" else self.heap
        return content[part.offset : part.offset + part.size]

    def is_zero(self, part: Slice) -> bool:
        if part.blob != "stable_memory":
            return not any(self.read(part))
        first, last = part.offset // WASM_PAGE_BYTES, (part.offset + part.size - 1) // WASM_PAGE_BYTES
        return not any(first <= page <= last for page in self.stable)

    def chunk(self, digest: bytes) -> bytes:
        raise KeyError(digest)

    def chunk_bytes(self, digest: bytes) -> int:
        raise KeyError(digest)


def is_taken(repository: Repository, at: datetime) -> bool:
    """Whether a set of that second is there."""
    return f"{at:%Y%m%dT%H%M%SZ}" in repository.set_names()


def store(
    repository: Repository,
    copies: Mapping[str, MadeUpCopy],
    *,
    replies: Sequence[HealthReply] = (),
    at: datetime = AT,
    module_hash: bytes | None = None,
) -> str:
    """A committed set with these copies by name, all of one canister id but for the last byte; its name."""
    while is_taken(repository, at):
        at += timedelta(seconds=1)
    writer, entries = begin_backup(repository, at), []
    for number, (name, copy) in enumerate(copies.items()):
        chunks = repository.chunk_writer()
        copied = store_state(copy, chunks)
        chunks.flush()
        put_state(writer, name, copied)
        put_health(writer, name, replies)
        canister = Principal(RUNE_ENGINE.bytes[:-3] + bytes([number, 1, 1]))
        status = made_up_status()
        writer.put_record(
            name, STATUS_NAME, encode_status(status, canister_id=canister.to_str(), name=name, read_at=at)
        )
        entries.append(
            ManifestCanister(
                canister=canister,
                name=name,
                folder=name,
                subnet=None,
                taken_at=at,
                mode="stop",
                status_before="running",
                snapshot_id=b"",
                module_hash=module_hash or hashlib.sha256(copy.module).digest(),
                state_bytes=copied.state_bytes,
            )
        )
    writer.commit(set_items(ORIGIN, entries), document_of(tool="quri-console 0", operation="op", network=ORIGIN))
    return writer.name


def stored(repository: Repository, copy: MadeUpCopy, **changes: object) -> StoredCanister:
    """One copy, stored as `store` does, opened."""
    name = store(repository, {"pig": copy}, **changes)  # type: ignore[arg-type]
    return open_backup(repository, name).canister("pig")
