"""Rewrites a module so that its whole state can be read, set and put back from outside.

Hidden exports are added for the memory, the table, the start function and
every global that is exported or mutable. The start section goes, and active
data segments become empty passive ones: whoever instantiates decides whether
this is a fresh canister (then the segments are written and the start function
is called by hand) or one whose state is put back (then neither happens). One
compiled module therefore serves both.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from quri_console.wasm.binary import (
    MAGIC,
    RawSection,
    Reader,
    Section,
    encode_section,
    encode_unsigned,
    malformed,
    sections,
)
from quri_console.wasm.constant import read_constant
from quri_console.wasm.state import WASM_PAGE_BYTES, GlobalKind

_PREFIX = "quri-console:"
MEMORY_EXPORT = _PREFIX + "memory"
TABLE_EXPORT = _PREFIX + "table"
START_EXPORT = _PREFIX + "start"
_FUNCTION, _TABLE, _MEMORY, _GLOBAL = 0, 1, 2, 3
_KINDS: dict[int, GlobalKind] = {0x7F: "i32", 0x7E: "i64", 0x7D: "f32", 0x7C: "f64", 0x7B: "v128"}
_AFTER_EXPORTS = {Section.START, Section.ELEMENT, Section.DATA_COUNT, Section.CODE, Section.DATA}


@dataclass(frozen=True, slots=True)
class GlobalSlot:
    """A global that is part of the state."""

    kind: GlobalKind
    is_mutable: bool
    export: str
    initial_bits: int


@dataclass(frozen=True, slots=True)
class DataSegment:
    """An active data segment of the original module."""

    offset: int
    content: bytes


@dataclass(frozen=True, slots=True)
class Memory:
    """The module's declared memory."""

    is_64_bit: bool
    minimum_pages: int
    maximum_pages: int

    @property
    def minimum_bytes(self) -> int:
        return self.minimum_pages * WASM_PAGE_BYTES

    @property
    def maximum_bytes(self) -> int:
        return self.maximum_pages * WASM_PAGE_BYTES


@dataclass(frozen=True, slots=True)
class Instrumented:
    """The rewritten module and what was learned from the original."""

    code: bytes
    globals: tuple[GlobalSlot, ...]
    data: tuple[DataSegment, ...]
    memory: Memory | None
    has_start: bool
    custom_sections: tuple[tuple[str, bytes], ...]
    global_bytes: int

    @property
    def is_64_bit(self) -> bool:
        """Whether pointers have 64 bits; a module without memory counts as 32-bit."""
        return self.memory is not None and self.memory.is_64_bit


@dataclass(slots=True)
class _Findings:
    """What the first pass over the sections gathers."""

    exports: list[tuple[str, int, int]] = field(default_factory=list)
    globals: list[tuple[GlobalKind | None, bool, int]] = field(default_factory=list)
    memories: list[Memory] = field(default_factory=list)
    tables: int = 0
    start: int | None = None
    data_content: memoryview | None = None
    custom_sections: list[tuple[str, bytes]] = field(default_factory=list)


def instrument(module: bytes) -> Instrumented:
    """Rewrite a plain (not gzipped) module. Raises InvalidModule for what cannot be a canister's."""
    raw = list(sections(module))
    found = _read(raw)
    if len(found.memories) > 1:
        raise malformed("it declares more than one memory")
    if any(name.startswith(_PREFIX) for name, _, _ in found.exports):
        raise malformed(f"it exports a name that starts with {_PREFIX!r}")
    slots = tuple(_global_slots(found))
    data, data_section = _split_data(found)
    return Instrumented(
        code=_write(raw, _export_section(found, slots), data_section),
        globals=slots,
        data=data,
        memory=found.memories[0] if found.memories else None,
        has_start=found.start is not None,
        custom_sections=tuple(found.custom_sections),
        global_bytes=sum(_BYTES[kind] for kind, _, _ in found.globals if kind),
    )


_BYTES: dict[GlobalKind, int] = {"i32": 4, "i64": 8, "f32": 4, "f64": 8, "v128": 16}


def _read(raw: Sequence[RawSection]) -> _Findings:
    found = _Findings()
    for section in raw:
        reader = Reader(section.content)
        match section.identifier:
            case Section.CUSTOM:
                found.custom_sections.append((reader.name(), bytes(section.content[reader.position :])))
            case Section.IMPORT:
                _refuse_other_imports(reader)
            case Section.TABLE:
                found.tables = reader.unsigned()
            case Section.MEMORY:
                found.memories.extend(_memories(reader))
            case Section.GLOBAL:
                _read_globals(reader, found)
            case Section.EXPORT:
                found.exports.extend(_exports(reader))
            case Section.START:
                found.start = reader.unsigned()
            case Section.DATA:
                found.data_content = section.content
    return found


def _refuse_other_imports(reader: Reader) -> None:
    for _ in range(reader.unsigned()):
        module, name = reader.name(), reader.name()
        if reader.byte() != _FUNCTION or module != "ic0":
            raise malformed(f"it imports {module}.{name}, but canisters may only import functions of ic0")
        reader.unsigned()


def _memories(reader: Reader) -> Iterator[Memory]:
    for _ in range(reader.unsigned()):
        flags = reader.unsigned()
        if flags & ~0x05:
            raise malformed("it declares a shared memory or one with custom page sizes")
        is_64_bit = bool(flags & 0x04)
        minimum = reader.unsigned()
        maximum = reader.unsigned() if flags & 0x01 else (1 << 48 if is_64_bit else 1 << 16)
        yield Memory(is_64_bit, minimum, maximum)


def _read_globals(reader: Reader, found: _Findings) -> None:
    values: list[int] = []
    for _ in range(reader.unsigned()):
        kind_byte = reader.byte()
        if kind_byte in (0x63, 0x64):
            reader.signed()
        is_mutable = reader.byte() == 1
        value = read_constant(reader, values)
        values.append(value)
        found.globals.append((_KINDS.get(kind_byte), is_mutable, value))


def _exports(reader: Reader) -> Iterator[tuple[str, int, int]]:
    for _ in range(reader.unsigned()):
        yield reader.name(), reader.byte(), reader.unsigned()


def _global_slots(found: _Findings) -> Iterator[GlobalSlot]:
    exported = {index for _, kind, index in found.exports if kind == _GLOBAL}
    for index, (kind, is_mutable, bits) in enumerate(found.globals):
        if not (is_mutable or index in exported):
            continue
        if kind is None:
            raise malformed("a mutable or exported global holds a reference, which no snapshot can carry")
        yield GlobalSlot(kind, is_mutable, f"{_PREFIX}global:{index}", bits)


def _export_section(found: _Findings, slots: Sequence[GlobalSlot]) -> bytes:
    entries = list(found.exports)
    entries += [(slot.export, _GLOBAL, int(slot.export.rpartition(":")[2])) for slot in slots]
    if found.memories:
        entries.append((MEMORY_EXPORT, _MEMORY, 0))
    if found.tables:
        entries.append((TABLE_EXPORT, _TABLE, 0))
    if found.start is not None:
        entries.append((START_EXPORT, _FUNCTION, found.start))
    encoded = bytearray(encode_unsigned(len(entries)))
    for name, kind, index in entries:
        text = name.encode()
        encoded += encode_unsigned(len(text)) + text + bytes([kind]) + encode_unsigned(index)
    return encode_section(Section.EXPORT, bytes(encoded))


def _split_data(found: _Findings) -> tuple[tuple[DataSegment, ...], bytes | None]:
    """The active segments, and the data section in which each is an empty passive one."""
    if found.data_content is None:
        return (), None
    reader = Reader(found.data_content)
    values = [bits for _, _, bits in found.globals]
    count = reader.unsigned()
    active: list[DataSegment] = []
    rewritten = bytearray(encode_unsigned(count))
    for _ in range(count):
        flags = reader.unsigned()
        if flags == 2 and reader.unsigned() != 0:
            raise malformed("a data segment is for a second memory")
        offset = read_constant(reader, values) if flags != 1 else 0
        content = bytes(reader.take(reader.unsigned()))
        if flags == 1:
            rewritten += b"\x01" + encode_unsigned(len(content)) + content
        else:
            active.append(DataSegment(offset, content))
            rewritten += b"\x01\x00"
    return tuple(active), encode_section(Section.DATA, bytes(rewritten))


def _write(raw: Sequence[RawSection], exports: bytes, data: bytes | None) -> bytes:
    out = bytearray(MAGIC)
    is_exported = False
    for section in raw:
        if not is_exported and section.identifier in _AFTER_EXPORTS:
            out += exports
            is_exported = True
        if section.identifier == Section.DATA and data is not None:
            out += data
        elif section.identifier not in (Section.EXPORT, Section.START):
            out += section.whole
    if not is_exported:
        out += exports
    return bytes(out)
