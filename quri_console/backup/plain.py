"""Frozen dataclasses as plain TOML values and back, driven by their type hints.

Fields that are None are left out, principals are text, bytes are hex, and integers
beyond 64 bits are decimal strings, because TOML readers need not take larger ones.
"""

from __future__ import annotations

import types
from dataclasses import MISSING, fields, is_dataclass
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from quri_console.ic.encoding.principal import Principal

_TOML_INTEGER_LIMIT = 1 << 63
_Record = TypeVar("_Record")


class NotARecord(ValueError):
    """A plain value that does not fit the record it should become."""


def to_plain(value: object) -> Any:
    """The TOML form of a record or of a value inside one."""
    if is_dataclass(value) and not isinstance(value, type):
        pairs = ((field.name, getattr(value, field.name)) for field in fields(value))
        return {name: to_plain(content) for name, content in pairs if content is not None}
    if isinstance(value, Principal):
        return value.to_str()
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, tuple | list):
        return [to_plain(item) for item in value]
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= _TOML_INTEGER_LIMIT:
        return str(value)
    return value


def from_plain(record: type[_Record], value: object) -> _Record:
    """The record of class `record` in a plain value; NotARecord when a field is missing or has the wrong type.

    Keys that the class does not know are skipped: a newer version may write more.
    """
    if not isinstance(value, dict):
        raise NotARecord(f"{record.__name__} is not a table")
    hints, arguments = get_type_hints(record), {}
    for field in fields(record):  # type: ignore[arg-type]  # every caller passes a dataclass
        if field.name in value:
            arguments[field.name] = _typed(hints[field.name], value[field.name], field.name)
        elif _allows_none(hints[field.name]):
            arguments[field.name] = None
        elif field.default is MISSING and field.default_factory is MISSING:
            raise NotARecord(f"{field.name} is missing")
    return record(**arguments)


def _allows_none(hint: Any) -> bool:
    return type(None) in get_args(hint)


def _typed(hint: Any, value: Any, name: str) -> Any:
    origin = get_origin(hint)
    if origin is Literal:
        if value not in get_args(hint):
            raise NotARecord(f"{name} is {value!r}")
        return value
    if origin in (Union, types.UnionType):
        return _first_that_fits(get_args(hint), value, name)
    if origin is tuple:
        if not isinstance(value, list):
            raise NotARecord(f"{name} is not an array")
        return tuple(_typed(get_args(hint)[0], item, name) for item in value)
    if is_dataclass(hint):
        return from_plain(hint, value)  # type: ignore[arg-type]
    return _scalar(hint, value, name)


def _first_that_fits(hints: tuple[Any, ...], value: Any, name: str) -> Any:
    for hint in hints:
        if hint is type(None):
            continue
        try:
            return _typed(hint, value, name)
        except NotARecord:
            continue
    raise NotARecord(f"{name} has none of the allowed forms")


def _scalar(hint: Any, value: Any, name: str) -> Any:
    try:
        if hint is int and isinstance(value, int | str) and not isinstance(value, bool):
            return int(value)
        if hint is float and isinstance(value, int | float) and not isinstance(value, bool):
            return float(value)
        if hint is bytes and isinstance(value, str):
            return bytes.fromhex(value)
        if hint is Principal and isinstance(value, str):
            return Principal.from_str(value)
    except ValueError as error:
        raise NotARecord(f"{name}: {error}") from error
    if hint in (str, bool) and type(value) is hint:
        return value
    raise NotARecord(f"{name} is a {type(value).__name__}")
