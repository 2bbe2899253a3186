"""WebAssembly binaries read section by section (core specification, chapter 5)."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from quri_console.wasm.errors import InvalidModule

MAGIC = b"\0asm\x01\0\0\0"
GZIP_MAGIC = b"\x1f\x8b\x08"
LARGEST_MODULE_BYTES = 100 * 1024 * 1024


class Section:
    """Ids of sections."""

    CUSTOM = 0
    IMPORT = 2
    TABLE = 4
    MEMORY = 5
    GLOBAL = 6
    EXPORT = 7
    START = 8
    ELEMENT = 9
    CODE = 10
    DATA = 11
    DATA_COUNT = 12


class Reader:
    """A cursor over bytes that raises InvalidModule where the bytes end too early."""

    __slots__ = ("_data", "_end", "position")

    def __init__(self, data: memoryview | bytes, start: int = 0, end: int | None = None) -> None:
        self._data = memoryview(data)
        self.position = start
        self._end = len(self._data) if end is None else end

    @property
    def at_end(self) -> bool:
        return self.position >= self._end

    def byte(self) -> int:
        return self.take(1)[0]

    def take(self, size: int) -> memoryview:
        stop = self.position + size
        if size < 0 or stop > self._end:
            raise malformed("a section ends too early")
        piece = self._data[self.position : stop]
        self.position = stop
        return piece

    def unsigned(self) -> int:
        """An unsigned LEB128 number of at most 64 bits."""
        result = shift = 0
        while True:
            byte = self.byte()
            result |= (byte & 0x7F) << shift
            if byte < 0x80:
                return result
            shift += 7
            if shift > 63:
                raise malformed("a number is too long")

    def signed(self) -> int:
        """A signed LEB128 number of at most 64 bits."""
        result = shift = 0
        while True:
            byte = self.byte()
            result |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return result - (1 << shift) if byte & 0x40 else result
            if shift > 63:
                raise malformed("a number is too long")

    def name(self) -> str:
        try:
            return bytes(self.take(self.unsigned())).decode()
        except UnicodeDecodeError as error:
            raise malformed("a name is not UTF-8") from error


def malformed(why: str) -> InvalidModule:
    """The error for bytes that are no WebAssembly module."""
    return InvalidModule(
        "The module is not valid WebAssembly", why=why, next_step="Build the canister again and compare its SHA-256."
    )


def encode_unsigned(value: int) -> bytes:
    """`value` as unsigned LEB128."""
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def encode_section(identifier: int, content: bytes) -> bytes:
    """One section with its header."""
    return bytes([identifier]) + encode_unsigned(len(content)) + content


def decompress(module: bytes) -> bytes:
    """The plain module: a gzip stream (spec: canister module format) is unpacked, up to 100 MiB."""
    if not module.startswith(GZIP_MAGIC):
        return module
    inflater = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    try:
        plain = inflater.decompress(module, LARGEST_MODULE_BYTES)
    except (zlib.error, gzip.BadGzipFile) as error:
        raise malformed("its gzip stream is damaged") from error
    if not inflater.eof:
        raise malformed("its gzip stream is cut short or unpacks to more than 100 MiB")
    return plain


@dataclass(frozen=True, slots=True)
class RawSection:
    """Where one section lies; `whole` includes its header."""

    identifier: int
    whole: memoryview
    content: memoryview


def sections(module: bytes) -> Iterator[RawSection]:
    """All sections in order; raises InvalidModule for bytes that are not a module."""
    if not module.startswith(MAGIC):
        raise malformed("it does not start with the WebAssembly magic number and version 1")
    view = memoryview(module)
    reader = Reader(view, len(MAGIC))
    while not reader.at_end:
        start = reader.position
        identifier = reader.byte()
        content = reader.take(reader.unsigned())
        yield RawSection(identifier, view[start : reader.position], content)
