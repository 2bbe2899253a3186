"""A canister written by hand whose every byte of state is known, and its controller's agent and effects."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import cast

from quri_console.backup.backup_set import BackupRequest, BackupSet
from quri_console.backup.browse import StoredCanister, open_backup
from quri_console.backup.capture import back_up
from quri_console.backup.interchange import BLOBS
from quri_console.backup.state import iter_slices
from quri_console.backup.target import BackupTarget
from quri_console.clock import SystemClock
from quri_console.effects.gate import Permit
from quri_console.effects.journal import Journal
from quri_console.effects.perform import Effects
from quri_console.ic.agent import Agent
from quri_console.ic.encoding.principal import Principal
from quri_console.ic.identity import identity_from_pem
from quri_console.ic.management import change
from quri_console.ic.management.read import canister_status
from quri_console.ic.management.types import CanisterStatus
from quri_console.ic.prepared import perform
from quri_console.localnet.messages import BuiltinCall, Ingress, Reject, Reply
from quri_console.localnet.subnet import FIRST_LOCAL_ID, canister_id
from quri_console.progress import ProgressEvent
from quri_console.repository.local import LocalBackend
from quri_console.repository.store import REPOSITORY_FILE, Repository, create_repository
from tests.support.modules import NeverAnswers
from tests.support.networks import LocalNetwork, local_network

HEAP_PAGES, STABLE_PAGES = 65, 33
SILENCE = canister_id(1)
"""Where the canister's `ask_silence` calls to, and waits."""
_SILENCE_TEXT = "".join(f"\\{byte:02x}" for byte in SILENCE)
# 40 pages of heap begin with their own number, the rest and every second half page stay zero
_TEXT = f"""
(module
  (import "ic0" "msg_reply" (func $reply))
  (import "ic0" "stable64_grow" (func $grow (param i64) (result i64)))
  (import "ic0" "stable64_write" (func $write (param i64 i64 i64)))
  (import "ic0" "certified_data_set" (func $certify (param i32 i32)))
  (import "ic0" "call_new" (func $call (param i32 i32 i32 i32 i32 i32 i32 i32)))
  (import "ic0" "call_perform" (func $perform (result i32)))
  (memory {HEAP_PAGES})
  (data (i32.const 16) "certified")
  (data (i32.const 32) "{_SILENCE_TEXT}")
  (global $a (mut i32) (i32.const -5))
  (global $b (mut i64) (i64.const 1))
  (global $c (mut f32) (f32.const SOME_FLOAT))
  (global $d (mut f64) (f64.const -0.0))
  (global $e (mut v128) (v128.const i32x4 3 0 0 16))
  (func (export "canister_init") (local $page i32)
    (drop (call $grow (i64.const {STABLE_PAGES})))
    (loop $next
      (i32.store (i32.mul (local.get $page) (i32.const 65536)) (local.get $page))
      (local.set $page (i32.add (local.get $page) (i32.const 1)))
      (br_if $next (i32.lt_u (local.get $page) (i32.const 40))))
    (call $write (i64.const 2000000) (i64.const 16) (i64.const 9))
    (call $certify (i32.const 16) (i32.const 9))
    (global.set $b (i64.const 0x7fffffffffffffff)))
  (table 1 funcref)
  (elem (i32.const 0) $reply)
  (func (export "canister_update ping") (call $reply))
  (func (export "canister_update ask_silence")
    (call $call (i32.const 32) (i32.const 10) (i32.const 16) (i32.const 4)
      (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0))
    (drop (call $perform)))
  (func (export "canister_query health") (call $reply)))
"""


@cache
def module(some_float: str = "nan:0x200001") -> bytes:
    """The canister's code; `some_float` is one of its globals."""
    import wasmtime

    return bytes(wasmtime.wat2wasm(_TEXT.replace("SOME_FLOAT", some_float)))


def heap() -> bytes:
    """The canister's heap after its init."""
    memory = bytearray(HEAP_PAGES << 16)
    memory[16:25] = b"certified"
    memory[32:42] = SILENCE
    for page in range(40):
        memory[page << 16 : (page << 16) + 4] = page.to_bytes(4, "little")
    return bytes(memory)


def stable_memory() -> bytes:
    """The canister's stable memory after its init."""
    memory = bytearray(STABLE_PAGES << 16)
    memory[2_000_000:2_000_009] = b"certified"
    return bytes(memory)


class _Silence(NeverAnswers):
    """Tells when it is asked."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()

    async def update(self, call: BuiltinCall) -> Reply | Reject:
        self.asked.set()
        return await super().update(call)


class Recorder:
    """Progress as a list; `on` calls back at the first event of a phase."""

    def __init__(self) -> None:
        self.events: list[ProgressEvent] = []
        self.on: dict[str, object] = {}

    def report(self, event: ProgressEvent) -> None:
        self.events.append(event)
        react = self.on.pop(event.phase, None)
        if callable(react):
            react()

    def phases(self, subject: str) -> list[str]:
        """The phases of one subject, each once, in order."""
        return list(dict.fromkeys(event.phase for event in self.events if event.subject == subject))


@dataclass
class Laboratory:
    """A network, its controller's agent, and effects with a journal in a folder."""

    net: LocalNetwork
    agent: Agent
    folder: Path
    effects: Effects
    progress: Recorder = field(default_factory=Recorder)
    open_calls: list[asyncio.Future[object]] = field(default_factory=list)

    @property
    def repository(self) -> Path:
        return self.folder / "repository"

    def store(self) -> Repository:
        """The repository, freshly opened; made in the clear when there is none."""
        if not (self.repository / REPOSITORY_FILE).exists():
            create_repository(LocalBackend(self.repository))
        return Repository.open(self.repository)

    async def back_up(self, *targets: tuple[Principal, str], **changes: object) -> BackupSet:
        """A backup with everything in it."""
        result = await back_up(
            self.request(*targets, **changes), self.effects, clock=SystemClock(), progress=self.progress
        )
        assert not result.failures
        assert not result.leftovers
        return result

    def stored(self, name: str = "pig") -> StoredCanister:
        """A canister of the newest backup."""
        return open_backup(self.store()).canister(name)

    async def create(self, *, code: bytes | None = None, cycles: int = 10**13) -> Principal:
        """A running canister with the known state, or with other code, or (b"") none."""
        call = change.provisional_create_canister_with_cycles(Principal(canister_id(FIRST_LOCAL_ID)), amount=cycles)
        canister = cast(Principal, await perform(self.agent, call))
        wasm = module() if code is None else code
        if wasm:
            await perform(self.agent, change.install_code(canister, "install", wasm))
        return canister

    async def occupy(self, canister: Principal) -> None:
        """Leave the canister with a call that is never answered, so that it cannot stop."""
        silence = _Silence()
        self.net.network.register_builtin(SILENCE, silence)
        call = Ingress(self.net.controller.principal, canister.bytes, "ask_silence", b"")
        self.open_calls.append(asyncio.ensure_future(self.net.network.update(call)))
        await asyncio.wait_for(silence.asked.wait(), 10)

    async def status(self, canister: Principal) -> CanisterStatus:
        return await canister_status(self.agent, canister)

    def request(self, *targets: tuple[Principal, str], **changes: object) -> BackupRequest:
        return BackupRequest(
            network="local",
            repository=self.store(),
            targets=tuple(BackupTarget(canister, name) for canister, name in targets),
            operation="test",
            **changes,  # type: ignore[arg-type]
        )


def read_back(stored: StoredCanister) -> dict[str, bytes]:
    """Every byte of a stored state, by blob; chunks of the chunk store by their SHA-256 in hex."""
    state = stored.require_state()
    blobs = {blob: b"".join(data for part, data in iter_slices(state) if part.blob == blob) for blob in BLOBS}
    chunks = {digest.hex(): state.chunk(digest) for digest in state.metadata.wasm_chunk_store}
    return {**blobs, **chunks}


@asynccontextmanager
async def laboratory(folder: Path) -> AsyncIterator[Laboratory]:
    """A fresh network and its controller."""
    async with local_network() as net, laboratory_on(net, folder) as lab:
        yield lab


@asynccontextmanager
async def laboratory_on(net: LocalNetwork, folder: Path) -> AsyncIterator[Laboratory]:
    """The controller's agent and effects on a network that runs."""
    identity = identity_from_pem(net.controller.pem)
    async with Agent(net.url, root_key=net.root_key, identity=identity) as agent:
        journal = Journal(folder / "operation" / "journal.jsonl")
        permit = Permit("backup", hashlib.sha256(net.root_key).digest())
        effects = Effects(agent, journal, permit, clock=SystemClock())
        lab = Laboratory(net, agent, folder, effects)
        try:
            yield lab
        finally:
            for call in lab.open_calls:
                call.cancel()
            await asyncio.gather(*lab.open_calls, return_exceptions=True)
            await effects.aclose()
            journal.close()
