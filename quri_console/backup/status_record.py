"""`status.toml`: what the canister's status said when it was backed up; no snapshot holds any of it."""

from __future__ import annotations

from datetime import datetime

from quri_console.backup.plain import NotARecord, from_plain, to_plain
from quri_console.errors import CorruptionError
from quri_console.ic.management.types import CanisterStatus
from quri_console.repository.sealed import seal, unseal

_STATUS_KEY = "canister_status"


def encode_status(status: CanisterStatus, *, canister_id: str, name: str, read_at: datetime) -> bytes:
    """The sealed TOML text: status, settings, controllers, cycles, memory metrics, module hash."""
    return seal({"canister": canister_id, "name": name, "read_at": read_at, _STATUS_KEY: to_plain(status)})


def decode_status(data: bytes, origin: str) -> CanisterStatus:
    """The status in the bytes of a `status.toml`; CorruptionError naming `origin` when it is damaged."""
    document = unseal(data, origin)
    try:
        return from_plain(CanisterStatus, document.get(_STATUS_KEY))
    except NotARecord as error:
        raise CorruptionError(f"{origin} is not a canister status", why=str(error)) from error
