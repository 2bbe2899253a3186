"""Whether a message's types may be read as the expected ones (Candid specification, "Subtyping"), checked before.

icp_candid compares constructed types only by their Python class, and reads `opt` where it was told `vec`. What passes
here it reads exactly as the budget walk did. Two allowances of the specification are refused, because the library
does not know them: a plain value where `opt` is expected, and `null` in place of an `opt` of another type.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import icp_candid.candid as library

from quri_console.ic.encoding.candid_budget import Entry, MalformedCandid, Message, Opcode

_OPCODES = {
    library.OptClass: Opcode.OPT,
    library.VecClass: Opcode.VEC,
    library.RecordClass: Opcode.RECORD,
    library.VariantClass: Opcode.VARIANT,
    library.FuncClass: Opcode.FUNC,
    library.ServiceClass: Opcode.SERVICE,
}


def check_arguments(expected: Sequence[Any], message: Message) -> None:
    """Raise MalformedCandid unless the message holds at least the expected values, each of a fitting type."""
    if len(message.arguments) < len(expected):
        raise MalformedCandid(f"it holds {len(message.arguments)} values instead of {len(expected)}")
    comparison = _Comparison(message.table)
    for number, (kind, found) in enumerate(zip(expected, message.arguments, strict=False)):
        if not comparison.fits(kind, found):
            raise MalformedCandid(f"value {number} has another type than expected")


@dataclass(slots=True)
class _Comparison:
    table: tuple[Entry, ...]
    assumed: set[tuple[int, int]] = field(default_factory=set)
    """Pairs under comparison or compared: recursive types fit when nothing speaks against it."""

    def fits(self, expected: Any, found: int) -> bool:
        while isinstance(expected, library.RecClass):
            expected = expected.get_type()
        if isinstance(expected, library.ReservedClass):
            return True
        if isinstance(expected, library.PrimitiveType):
            return _primitive_fits(expected, found)
        if found < 0:
            return False
        if (id(expected), found) in self.assumed:
            return True
        self.assumed.add((id(expected), found))
        return self._constructed_fits(expected, self.table[found])

    def _constructed_fits(self, expected: Any, found: Entry) -> bool:
        opcode = _OPCODES[type(expected)]
        if opcode != found.opcode:
            return False
        match opcode:
            case Opcode.OPT | Opcode.VEC:
                return self.fits(expected._type, found.members[0])
            case Opcode.RECORD:
                return self._fields_fit(expected._field_map, found, required=True)
            case Opcode.VARIANT:
                return self._fields_fit(expected._field_map, found, required=False)
        return True  # a function or a service is only a name here

    def _fields_fit(self, expected: dict[int, tuple[str, Any]], found: Entry, *, required: bool) -> bool:
        members = dict(zip(found.labels, found.members, strict=True))
        return all(
            self.fits(kind, members[label]) if label in members else not required or _may_be_missing(kind)
            for label, (_, kind) in expected.items()
        )


def _primitive_fits(expected: Any, found: int) -> bool:
    number: int = expected._opcode
    return found == number or (number == Opcode.INT and found == Opcode.NAT)


def _may_be_missing(kind: Any) -> bool:
    while isinstance(kind, library.RecClass):
        kind = kind.get_type()
    return isinstance(kind, (library.OptClass, library.ReservedClass))
