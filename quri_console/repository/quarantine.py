"""Putting damaged objects away instead of deleting them: nobody reads them there, and somebody may look into them."""

from __future__ import annotations

import hashlib

from quri_console.errors import QuriError
from quri_console.repository.backend import Backend
from quri_console.repository.check_other import QUARANTINE_FOLDER
from quri_console.repository.pack_check import is_damage
from quri_console.units import KIB, MIB

_LARGEST = 256 * MIB
"""Nothing this tool writes comes near; what lies behind is not read into memory."""
_PIECE_BYTES = 64 * KIB


def put_away(backend: Backend, name: str, data: bytes, label: str) -> str:
    """Copy `data` of the object `name` to `trash/quarantine/<label>`, on disk, then delete it; where it lies now.

    What lies there already under that label stays: another content gets the beginning of its own SHA-256 as well.
    """
    target = f"{QUARANTINE_FOLDER}/{label}"
    if not backend.put_if_absent(target, data) and backend.get(target) != data:
        target = f"{target}.{hashlib.sha256(data).hexdigest()[:16]}"
        backend.put_if_absent(target, data)
    backend.delete(name)
    return target


def readable_bytes(backend: Backend, name: str) -> bytes:
    """What a disk still gives of an object, zeros where it gives nothing. Raises StorageFailed if that is no damage."""
    found = backend.head(name)
    size = min(found.size, _LARGEST) if found is not None else 0
    try:
        return backend.get_range(name, 0, size)
    except QuriError as error:
        if not is_damage(error):
            raise
    return b"".join(
        _piece(backend, name, start, min(_PIECE_BYTES, size - start)) for start in range(0, size, _PIECE_BYTES)
    )


def _piece(backend: Backend, name: str, start: int, size: int) -> bytes:
    try:
        return backend.get_range(name, start, size)
    except QuriError as error:
        if not is_damage(error):
            raise
        return bytes(size)
