"""The table of management methods: argument, rights, ways to call."""

from __future__ import annotations

from collections.abc import Mapping

from quri_console.localnet import management_chunks as chunks
from quri_console.localnet import management_code as code
from quri_console.localnet import management_lifecycle as lifecycle
from quri_console.localnet import management_status as status
from quri_console.localnet import management_types as types
from quri_console.localnet import snapshot_transfer as transfer
from quri_console.localnet import snapshots
from quri_console.localnet.management import Access, Method

METHODS: Mapping[str, Method] = {
    "canister_status": Method(types.CANISTER_ID_ARGUMENT, status.canister_status, Access.STATUS_READERS, is_query=True),
    "canister_metrics": Method(types.CANISTER_ID_ARGUMENT, status.canister_metrics, is_query=True),
    "canister_info": Method(types.CANISTER_INFO_ARGUMENT, status.canister_info, Access.ANYONE, is_for_users=False),
    "fetch_canister_logs": Method(
        types.FETCH_LOGS_ARGUMENT, status.fetch_canister_logs, Access.LOG_READERS, is_update=False, is_query=True
    ),
    "create_canister": Method(types.CREATE_ARGUMENT, lifecycle.create, target="", is_for_users=False),
    "provisional_create_canister_with_cycles": Method(
        types.PROVISIONAL_CREATE_ARGUMENT, lifecycle.provisional_create, Access.ANYONE, target=""
    ),
    "provisional_top_up_canister": Method(
        types.PROVISIONAL_TOP_UP_ARGUMENT, lifecycle.provisional_top_up, Access.ANYONE
    ),
    "deposit_cycles": Method(types.CANISTER_ID_ARGUMENT, lifecycle.deposit_cycles, Access.ANYONE, is_for_users=False),
    "raw_rand": Method(types.NO_ARGUMENT, lifecycle.raw_rand, Access.ANYONE, target="", is_for_users=False),
    "update_settings": Method(types.UPDATE_SETTINGS_ARGUMENT, lifecycle.update_settings),
    "start_canister": Method(types.CANISTER_ID_ARGUMENT, lifecycle.start_canister),
    "stop_canister": Method(types.CANISTER_ID_ARGUMENT, lifecycle.stop_canister),
    "delete_canister": Method(types.CANISTER_ID_ARGUMENT, lifecycle.delete_canister),
    "uninstall_code": Method(types.UNINSTALL_ARGUMENT, lifecycle.uninstall_code),
    "upload_chunk": Method(types.UPLOAD_CHUNK_ARGUMENT, chunks.upload_chunk, Access.CONTROLLERS_AND_SELF),
    "stored_chunks": Method(types.CANISTER_ID_ARGUMENT, chunks.stored_chunks, Access.CONTROLLERS_AND_SELF),
    "clear_chunk_store": Method(types.CANISTER_ID_ARGUMENT, chunks.clear_chunk_store, Access.CONTROLLERS_AND_SELF),
    "install_code": Method(types.INSTALL_CODE_ARGUMENT, code.install_code, needs_liquid_cycles=True),
    "install_chunked_code": Method(
        types.INSTALL_CHUNKED_CODE_ARGUMENT,
        code.install_chunked_code,
        target="target_canister",
        needs_liquid_cycles=True,
    ),
    "take_canister_snapshot": Method(types.TAKE_SNAPSHOT_ARGUMENT, snapshots.take_snapshot, needs_liquid_cycles=True),
    "load_canister_snapshot": Method(types.LOAD_SNAPSHOT_ARGUMENT, snapshots.load_snapshot, needs_liquid_cycles=True),
    "list_canister_snapshots": Method(types.CANISTER_ID_ARGUMENT, snapshots.list_snapshots, Access.SNAPSHOT_READERS),
    "delete_canister_snapshot": Method(types.SNAPSHOT_ARGUMENT, snapshots.delete_snapshot),
    "read_canister_snapshot_metadata": Method(types.SNAPSHOT_ARGUMENT, transfer.read_metadata, Access.SNAPSHOT_READERS),
    "read_canister_snapshot_data": Method(
        types.READ_SNAPSHOT_DATA_ARGUMENT, transfer.read_data, Access.SNAPSHOT_READERS, needs_liquid_cycles=True
    ),
    "upload_canister_snapshot_metadata": Method(
        types.UPLOAD_SNAPSHOT_METADATA_ARGUMENT, transfer.upload_metadata, needs_liquid_cycles=True
    ),
    "upload_canister_snapshot_data": Method(
        types.UPLOAD_SNAPSHOT_DATA_ARGUMENT, transfer.upload_data, needs_liquid_cycles=True
    ),
}
