"""What one backup holds, as JSON values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from quri_console.render.backup_contents import state_word

if TYPE_CHECKING:
    from datetime import datetime

    from quri_console.backup.closer_look import BackupLook, CanisterLook
    from quri_console.backup.manifest import ManifestCanister
    from quri_console.ic.management.types import SnapshotMetadata


def contents_json(look: BackupLook) -> dict[str, Any]:
    """All of it: times in ISO 8601, digests in hex, sizes in bytes, cycles as whole numbers."""
    manifest, stands = look.backup.manifest, look.standing
    return {
        "name": manifest.name,
        "repository": look.backup.repository.backend.location,
        "encrypted": look.backup.repository.encrypted,
        "taken_at": manifest.taken_at.isoformat(),
        "state": state_word(manifest),
        "tool": manifest.tool,
        "operation": manifest.operation,
        "network": {"name": manifest.network.name, "root_key_sha256": manifest.network.root_key_hash.hex()},
        "groups": [
            {
                "name": group.name,
                "consistent": group.consistent,
                "reason": group.reason,
                "stopped_at": _iso(group.stopped_at),
                "started_at": _iso(group.started_at),
            }
            for group in manifest.groups
        ],
        "marks": {
            "verified_at": _iso(stands.verified_at),
            "damaged_at": _iso(stands.damaged_at),
            "rehearsed_at": _iso(stands.rehearsed_at),
            "rehearsal": stands.rehearsal,
            "rehearsed": [
                {"id": one.identifier, "name": one.name, "verdict": one.verdict, "reason": one.reason or None}
                for one in stands.rehearsed
            ],
            "pinned": stands.pinned,
            "pin_reason": stands.pin_reason,
            "pinned_until": _iso(stands.pinned_until),
            "held": stands.held,
            "hold_reason": stands.hold_reason,
            "forgotten_at": _iso(look.forgotten_at),
        },
        "canisters": [_canister_json(canister) for canister in look.canisters],
        "failures": [
            {"name": one.name, "id": one.canister.to_str(), "reason": one.reason, "next": one.next_step}
            for one in manifest.failures
        ],
        "files": [{"path": file.path, "size": file.size, "sha256": file.sha256.hex()} for file in manifest.raw.files],
    }


def _canister_json(look: CanisterLook) -> dict[str, Any]:
    from quri_console.backup.plain import to_plain

    stored, extras = look.stored, look.extras
    status = None if stored is None or stored.status is None else to_plain(stored.status)
    return {
        **_entry_json(look.entry),
        "status": status,
        **({} if stored is None or stored.state is None else _state_json(stored.state.metadata)),
        "extras": None
        if extras is None
        else {"present": dict(extras.present), "absent": dict(extras.absent), "failed": dict(extras.failed)},
        "problem": None if look.problem is None else str(look.problem),
    }


def _entry_json(entry: ManifestCanister) -> dict[str, Any]:
    return {
        "name": entry.name,
        "id": entry.canister.to_str(),
        "folder": entry.folder,
        "subnet": None if entry.subnet is None else entry.subnet.to_str(),
        "taken_at": entry.taken_at.isoformat(),
        "mode": entry.mode,
        "restorable": entry.has_state,
        "group": entry.group,
        "status_before": entry.status_before,
        "snapshot_id": entry.snapshot_id.hex(),
        "module_sha256": entry.module_hash.hex(),
        "state_bytes": entry.state_bytes,
        "new_bytes": entry.new_bytes,
        "cycles_before": entry.cycles_before,
        "cycles_after": entry.cycles_after,
        "measured_cycles": entry.cycles_before - entry.cycles_after,
        "warnings": list(entry.warnings),
    }


def _state_json(metadata: SnapshotMetadata) -> dict[str, Any]:
    return {
        "module_bytes": metadata.wasm_module_size,
        "heap_bytes": metadata.wasm_memory_size,
        "stable_bytes": metadata.stable_memory_size,
        "chunks": [digest.hex() for digest in metadata.wasm_chunk_store],
        "globals": len(metadata.globals),
        "certified_data": metadata.certified_data.hex(),
        "global_timer": metadata.global_timer,
    }


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()
