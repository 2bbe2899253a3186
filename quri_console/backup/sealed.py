"""TOML files that end with the SHA-256 of the lines before, so that a flipped byte anywhere is found (DESIGN §5)."""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from quri_console.backup.files import read_small
from quri_console.errors import CorruptionError

SEAL_PREFIX = b"# sha256 "
_SEAL_BYTES = len(SEAL_PREFIX) + 64 + 1
RECORD_LIMIT_BYTES = 64 << 20


def seal(document: Mapping[str, Any]) -> bytes:
    """The TOML text of `document` with its seal as the last line (a comment, whatever table stands before it)."""
    import tomli_w

    body = tomli_w.dumps(document).encode()
    return body + SEAL_PREFIX + hashlib.sha256(body).hexdigest().encode() + b"\n"


def unseal(data: bytes, origin: str) -> dict[str, Any]:
    """The document in sealed TOML; CorruptionError naming `origin` when the seal is missing or does not fit."""
    body, line = data[:-_SEAL_BYTES], data[-_SEAL_BYTES:]
    if line != SEAL_PREFIX + hashlib.sha256(body).hexdigest().encode() + b"\n":
        raise CorruptionError(
            f"{origin} is damaged",
            why="Its last line is not the SHA-256 of the lines before it.",
            next_step="Use another backup; this file was changed after it was written.",
        )
    try:
        return tomllib.loads(body.decode())
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise CorruptionError(f"{origin} is not readable TOML", why=str(error)) from error


def read_sealed(path: Path) -> dict[str, Any]:
    """The document in a sealed TOML file; CorruptionError as `unseal`."""
    return unseal(read_small(path, RECORD_LIMIT_BYTES), str(path))
