"""CBOR in pieces: a reply of two megabytes goes from the state tree to the socket without being copied.

A certificate wraps a reply twice (tree in certificate, certificate in answer); encoding
that in the ordinary way copies it six times, which cost more than signing it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from quri_console.ic.encoding.cbor import SELF_DESCRIBED, CborValue

LARGE_BYTES = 64 * 1024

Pieces = Sequence[bytes]


class Embedded:
    """A byte string that is itself given in pieces (a certificate inside an answer)."""

    def __init__(self, pieces: Pieces) -> None:
        self.pieces = pieces


def encode_pieces(value: CborValue | Embedded | Mapping[str, CborValue | Embedded]) -> Pieces:
    """Self-described CBOR of `value`; joined, the pieces are what an ordinary encoder gives."""
    pieces: list[bytes] = []
    small = bytearray(SELF_DESCRIBED)
    for part in _parts(value):
        if len(part) < LARGE_BYTES:
            small += part
            continue
        if small:
            pieces.append(bytes(small))
            small.clear()
        pieces.append(part)
    return [*pieces, bytes(small)] if small else pieces


class PiecesResponse(Response):
    """An answer of which no piece is copied before it is sent."""

    def __init__(self, pieces: Pieces, media_type: str) -> None:
        super().__init__(media_type=media_type)
        self.pieces = pieces
        self.headers["content-length"] = str(sum(map(len, pieces)))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        for piece in self.pieces:
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b""})


def _parts(value: object) -> Iterable[bytes]:
    match value:
        case bytes():
            yield _head(2, len(value))
            yield value
        case Embedded():
            yield _head(2, sum(map(len, value.pieces)))
            yield from value.pieces
        case str():
            text = value.encode()
            yield _head(3, len(text))
            yield text
        case int() if value >= 0:
            yield _head(0, value)
        case list():
            yield _head(4, len(value))
            for item in value:
                yield from _parts(item)
        case Mapping():
            yield _head(5, len(value))
            for key, item in value.items():
                yield from _parts(key)
                yield from _parts(item)
        case _:
            raise TypeError(f"answers hold no {type(value).__name__}")


def _head(major: int, argument: int) -> bytes:
    """Initial byte and argument of a data item (RFC 8949 §3)."""
    if argument < 24:
        return bytes([major << 5 | argument])
    for code, size in ((24, 1), (25, 2), (26, 4), (27, 8)):
        if argument < 1 << 8 * size:
            return bytes([major << 5 | code]) + argument.to_bytes(size, "big")
    raise ValueError(f"{argument} is too large for CBOR")
