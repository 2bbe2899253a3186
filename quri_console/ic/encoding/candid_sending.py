"""Candid values that a text gave, as a message: their types follow from the values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from typing import Any

from quri_console.ic.encoding import candid
from quri_console.ic.encoding.candid_values import (
    Number,
    Opt,
    Plain,
    PrincipalValue,
    Record,
    Value,
    Variant,
    Vec,
)
from quri_console.ic.encoding.principal import Principal


def encode_values(values: Sequence[Value]) -> bytes:
    """The message with these values; a number without a type becomes nat, int below zero, float64 with a point.

    (nat is accepted wherever int is.) Raises ValueError where elements of one vector do not have one type.
    """
    shapes = [_shape(value) for value in values]
    return candid.encode([_library_type(shape) for shape in shapes], list(map(_python, values, shapes)))


@dataclass(frozen=True, slots=True)
class _Shape:
    """The type of a value that is to be sent; `inner` of an opt or a vector, `fields` of a record or variant."""

    kind: str
    inner: _Shape | None = None
    fields: Mapping[int, _Shape] = field(default_factory=dict)


_UNKNOWN = _Shape("null")
"""The type that no value tells: of `null` alone, and of the elements of an empty vector."""


def _shape(value: Value) -> _Shape:
    match value:
        case Number():
            shape = _Shape(value.kind or _usual_kind(value.value))
        case Plain():
            shape = _UNKNOWN if value.value is None else _Shape(_PLAIN_KINDS[type(value.value)])
        case PrincipalValue():
            shape = _principal_shape(value)
        case Opt(value=inner):
            shape = _Shape("opt", _UNKNOWN if inner is None else _shape(inner))
        case Vec(items=items):
            shape = _Shape("vec", reduce(_joined, map(_shape, items), _UNKNOWN))
        case Record(fields=fields):
            shape = _Shape("record", fields={label: _shape(item) for label, item in fields})
        case Variant():
            shape = _Shape("variant", fields={value.case: _shape(value.value)})
    return shape


_PLAIN_KINDS = {bool: "bool", str: "text", bytes: "blob"}


def _principal_shape(value: PrincipalValue) -> _Shape:
    if value.method is not None:
        raise ValueError("a function reference cannot be sent")
    return _Shape("principal")


def _usual_kind(number: float) -> str:
    return "float64" if isinstance(number, float) else "nat" if number >= 0 else "int"


def _joined(left: _Shape, right: _Shape) -> _Shape:
    """The type that both values have."""
    if right in (left, _UNKNOWN):
        return left
    if left == _UNKNOWN:
        return right
    if {left.kind, right.kind} == {"nat", "int"}:
        return _Shape("int")
    if left.kind != right.kind or (left.kind == "record" and left.fields.keys() != right.fields.keys()):
        raise ValueError("the elements of a vector have different types")
    labels = sorted({*left.fields, *right.fields})
    # a case that only one of them has stays as it is
    fields = {at: _joined(left.fields.get(at, _UNKNOWN), right.fields.get(at, _UNKNOWN)) for at in labels}
    inner = None if left.inner is None or right.inner is None else _joined(left.inner, right.inner)
    return _Shape(left.kind, inner, fields)


def _library_type(shape: _Shape) -> Any:
    if shape.fields or shape.kind in ("record", "variant"):
        make = candid.Types.Record if shape.kind == "record" else candid.Types.Variant
        return make({str(label): _library_type(item) for label, item in shape.fields.items()})
    if shape.kind == "vec":
        # the elements of an empty vector are of the type that stands for every other
        is_empty = shape.inner in (None, _UNKNOWN)
        return candid.Types.Vec(candid.Types.Empty if is_empty else _library_type(shape.inner or _UNKNOWN))
    if shape.kind == "opt":
        return candid.Types.Opt(_library_type(shape.inner or _UNKNOWN))
    return (
        candid.Types.Vec(candid.Types.Nat8) if shape.kind == "blob" else getattr(candid.Types, shape.kind.capitalize())
    )


def _python(value: Value, shape: _Shape) -> Any:
    """The value as the library wants it for its type."""
    inner = shape.inner or _UNKNOWN
    match value:
        case Number():
            made: Any = value.value
        case Plain():
            made = [] if shape.kind == "opt" else value.value
        case PrincipalValue():
            made = Principal(value.value)
        case Opt(value=content):
            made = [] if content is None else [_python(content, inner)]
        case Vec(items=items):
            made = [_python(item, inner) for item in items]
        case Record(fields=fields):
            made = {str(label): _python(item, shape.fields[label]) for label, item in fields}
        case Variant():
            made = {str(value.case): _python(value.value, shape.fields[value.case])}
    return made
