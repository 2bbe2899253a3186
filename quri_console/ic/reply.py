"""Candid answers read field by field, so that a field which the network adds or lacks breaks nothing.

The message is decoded with its own types; names are looked up by their hash, which is all that the wire knows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from quri_console.ic.encoding.candid import MalformedCandid, decode, field_hash
from quri_console.ic.encoding.principal import Principal

T = TypeVar("T")
Case = TypeVar("Case", bound=str)


@dataclass(frozen=True, slots=True)
class Fields:
    """A record of an answer. Every reader raises MalformedCandid where the field has another type than asked for."""

    values: dict[str, Any]

    def has(self, name: str) -> bool:
        """Whether the answer has this field at all."""
        return str(field_hash(name)) in self.values

    def raw(self, name: str) -> Any:
        """The field as the library decoded it; raises MalformedCandid when it is missing."""
        try:
            return self.values[str(field_hash(name))]
        except KeyError:
            raise MalformedCandid(f"it lacks {name}") from None

    def natural(self, name: str) -> int:
        """A `nat` or a fixed-size number ≥ 0."""
        return natural(self.raw(name), name)

    def natural_or_none(self, name: str) -> int | None:
        """The same; None when the field is missing or an empty `opt`."""
        value = self.optional(name)
        return None if value is None else natural(value, name)

    def truth_or_none(self, name: str) -> bool | None:
        """A `bool`; None when the field is missing or an empty `opt`."""
        value = self.optional(name)
        return None if value is None else _expect(value, bool, name)

    def text(self, name: str) -> str:
        """A `text`."""
        return _expect(self.raw(name), str, name)

    def blob(self, name: str) -> bytes:
        """A `vec nat8`."""
        return _blob(self.raw(name), name)

    def blob_or_none(self, name: str) -> bytes | None:
        """An `opt vec nat8`; None when the field is missing or empty."""
        value = self.optional(name)
        return None if value is None else _blob(value, name)

    def principal(self, name: str) -> Principal:
        """A `principal`."""
        return _expect(self.raw(name), Principal, name)

    def optional(self, name: str) -> Any:
        """What an `opt` that holds no vector holds; None when the field is missing or empty."""
        if not self.has(name):
            return None
        value = self.raw(name)
        if isinstance(value, list):
            return value[0] if value else None
        return value

    def record(self, name: str) -> Fields:
        """A nested record."""
        return fields(self.raw(name))

    def list(self, name: str, element: Callable[[Any], T]) -> tuple[T, ...]:
        """A `vec`, each element through `element`."""
        value = self.raw(name)
        if value == b"":
            return ()
        return tuple(element(item) for item in _expect(value, list, name))

    def case_or_none(self, name: str, known: Sequence[Case]) -> Case | None:
        """The case of a variant; None when the field is missing or empty, or the case is not among `known`."""
        value = self.optional(name)
        return None if value is None else case_of(value, known)[0]


def fields(value: Any) -> Fields:
    """A decoded record as `Fields`."""
    if value == []:
        return Fields({})
    return Fields(_expect(value, dict, "a record"))


def answer(reply: bytes) -> Any:
    """The first value of an answer, decoded with the message's own types; raises MalformedCandid."""
    values = decode(reply)
    if not values:
        raise MalformedCandid("it holds no value")
    return values[0]


def nothing(reply: bytes) -> None:
    """Check an answer without content; raises MalformedCandid when it is not Candid."""
    decode(reply)


def natural(value: Any, name: str = "a number") -> int:
    """A number ≥ 0; raises MalformedCandid for anything else."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise MalformedCandid(f"{name} is not a natural number")
    return value


def principal(value: Any) -> Principal:
    """A decoded principal; raises MalformedCandid for anything else."""
    return _expect(value, Principal, "an element")


def case_of(value: Any, known: Sequence[Case]) -> tuple[Case | None, Any]:
    """Name and content of a decoded variant; the name is None when it is not among `known`."""
    (number, content), *_ = _expect(value, dict, "a variant").items()
    for name in known:
        if str(field_hash(name)) == number:
            return name, content
    return None, content


def _blob(value: Any, name: str) -> bytes:
    # the library answers an empty vector of any element type alike
    return b"" if value == [] else _expect(value, bytes, name)


def _expect(value: Any, kind: type[T], name: str) -> T:
    if not isinstance(value, kind):
        raise MalformedCandid(f"{name} has an unexpected type")
    return value
