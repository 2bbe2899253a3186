"""TOML files that end with the SHA-256 of the lines before, so that a flipped byte anywhere is found (DESIGN §5)."""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from quri_console.errors import CorruptionError
from quri_console.repository.files import read_small

SEAL_PREFIX = b"# sha256 "
_SEAL_BYTES = len(SEAL_PREFIX) + 64 + 1
RECORD_LIMIT_BYTES = 64 << 20


def seal(document: Mapping[str, Any]) -> bytes:
    """The TOML text of `document` with its seal as the last line (a comment, whatever table stands before it)."""
    import tomli_w

    return sealed(tomli_w.dumps(document).encode())


def sealed(body: bytes) -> bytes:
    """TOML text with its seal as the last line."""
    return body + SEAL_PREFIX + hashlib.sha256(body).hexdigest().encode() + b"\n"


def is_sealed(data: bytes) -> bool:
    """Whether the last line is the SHA-256 of the lines before it, whatever those are."""
    body, line = data[:-_SEAL_BYTES], data[-_SEAL_BYTES:]
    return line == SEAL_PREFIX + hashlib.sha256(body).hexdigest().encode() + b"\n"


def unseal(data: bytes, origin: str) -> dict[str, Any]:
    """The document in sealed TOML; CorruptionError naming `origin` when the seal is missing or does not fit."""
    if not is_sealed(data):
        raise CorruptionError(
            f"{origin} is damaged",
            why="Its last line is not the SHA-256 of the lines before it.",
            next_step="Use another backup; this file was changed after it was written.",
        )
    try:
        return tomllib.loads(data[:-_SEAL_BYTES].decode())
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise CorruptionError(f"{origin} is not readable TOML", why=str(error)) from error


def read_sealed(path: Path) -> dict[str, Any]:
    """The document in a sealed TOML file; CorruptionError as `unseal`."""
    return unseal(read_small(path, RECORD_LIMIT_BYTES), str(path))
