"""`quri-console show`: what one backup holds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from quri_console.cli.invocation import Invocation
from quri_console.cli.output import say, show_json
from quri_console.render.escape import escape
from quri_console.units import format_bytes, format_cycles, format_duration

if TYPE_CHECKING:
    from quri_console.backup.browse import OpenBackup, StoredCanister

_TIME = "%Y-%m-%d %H:%M:%S UTC"


@click.command("show")
@click.argument("backup", default="latest")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_obj
def command(invocation: Invocation, backup: str, as_json: bool) -> None:
    """Show what BACKUP (a name from `list`; the newest unless given) holds."""
    from quri_console.backup.browse import open_backup

    opened = open_backup(invocation.console().config.repository.path, backup)
    stored = opened.canisters()
    if as_json:
        show_json(_as_plain(opened, stored))
        return
    manifest = opened.manifest
    say(f"{opened.name}  {'partial' if manifest.partial else 'whole'}", role="heading")
    for label, text in (
        ("taken", manifest.taken_at.strftime(_TIME)),
        ("network", f"{manifest.network.name} (root key SHA-256 {manifest.network.root_key_hash.hex()[:16]}…)"),
        ("written by", manifest.tool),
        ("stored", f"{len(manifest.files)} files, {format_bytes(sum(file.size for file in manifest.files))}"),
        ("path", str(opened.path)),
    ):
        _line(label, text)
    for canister in stored:
        _show_canister(canister)
    for failure in manifest.failures:
        say()
        say(f"{escape(failure.name)}  missing", role="status-critical")
        _line("why", failure.reason)


def _show_canister(stored: StoredCanister) -> None:
    status, metadata, settings = stored.status, stored.metadata, stored.status.settings
    say()
    say(f"{escape(stored.name)}  {stored.canister.to_str()}", role="heading")
    for label, text in (
        ("taken", f"{stored.taken_at.strftime(_TIME)}, {_MODE_WORDS[stored.mode]}"),
        ("status then", f"{status.status}, {format_cycles(status.cycles)} cycles"),
        ("module", f"{format_bytes(metadata.wasm_module_size)}, SHA-256 {stored.module_hash.hex()}"),
        ("heap", format_bytes(metadata.wasm_memory_size)),
        ("stable memory", format_bytes(metadata.stable_memory_size)),
        ("chunk store", f"{len(metadata.wasm_chunk_store)} chunks"),
        ("globals", str(len(metadata.globals))),
        ("controllers", ", ".join(controller.to_str() for controller in settings.controllers) or "none"),
        ("freezing threshold", format_duration(settings.freezing_threshold)),
        ("snapshot directory", str(stored.snapshot_directory)),
    ):
        _line(label, text)


_MODE_WORDS = {"stop": "stopped while the snapshot was taken", "hot": "not stopped: calls may have been open"}


def _line(label: str, text: str) -> None:
    say(f"  {label:<19} {escape(text)}")


def _as_plain(opened: OpenBackup, stored: tuple[StoredCanister, ...]) -> dict[str, Any]:
    from quri_console.backup.plain import to_plain

    manifest = opened.manifest
    return {
        "name": opened.name,
        "path": str(opened.path),
        "taken_at": manifest.taken_at.isoformat(),
        "state": "partial" if manifest.partial else "whole",
        "tool": manifest.tool,
        "operation": manifest.operation,
        "network": {"name": manifest.network.name, "root_key_sha256": manifest.network.root_key_hash.hex()},
        "canisters": [
            {
                "name": canister.name,
                "id": canister.canister.to_str(),
                "subnet": canister.subnet.to_str() if canister.subnet else None,
                "taken_at": canister.taken_at.isoformat(),
                "mode": canister.mode,
                "snapshot_id": canister.snapshot_id.hex(),
                "module_sha256": canister.module_hash.hex(),
                "snapshot_directory": str(canister.snapshot_directory),
                "status": to_plain(canister.status),
                "module_bytes": canister.metadata.wasm_module_size,
                "heap_bytes": canister.metadata.wasm_memory_size,
                "stable_bytes": canister.metadata.stable_memory_size,
                "chunks": [digest.hex() for digest in canister.metadata.wasm_chunk_store],
                "certified_data": canister.metadata.certified_data.hex(),
                "global_timer": canister.metadata.global_timer,
            }
            for canister in stored
        ],
        "failures": [
            {"name": failure.name, "id": failure.canister.to_str(), "reason": failure.reason}
            for failure in manifest.failures
        ],
        "files": [{"path": str(file.path), "size": file.size, "sha256": file.sha256.hex()} for file in manifest.files],
    }
