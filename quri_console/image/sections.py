"""What a WebAssembly module tells about a canister without being run (core specification, chapter 5)."""

from __future__ import annotations

import hashlib
import zlib
from dataclasses import dataclass
from typing import Literal

from quri_console.errors import QuriError
from quri_console.units import MIB

MAGIC = b"\0asm\x01\0\0\0"
GZIP_MAGIC = b"\x1f\x8b\x08"
LARGEST_MODULE_BYTES = 100 * MIB
LARGEST_COUNT = 100_000
"""Of sections, imports and exports: far beyond what the network installs, and read in well under a second."""

LIFECYCLE_EXPORTS = (
    "canister_init",
    "canister_pre_upgrade",
    "canister_post_upgrade",
    "canister_heartbeat",
    "canister_global_timer",
    "canister_inspect_message",
    "canister_on_low_wasm_memory",
)

_CUSTOM, _IMPORT, _MEMORY, _EXPORT, _CODE = 0, 2, 5, 7, 10
_FUNCTION, _TABLE, _MEMORY_IMPORT, _GLOBAL, _TAG = range(5)
_TYPED_REFERENCES = frozenset({0x63, 0x64})
_MAXIMUM_FLAG, _MEMORY64_FLAG, _PAGE_SIZE_FLAG = 0x01, 0x04, 0x08


class UnusableModule(QuriError):
    """The bytes are no WebAssembly module whose sections can be read."""

    def __init__(self, why: str) -> None:
        super().__init__(
            "The module cannot be read",
            why=why,
            next_step="Compare its SHA-256 with the module that was built; the canister itself is not affected.",
        )


@dataclass(frozen=True, slots=True)
class CustomSection:
    """One custom section; the network publishes those called `icp:public LABEL` and `icp:private LABEL`."""

    name: str
    size_bytes: int
    sha256: bytes
    content: bytes | None
    """Only of `icp:` sections: others (debug names) can be as large as the module and are told apart by digest."""

    @property
    def visibility(self) -> Literal["public", "private"] | None:
        """Who may read the section from the network; `None` where nobody may."""
        prefix, separator, _ = self.name.partition(" ")
        if not separator:
            return None
        return "public" if prefix == "icp:public" else "private" if prefix == "icp:private" else None

    @property
    def label(self) -> str:
        """The name without the part that says who may read it."""
        return self.name if self.visibility is None else self.name.partition(" ")[2]


@dataclass(frozen=True, slots=True)
class ModuleFacts:
    """What an operator compares between two modules. Method names are sorted, sizes are in bytes."""

    stored_bytes: int
    """As given, compressed or not."""
    module_bytes: int
    """Uncompressed."""
    is_compressed: bool
    updates: tuple[str, ...]
    queries: tuple[str, ...]
    composite_queries: tuple[str, ...]
    lifecycle: tuple[str, ...]
    """Those of LIFECYCLE_EXPORTS that the module exports, in that order."""
    memory_is_64_bit: bool | None
    """`None` when the module has no memory."""
    code_bytes: int
    custom_sections: tuple[CustomSection, ...]
    """In module order."""

    def custom_section(self, label: str) -> CustomSection | None:
        """The first `icp:public` or `icp:private` section of that label."""
        labelled = (section for section in self.custom_sections if section.visibility is not None)
        return next((section for section in labelled if section.label == label), None)

    @property
    def candid_interface(self) -> str | None:
        """The Candid text that the module carries, if any; bytes that are not UTF-8 become U+FFFD."""
        section = self.custom_section("candid:service")
        return None if section is None or section.content is None else section.content.decode(errors="replace")


def module_facts(module: bytes) -> ModuleFacts:
    """The facts of a module, gzip-compressed or plain; raises UnusableModule for anything else."""
    plain = _decompressed(module)
    known: dict[int, memoryview] = {}
    custom: list[CustomSection] = []
    for identifier, content in _sections(plain):
        if identifier == _CUSTOM:
            custom.append(_custom_section(content))
        elif identifier in known:
            raise UnusableModule(f"section {identifier} occurs twice")
        else:
            known[identifier] = content
    exports = _exported_functions(known.get(_EXPORT, memoryview(b"")))
    return ModuleFacts(
        stored_bytes=len(module),
        module_bytes=len(plain),
        is_compressed=plain is not module,
        updates=_methods(exports, "canister_update "),
        queries=_methods(exports, "canister_query "),
        composite_queries=_methods(exports, "canister_composite_query "),
        lifecycle=tuple(name for name in LIFECYCLE_EXPORTS if name in exports),
        memory_is_64_bit=_memory_is_64_bit(known.get(_IMPORT), known.get(_MEMORY)),
        code_bytes=len(known.get(_CODE, b"")),
        custom_sections=tuple(custom),
    )


class _Reader:
    """A cursor over a section that raises UnusableModule where the bytes end too early."""

    __slots__ = ("_data", "_position")

    def __init__(self, data: memoryview, position: int = 0) -> None:
        self._data = data
        self._position = position

    @property
    def at_end(self) -> bool:
        return self._position >= len(self._data)

    def byte(self) -> int:
        return self.take(1)[0]

    def take(self, size: int) -> memoryview:
        stop = self._position + size
        if stop > len(self._data):
            raise UnusableModule("a section ends too early")
        piece = self._data[self._position : stop]
        self._position = stop
        return piece

    def rest(self) -> memoryview:
        return self.take(len(self._data) - self._position)

    def number(self) -> int:
        """An unsigned LEB128 number of at most 64 bits."""
        result = 0
        for shift in range(0, 70, 7):
            byte = self.byte()
            result |= (byte & 0x7F) << shift
            if byte < 0x80:
                return result
        raise UnusableModule("a number is too long")

    def count(self) -> int:
        number = self.number()
        if number > LARGEST_COUNT:
            raise UnusableModule(f"it declares {number} imports or exports, more than {LARGEST_COUNT}")
        return number

    def name(self) -> str:
        try:
            return str(self.take(self.number()), "utf-8")
        except UnicodeDecodeError as error:
            raise UnusableModule("a name is not UTF-8") from error

    def skip_value_type(self) -> None:
        if self.byte() in _TYPED_REFERENCES:
            self.number()

    def skip_limits(self) -> int:
        """The flags of the limits that were passed over."""
        flags = self.number()
        self.number()
        if flags & _MAXIMUM_FLAG:
            self.number()
        if flags & _PAGE_SIZE_FLAG:
            self.number()
        return flags


def _decompressed(module: bytes) -> bytes:
    if not module.startswith(GZIP_MAGIC):
        return module
    inflater = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    try:
        plain = inflater.decompress(module, LARGEST_MODULE_BYTES)
    except zlib.error as error:
        raise UnusableModule("its gzip stream is damaged") from error
    if not inflater.eof:
        raise UnusableModule("its gzip stream is cut short or unpacks to more than 100 MiB")
    return plain


def _sections(plain: bytes) -> list[tuple[int, memoryview]]:
    if not plain.startswith(MAGIC):
        raise UnusableModule("it does not start with the WebAssembly magic number and version 1")
    reader = _Reader(memoryview(plain), len(MAGIC))
    found: list[tuple[int, memoryview]] = []
    while not reader.at_end:
        if len(found) == LARGEST_COUNT:
            raise UnusableModule(f"it has more than {LARGEST_COUNT} sections")
        found.append((reader.byte(), reader.take(reader.number())))
    return found


def _custom_section(section: memoryview) -> CustomSection:
    reader = _Reader(section)
    name = reader.name()
    content = reader.rest()
    return CustomSection(
        name=name,
        size_bytes=len(content),
        sha256=hashlib.sha256(content).digest(),
        content=bytes(content) if name.startswith("icp:") else None,
    )


def _exported_functions(section: memoryview) -> frozenset[str]:
    if not section:
        return frozenset()
    reader = _Reader(section)
    functions = set()
    for _ in range(reader.count()):
        name, kind, _ = reader.name(), reader.byte(), reader.number()
        if kind == _FUNCTION:
            functions.add(name)
    return frozenset(functions)


def _methods(exports: frozenset[str], prefix: str) -> tuple[str, ...]:
    return tuple(sorted(name.removeprefix(prefix) for name in exports if name.startswith(prefix)))


def _memory_is_64_bit(imports: memoryview | None, memories: memoryview | None) -> bool | None:
    """Imported memories are numbered before the module's own."""
    flags = None if imports is None else _imported_memory_flags(_Reader(imports))
    if flags is None and memories is not None:
        reader = _Reader(memories)
        flags = reader.skip_limits() if reader.number() else None
    return None if flags is None else bool(flags & _MEMORY64_FLAG)


def _imported_memory_flags(reader: _Reader) -> int | None:
    for _ in range(reader.count()):
        reader.take(reader.number())
        reader.take(reader.number())
        kind = reader.byte()
        if kind == _MEMORY_IMPORT:
            return reader.skip_limits()
        _skip_import(reader, kind)
    return None


def _skip_import(reader: _Reader, kind: int) -> None:
    if kind == _FUNCTION:
        reader.number()
    elif kind == _TABLE:
        reader.skip_value_type()
        reader.skip_limits()
    elif kind == _GLOBAL:
        reader.skip_value_type()
        reader.byte()
    elif kind == _TAG:
        reader.byte()
        reader.number()
    else:
        raise UnusableModule(f"an import is of the unknown kind {kind}")
