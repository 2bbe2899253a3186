"""Management methods that change a canister, as calls ready to be journalled and signed; only `effects` sends them.

Interface specification, "The IC management canister". Making a call has no effect. Each `decode` raises
MalformedCandid; sending raises what `Agent.send` raises.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

from quri_console.ic.encoding.candid import encode
from quri_console.ic.encoding.principal import Principal
from quri_console.ic.management import interface
from quri_console.ic.management.settings_argument import settings_argument
from quri_console.ic.management.snapshot_change import (
    UnknownGlobal,
    delete_canister_snapshot,
    load_canister_snapshot,
    take_canister_snapshot,
    upload_snapshot_chunk,
    upload_snapshot_metadata,
    upload_snapshot_slice,
)
from quri_console.ic.management.types import InstallMode, SettingsChange
from quri_console.ic.prepared import PreparedCall, perform
from quri_console.ic.reply import answer, fields, nothing

__all__ = [
    "ManagementCall",
    "UnknownGlobal",
    "clear_chunk_store",
    "delete_canister",
    "delete_canister_snapshot",
    "install_chunked_code",
    "install_code",
    "load_canister_snapshot",
    "perform",
    "provisional_create_canister_with_cycles",
    "provisional_top_up_canister",
    "start_canister",
    "stop_canister",
    "take_canister_snapshot",
    "uninstall_code",
    "update_settings",
    "upload_chunk",
    "upload_snapshot_chunk",
    "upload_snapshot_metadata",
    "upload_snapshot_slice",
]

ManagementCall: TypeAlias = PreparedCall


def start_canister(canister: Principal) -> ManagementCall[None]:
    """Run again; cancels a stop that is still under way."""
    return _about(canister, "start_canister")


def stop_canister(canister: Principal) -> ManagementCall[None]:
    """Stop; answered once every open call has returned, or rejected by the network after 5 minutes (IC0206)."""
    return _about(canister, "stop_canister")


def delete_canister(canister: Principal) -> ManagementCall[None]:
    """Delete a stopped canister for ever, with its cycles and snapshots."""
    return _about(canister, "delete_canister")


def uninstall_code(canister: Principal) -> ManagementCall[None]:
    """Remove code and state; snapshots stay."""
    return _about(canister, "uninstall_code")


def clear_chunk_store(canister: Principal) -> ManagementCall[None]:
    """Empty the canister's chunk store."""
    return _about(canister, "clear_chunk_store")


def _about(canister: Principal, method: str) -> ManagementCall[None]:
    return PreparedCall(method, encode([interface.CANISTER], [{"canister_id": canister}]), canister, nothing)


def update_settings(canister: Principal, change: SettingsChange) -> ManagementCall[None]:
    """Change the settings that `change` names; all or none."""
    argument = encode([interface.UPDATE_SETTINGS], [{"canister_id": canister, "settings": settings_argument(change)}])
    return PreparedCall("update_settings", argument, canister, nothing)


def install_code(
    canister: Principal, mode: InstallMode, module: bytes, argument: bytes = b"", *, keep_main_memory: bool = False
) -> ManagementCall[None]:
    """Install, reinstall or upgrade with a module that fits into one message (about 2 MB, gzip allowed).

    `keep_main_memory` is for upgrades of modules with enhanced orthogonal persistence.
    """
    encoded = encode(
        [interface.INSTALL_CODE],
        [{"canister_id": canister, "mode": _mode(mode, keep_main_memory), "wasm_module": module, "arg": argument}],
    )
    return PreparedCall("install_code", encoded, canister, nothing, bulk=True)


def install_chunked_code(
    canister: Principal,
    mode: InstallMode,
    chunk_hashes: Sequence[bytes],
    module_hash: bytes,
    argument: bytes = b"",
    *,
    keep_main_memory: bool = False,
) -> ManagementCall[None]:
    """Install a module from chunks uploaded to the canister's own chunk store before."""
    encoded = encode(
        [interface.INSTALL_CHUNKED_CODE],
        [
            {
                "mode": _mode(mode, keep_main_memory),
                "target_canister": canister,
                "store_canister": [],
                "chunk_hashes_list": [{"hash": digest} for digest in chunk_hashes],
                "wasm_module_hash": module_hash,
                "arg": argument,
            }
        ],
    )
    return PreparedCall("install_chunked_code", encoded, canister, nothing)


def _mode(mode: InstallMode, keep_main_memory: bool) -> dict[str, Any]:
    if mode != "upgrade":
        return {mode: None}
    if not keep_main_memory:
        return {"upgrade": []}
    return {"upgrade": [{"skip_pre_upgrade": [], "wasm_memory_persistence": [{"keep": None}]}]}


def upload_chunk(canister: Principal, chunk: bytes) -> ManagementCall[bytes]:
    """Put a chunk of at most 1 MiB into the chunk store; answers its SHA-256."""
    argument = encode([interface.UPLOAD_CHUNK], [{"canister_id": canister, "chunk": chunk}])
    return PreparedCall("upload_chunk", argument, canister, lambda reply: fields(answer(reply)).blob("hash"), bulk=True)


def provisional_create_canister_with_cycles(
    effective_canister: Principal,
    *,
    amount: int | None = None,
    settings: SettingsChange | None = None,
    specified_id: Principal | None = None,
) -> ManagementCall[Principal]:
    """Make a canister with `amount` cycles out of nothing (100 T unless given); development networks only.

    `effective_canister` is any id of the subnet that should host it.
    """
    argument = encode(
        [interface.PROVISIONAL_CREATE],
        [
            {
                "amount": [] if amount is None else [amount],
                "settings": [] if settings is None else [settings_argument(settings)],
                "specified_id": [] if specified_id is None else [specified_id],
            }
        ],
    )
    return PreparedCall(
        "provisional_create_canister_with_cycles",
        argument,
        effective_canister,
        lambda reply: fields(answer(reply)).principal("canister_id"),
    )


def provisional_top_up_canister(canister: Principal, amount: int) -> ManagementCall[None]:
    """Add `amount` cycles out of nothing; development networks only."""
    argument = encode([interface.PROVISIONAL_TOP_UP], [{"canister_id": canister, "amount": amount}])
    return PreparedCall("provisional_top_up_canister", argument, canister, nothing)
