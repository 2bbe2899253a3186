"""Constant expressions: what a global starts with and where a data segment goes."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from quri_console.wasm.binary import Reader, malformed

_END = 0x0B
_ARITHMETIC = {
    0x6A: (32, int.__add__),
    0x6B: (32, int.__sub__),
    0x6C: (32, int.__mul__),
    0x7C: (64, int.__add__),
    0x7D: (64, int.__sub__),
    0x7E: (64, int.__mul__),
}


def read_constant(reader: Reader, globals_so_far: Sequence[int]) -> int:
    """Evaluate one expression up to its `end`, as an unsigned number (references give their index).

    `globals_so_far` are the values of the globals before it.
    """
    stack: list[int] = []
    while (opcode := reader.byte()) != _END:
        if opcode in _ARITHMETIC:
            width, operate = _ARITHMETIC[opcode]
            if len(stack) < 2:
                raise malformed("a constant expression lacks operands")
            right, left = stack.pop(), stack.pop()
            stack.append(operate(left, right) & ((1 << width) - 1))
        else:
            stack.append(_push(opcode, reader, globals_so_far))
    if len(stack) != 1:
        raise malformed("a constant expression does not give one value")
    return stack[0]


def _push(opcode: int, reader: Reader, globals_so_far: Sequence[int]) -> int:
    read = _OPERANDS.get(opcode)
    if read is None:
        raise malformed(f"opcode 0x{opcode:02x} in a constant expression is not supported")
    value = read(reader)
    if opcode != _GLOBAL_GET:
        return value
    if value >= len(globals_so_far):
        raise malformed("a constant expression uses a later global")
    return globals_so_far[value]


def _vector(reader: Reader) -> int:
    if reader.unsigned() != 0x0C:
        raise malformed("a vector instruction other than v128.const in a constant expression is not supported")
    return int.from_bytes(reader.take(16), "little")


_GLOBAL_GET = 0x23
_OPERANDS: dict[int, Callable[[Reader], int]] = {
    0x41: lambda reader: reader.signed() & 0xFFFF_FFFF,  # i32.const
    0x42: lambda reader: reader.signed() & 0xFFFF_FFFF_FFFF_FFFF,  # i64.const
    0x43: lambda reader: int.from_bytes(reader.take(4), "little"),  # f32.const
    0x44: lambda reader: int.from_bytes(reader.take(8), "little"),  # f64.const
    _GLOBAL_GET: Reader.unsigned,
    0xD0: lambda reader: reader.signed() & 0,  # ref.null
    0xD2: Reader.unsigned,  # ref.func
    0xFD: _vector,
}
