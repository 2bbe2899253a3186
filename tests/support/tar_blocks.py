"""Tar archives put together block by block, so that they can say what no tool would write."""

from __future__ import annotations

import tarfile
from pathlib import Path

END = bytes(1024)


def header(
    name: str | bytes, size: int = 0, kind: bytes = tarfile.REGTYPE, *, link: str = "", size_field: bytes | None = None
) -> bytes:
    """One header block with a correct checksum; `size_field` replaces the 12 bytes of the size."""
    block = bytearray(tarfile.BLOCKSIZE)
    raw = name if isinstance(name, bytes) else name.encode()
    block[0 : len(raw)] = raw
    block[100:124] = b"0000644\0" + b"0000000\0" + b"0000000\0"
    block[124:136] = size_field or b"%011o\0" % size
    block[136:148] = b"%011o\0" % 0
    block[156:157] = kind
    block[157 : 157 + len(link)] = link.encode()
    block[257:265] = b"ustar\00000"
    return with_checksum(block)


def with_checksum(block: bytearray) -> bytes:
    """The block with its checksum field set to what it should be."""
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


def padded(data: bytes) -> bytes:
    """`data` followed by zeros up to a whole block."""
    return data + bytes(-len(data) % tarfile.BLOCKSIZE)


def file(name: str | bytes, data: bytes = b"content") -> bytes:
    """A plain file."""
    return header(name, len(data)) + padded(data)


def folder(name: str) -> bytes:
    """A folder."""
    return header(f"{name}/", kind=tarfile.DIRTYPE)


def long_name(name: str) -> bytes:
    """A GNU long name, for the entry after it."""
    data = name.encode() + b"\0"
    return header("././@LongLink", len(data), tarfile.GNUTYPE_LONGNAME) + padded(data)


def pax(records: dict[str, str], kind: bytes = tarfile.XHDTYPE) -> bytes:
    """A pax header, for the entry after it."""
    return pax_raw(b"".join(_record(key, value) for key, value in records.items()), kind)


def pax_raw(data: bytes, kind: bytes = tarfile.XHDTYPE) -> bytes:
    """A pax header that holds just these bytes."""
    return header("PaxHeaders/entry", len(data), kind) + padded(data)


def _record(key: str, value: str) -> bytes:
    body = f" {key}={value}\n".encode()
    length = len(body) + 1
    while length != len(body) + len(str(length)):
        length = len(body) + len(str(length))
    return str(length).encode() + body


def write_tar(path: Path, *blocks: bytes, end: bytes = END) -> Path:
    """An archive of these blocks at `path`."""
    path.write_bytes(b"".join(blocks) + end)
    return path
