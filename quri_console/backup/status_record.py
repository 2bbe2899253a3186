"""`status.toml`: what the canister's status said when it was backed up; no snapshot holds any of it."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from quri_console.backup.plain import NotARecord, from_plain, to_plain
from quri_console.backup.sealed import read_sealed, seal
from quri_console.errors import CorruptionError
from quri_console.ic.management.types import CanisterStatus

_STATUS_KEY = "canister_status"


def encode_status(status: CanisterStatus, *, canister_id: str, name: str, read_at: datetime) -> bytes:
    """The sealed TOML text: status, settings, controllers, cycles, memory metrics, module hash."""
    return seal({"canister": canister_id, "name": name, "read_at": read_at, _STATUS_KEY: to_plain(status)})


def decode_status(path: Path) -> CanisterStatus:
    """The status in a `status.toml`; CorruptionError when it is damaged."""
    document = read_sealed(path)
    try:
        return from_plain(CanisterStatus, document.get(_STATUS_KEY))
    except NotARecord as error:
        raise CorruptionError(f"{path} is not a canister status", why=str(error)) from error
