"""Checks a principal's text form with the standard library alone: `status` has 200 ms and no time for more.

Interface specification, "Textual representation of principals": base32 of CRC-32 and bytes, lower
case, without padding, in groups of five.
"""

from __future__ import annotations

import base64
import binascii
import zlib

MAX_BYTES = 29


def principal_fault(text: str) -> str | None:
    """Why `text` is not the canonical form of a principal, or None when it is."""
    compact = text.replace("-", "")
    padding = "=" * (-len(compact) % 8)
    try:
        decoded = base64.b32decode(compact.upper() + padding)
    except (binascii.Error, ValueError):
        return "it holds characters that no principal has"
    if not 4 <= len(decoded) <= 4 + MAX_BYTES:
        return "it is too short" if len(decoded) < 4 else "it is too long"
    if zlib.crc32(decoded[4:]).to_bytes(4, "big") != decoded[:4]:
        return "its checksum is wrong, so at least one character is mistyped"
    canonical = principal_text(decoded[4:])
    return None if text == canonical else f"it is written {canonical}"


def principal_text(raw: bytes) -> str:
    """The text form of a principal's bytes."""
    encoded = base64.b32encode(zlib.crc32(raw).to_bytes(4, "big") + raw).decode().lower().rstrip("=")
    return "-".join(encoded[start : start + 5] for start in range(0, len(encoded), 5))
