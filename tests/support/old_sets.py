"""Backup sets as the first version of this tool wrote them: plain snapshot directories under a sealed manifest."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from quri_console.backup.status_record import encode_status
from quri_console.ic.encoding.principal import Principal
from quri_console.repository.files import hash_file
from quri_console.repository.sealed import seal
from quri_console.repository.sets import set_name
from tests.support.backups import AT, ORIGIN, RUNE_ENGINE, MadeUpState, made_up_status, write_snapshot


def write_old_set(
    parent: Path,
    states: Mapping[tuple[str, Principal], MadeUpState] | None = None,
    *,
    at: datetime = AT,
    mode: str = "stop",
    failures: tuple[dict[str, str], ...] = (),
) -> Path:
    """`parent/backups/<time>/` with the canisters; the folder of the set."""
    states = states or {("rune-engine", RUNE_ENGINE): MadeUpState()}
    folder = parent / "backups" / set_name(int(at.timestamp()) * 10**9)
    canisters = []
    for (name, canister), state in states.items():
        (folder / name).mkdir(parents=True)
        write_snapshot(folder / name / "snapshot", state)
        record = encode_status(made_up_status(state), canister_id=canister.to_str(), name=name, read_at=at)
        (folder / name / "status.toml").write_bytes(record)
        canisters.append(
            {
                "id": canister.to_str(),
                "name": name,
                "folder": name,
                "taken_at": at,
                "mode": mode,
                "status_before": "running",
                "snapshot_id": "00000000000000070000000000000001",
                "module_sha256": state.module_hash().hex(),
                "state_bytes": len(state.module) + len(state.heap) + len(state.stable),
            }
        )
    (folder / "MANIFEST.toml").write_bytes(
        seal(
            {
                "format": 1,
                "tool": "quri-console 0.1.0",
                "taken_at": at,
                "operation": "backup-1",
                "state": "whole",
                "network": {"name": ORIGIN.name, "root_key_sha256": ORIGIN.root_key_hash.hex()},
                "canisters": canisters,
                "failures": list(failures),
                "files": [_file(folder, path) for path in sorted(folder.rglob("*")) if path.is_file()],
            }
        )
    )
    return folder


def _file(folder: Path, path: Path) -> dict[str, object]:
    size, digest = hash_file(path)
    return {"path": str(path.relative_to(folder)), "size": size, "sha256": digest.hex()}
