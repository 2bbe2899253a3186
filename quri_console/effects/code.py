"""Upgrading a canister to a given module, its memory kept; after a lost reply the module hash decides."""

from __future__ import annotations

import hashlib

from quri_console.effects.attempt import PlannedEffect, undecided
from quri_console.effects.calls import CLEAR_CHUNKS, INSTALL_CHUNKS, INSTALL_CODE, STORE_CHUNK, EffectKind
from quri_console.effects.perform import Effects
from quri_console.effects.replay import DONE, Attempt, attempts
from quri_console.ic.encoding.principal import Principal
from quri_console.ic.management import change
from quri_console.ic.management.read import canister_status, stored_chunks
from quri_console.ic.management.types import MAX_CHUNK_BYTES, CanisterStatus
from quri_console.ic.prepared import PreparedCall

MAX_DIRECT_BYTES = 2_000_000
"""A larger module does not fit into one message and goes through the canister's chunk store."""


async def upgrade_module(effects: Effects, canister: Principal, module: bytes, *, keep_main_memory: bool) -> bool:
    """Upgrade to `module` with stable memory kept, the heap, too, when `keep_main_memory`; whether it was sent.

    Nothing is sent where an earlier process of this operation has done it. Chunks that are uploaded for it are
    removed again where the store was empty. Raises Rejected, EffectUndecided, NetworkError, Cancelled.
    """
    effects.checkpoint()
    digest = hashlib.sha256(module).digest()
    before = await canister_status(effects.agent, canister)
    if _done_before(effects, canister, digest, before):
        return False
    if len(module) <= MAX_DIRECT_BYTES:
        call = change.install_code(canister, "upgrade", module, keep_main_memory=keep_main_memory)
        await _install(effects, INSTALL_CODE, canister, call, digest, before)
        return True
    present = await stored_chunks(effects.agent, canister)
    chunks = [await _store(effects, canister, chunk, present) for chunk in _chunks(module)]
    call = change.install_chunked_code(canister, "upgrade", chunks, digest, keep_main_memory=keep_main_memory)
    await _install(effects, INSTALL_CHUNKS, canister, call, digest, before)
    if not present or set(present) <= _stored_by(effects, canister):
        await effects.attempts.run(PlannedEffect(CLEAR_CHUNKS, canister, {}), change.clear_chunk_store(canister))
    return True


def _chunks(module: bytes) -> list[bytes]:
    return [module[start : start + MAX_CHUNK_BYTES] for start in range(0, len(module), MAX_CHUNK_BYTES)]


async def _store(effects: Effects, canister: Principal, chunk: bytes, present: tuple[bytes, ...]) -> bytes:
    digest = hashlib.sha256(chunk).digest()
    if digest not in present:
        details: dict[str, object] = {"size": len(chunk), "sha256": digest.hex()}
        await effects.attempts.run(PlannedEffect(STORE_CHUNK, canister, details), change.upload_chunk(canister, chunk))
    return digest


def _stored_by(effects: Effects, canister: Principal) -> set[bytes]:
    """The chunks that this operation put there, in an earlier process too."""
    stored = (a for a in attempts(effects.journal.records, STORE_CHUNK) if a.canister == canister.to_str())
    return {bytes.fromhex(attempt.fields["sha256"]) for attempt in stored}


async def _install(
    effects: Effects,
    kind: EffectKind,
    canister: Principal,
    call: PreparedCall[None],
    digest: bytes,
    before: CanisterStatus,
) -> None:
    details: dict[str, object] = {
        "module_sha256": digest.hex(),
        "module_before": None if before.module_hash is None else before.module_hash.hex(),
        "version_before": before.version,
    }
    effect = PlannedEffect(kind, canister, details)
    await effects.attempts.run(effect, call, decide=lambda: _read_back(effects, effect, digest, before))


async def _read_back(
    effects: Effects, effect: PlannedEffect, digest: bytes, before: CanisterStatus
) -> tuple[None] | None:
    status = await canister_status(effects.agent, effect.canister)
    if status.version is not None and status.version == before.version:
        return None
    if before.module_hash != digest:
        if status.module_hash == digest:
            return (None,)
        if status.module_hash == before.module_hash:
            return None
    raise undecided(
        effect.kind,
        effect.canister,
        "its module was the same before, and its version has changed, which may have had another reason"
        if before.module_hash == digest
        else "it has neither the module that it had nor the one that was sent",
    )


def _done_before(effects: Effects, canister: Principal, digest: bytes, status: CanisterStatus) -> bool:
    """Whether an earlier process of this operation has upgraded it. Raises EffectUndecided."""
    earlier = attempts(effects.journal.records, INSTALL_CODE, INSTALL_CHUNKS)
    mine = [a for a in earlier if a.fields["module_sha256"] == digest.hex() and a.may_have_happened]
    if not mine:
        return False
    return mine[-1].outcome == DONE or _happened(mine[-1], canister, digest, status)


def _happened(attempt: Attempt, canister: Principal, digest: bytes, status: CanisterStatus) -> bool:
    if attempt.fields["module_before"] != digest.hex():
        return status.module_hash == digest
    if status.version is not None and status.version == attempt.fields["version_before"]:
        return False
    raise undecided(attempt.kind, canister, "its module was the same before, so its hash tells nothing")
