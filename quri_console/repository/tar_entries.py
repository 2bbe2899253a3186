"""The plain entries of a tar stream, in order, and nothing else.

The header blocks are read by the standard library's `TarInfo.frombuf`. Its `TarFile` is not used: it takes a damaged
header or a missing end for the end of the archive, and reads extended headers of any size and nesting into memory.
"""

from __future__ import annotations

import re
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass

from quri_console.repository.admission import PLAIN_ONLY, RENAME, RefusedImport, refusal
from quri_console.repository.unpacking import UnpackedStream

EXTENSION_LIMIT_BYTES = 64 << 10
"""The most that a long name or a pax header may take."""
END_LIMIT_BYTES = 1 << 20
"""The most zeros after the last entry; tar writes 10 KiB unless it is told another blocking factor."""
_REFUSED_KINDS = {
    tarfile.LNKTYPE: "a hard link",
    tarfile.SYMTYPE: "a symbolic link",
    tarfile.GNUTYPE_LONGLINK: "a link",
    tarfile.CHRTYPE: "a device",
    tarfile.BLKTYPE: "a device",
    tarfile.FIFOTYPE: "a pipe",
    tarfile.GNUTYPE_SPARSE: "a sparse file",
}
_PLAIN_KINDS = (tarfile.REGTYPE, tarfile.AREGTYPE, tarfile.DIRTYPE)
_EXTENSION_KINDS = (tarfile.GNUTYPE_LONGNAME, tarfile.XHDTYPE)
_PAX_LENGTH = re.compile(rb"([1-9][0-9]{0,5}) ")
_PAX_SIZE = re.compile(r"[0-9]{1,20}")
_CHANGES_ENTRIES = ("path", "size", "linkpath")
_SPARSE_PREFIX = "GNU.sparse."


@dataclass(frozen=True, slots=True)
class TarEntry:
    """A plain file, or a folder (size 0). `name` is what the archive says, without the slash that ends a folder's."""

    name: str
    is_folder: bool
    size_bytes: int


@dataclass(frozen=True, slots=True)
class _Extension:
    """What an extended header says of the entry after it."""

    name: str | None = None
    size_bytes: int | None = None


class TarReader:
    """Goes through one archive once: `content` belongs to the entry that `entries` gave last.

    `origin` names the archive in errors. Both methods raise RefusedImport.
    """

    def __init__(self, stream: UnpackedStream, origin: str) -> None:
        self._stream = stream
        self._origin = origin
        self._unread_bytes = 0
        self._padding_bytes = 0
        self._global_header_met = False

    def entries(self) -> Iterator[TarEntry]:
        """Every entry, until the end of the archive was found to be one and nothing but zeros follows it."""
        extension: _Extension | None = None
        while (header := self._header()) is not None:
            if header.type == tarfile.XGLTYPE:
                self._skip_global(header)
            elif header.type in _EXTENSION_KINDS:
                if extension is not None:
                    raise self._refused(header.name, "Two extended headers stand before one entry.")
                extension = self._extension(header)
            else:
                entry = self._plain(header, extension or _Extension())
                extension = None
                self._unread_bytes, self._padding_bytes = entry.size_bytes, -entry.size_bytes % tarfile.BLOCKSIZE
                yield entry
                for _ in self.content():
                    pass
        if extension is not None:
            raise self._stream.damaged("It ends after an extended header, before the entry that this belongs to.")
        self._require_end()

    def content(self) -> Iterator[memoryview]:
        """What is not read yet of the last entry, block by block."""
        while self._unread_bytes:
            block = self._stream.some(self._unread_bytes)
            if not block:
                raise self._stream.damaged("It ends in the middle of a file.")
            self._unread_bytes -= len(block)
            yield block
        self._stream.exactly(self._padding_bytes)
        self._padding_bytes = 0

    def _header(self) -> tarfile.TarInfo | None:
        """The next header; None at the first of the two blocks of zeros that end an archive."""
        block = self._stream.exactly(tarfile.BLOCKSIZE)
        if not block.strip(b"\0"):
            return None
        try:
            return tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
        except tarfile.HeaderError as error:
            raise self._stream.damaged(f"A header is unreadable: {error}.") from error

    def _plain(self, header: tarfile.TarInfo, extension: _Extension) -> TarEntry:
        name = header.name if extension.name is None else extension.name
        size = header.size if extension.size_bytes is None else extension.size_bytes
        if header.type not in _PLAIN_KINDS:
            kind = _REFUSED_KINDS.get(header.type, "of a kind that only some programs know")
            raise self._refused(name, f"It is {kind}; only plain files and folders are accepted.")
        if size < 0:
            raise self._refused(name, "It states a negative size.")
        is_folder = header.type == tarfile.DIRTYPE
        if is_folder and size:
            raise self._refused(name, f"It is a folder, yet it states {size} bytes of content.")
        return TarEntry(name.removesuffix("/") if is_folder else name, is_folder, size)

    def _extension(self, header: tarfile.TarInfo) -> _Extension:
        data = self._extension_data(header)
        if header.type == tarfile.GNUTYPE_LONGNAME:
            return _Extension(name=data.partition(b"\0")[0].decode("utf-8", "surrogateescape"))
        records = self._pax_records(header.name, data)
        size = records.get("size")
        if size is not None and not _PAX_SIZE.fullmatch(size):
            raise self._refused(records.get("path", header.name), "Its extended header states an impossible size.")
        return _Extension(records.get("path"), None if size is None else int(size))

    def _skip_global(self, header: tarfile.TarInfo) -> None:
        """Accept one global header that only comments, as `git archive` writes it."""
        records = self._pax_records(header.name, self._extension_data(header))
        if self._global_header_met:
            raise self._refused(header.name, "It is more than one global header.")
        if any(key in records for key in _CHANGES_ENTRIES):
            raise self._refused(header.name, "It is a global header that changes the entries after it.")
        self._global_header_met = True

    def _extension_data(self, header: tarfile.TarInfo) -> bytes:
        if not 0 <= header.size <= EXTENSION_LIMIT_BYTES:
            why = f"Its extended header states {header.size} bytes; {EXTENSION_LIMIT_BYTES} are allowed."
            raise self._refused(header.name, why, RENAME)
        data = self._stream.exactly(header.size)
        self._stream.exactly(-header.size % tarfile.BLOCKSIZE)
        return data

    def _pax_records(self, name: str, data: bytes) -> dict[str, str]:
        """The records `LENGTH KEY=VALUE\\n` of a pax header, which must fill it exactly."""
        records: dict[str, str] = {}
        rest = data
        while rest:
            match = _PAX_LENGTH.match(rest)
            length = int(match[1]) if match else 0
            record, rest = rest[:length], rest[length:]
            key, separator, value = record[match.end() if match else 0 : -1].partition(b"=")
            text = key.decode("utf-8", "surrogateescape")
            if len(record) != length or not record.endswith(b"\n") or not separator or text in records:
                raise self._refused(name, "Its extended header is malformed.")
            if text.startswith(_SPARSE_PREFIX):
                raise self._refused(name, "It is a sparse file; only plain files and folders are accepted.")
            records[text] = value.decode("utf-8", "surrogateescape")
        return records

    def _require_end(self) -> None:
        zeros = 0
        while block := self._stream.some(END_LIMIT_BYTES):
            zeros += len(block)
            if bytes(block).strip(b"\0") or zeros > END_LIMIT_BYTES:
                raise self._stream.damaged("Something follows its end; only one archive alone is accepted.")
        if zeros < tarfile.BLOCKSIZE:
            raise self._stream.damaged("Its end mark is cut off.")

    def _refused(self, name: str, why: str, next_step: str = PLAIN_ONLY) -> RefusedImport:
        return refusal(self._origin, name, why, next_step)
