"""Reads one TOML table field by field; every fault names file, line and what is allowed."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from quri_console.config.lines import KeyPath
from quri_console.errors import ConfigError, QuriError
from quri_console.units import format_bytes, format_duration, parse_bytes, parse_cycles, parse_duration

_TYPE_NAMES = {
    bool: "a boolean",
    int: "a whole number",
    float: "a number",
    str: "a text",
    list: "an array",
    dict: "a table",
}


@dataclass(frozen=True, slots=True)
class Document:
    """A parsed file with the lines of its keys."""

    path: Path
    lines: Mapping[KeyPath, int]

    def fault(self, key: KeyPath, what: str, *, why: str = "", allowed: str = "") -> ConfigError:
        """An error about `key`, or about the nearest table around it that the file has."""
        while key and key not in self.lines:
            key = key[:-1]
        place = f"{self.path}, line {self.lines.get(key, 1)}"
        return ConfigError(f"{place}: {what}", why=why, next_step=allowed)


class Table:
    """A table whose fields are taken one by one; `done` complains about unknown ones."""

    def __init__(self, document: Document, key: KeyPath, values: Mapping[str, Any]) -> None:
        self.document = document
        self.key = key
        self._values = values

    @property
    def name(self) -> str:
        """The last part of the table's key."""
        return self.key[-1] if self.key else ""

    def has(self, field: str) -> bool:
        """Whether the file sets `field` here."""
        return field in self._values

    def fault(self, field: str, problem: str, *, why: str = "", allowed: str = "") -> ConfigError:
        """An error about one field of this table."""
        return self.document.fault(
            (*self.key, field), f"{dotted((*self.key, field))} {problem}", why=why, allowed=allowed
        )

    def text(self, field: str, allowed: str) -> str | None:
        """A non-empty text, or None when the field is absent; `allowed` says what it may be."""
        value = self._take(field)
        if value is None:
            return None
        if not isinstance(value, str):
            self._wrong_type(field, value, allowed)
        if not value.strip():
            raise self.fault(field, "is empty", allowed=allowed)
        return value

    def required_text(self, field: str, allowed: str) -> str:
        """A text that must be there."""
        value = self.text(field, allowed)
        if value is None:
            raise self.fault(field, "is missing", allowed=allowed)
        return value

    def texts(self, field: str, allowed: str) -> tuple[str, ...]:
        """An array of non-empty texts, at least one."""
        value = self._take(field)
        if value is None:
            raise self.fault(field, "is missing", allowed=allowed)
        if not isinstance(value, list):
            self._wrong_type(field, value, allowed)
        if not value:
            raise self.fault(field, "is an empty list", allowed=f"Name at least one. {allowed}")
        for item in value:
            if not isinstance(item, str) or not item.strip():
                what = "an empty text" if isinstance(item, str) else _type_name(item)
                raise self.fault(field, f"holds {what}, and texts alone are allowed", allowed=allowed)
        return tuple(value)

    def choice(self, field: str, choices: tuple[str, ...], default: str) -> str:
        """One of a few words."""
        allowed = f"Allowed: {', '.join(choices)}."
        value = self.text(field, allowed)
        if value is None:
            return default
        if value not in choices:
            raise self.fault(field, f"is {value!r}", allowed=_did_you_mean(value, choices) + allowed)
        return value

    def boolean(self, field: str, default: bool) -> bool:
        """True or false."""
        value = self._take(field)
        if value is None:
            return default
        if not isinstance(value, bool):
            self._wrong_type(field, value, "Allowed: true or false.")
        return value

    def integer(self, field: str, default: int, *, low: int, high: int) -> int:
        """A whole number within bounds, both allowed."""
        allowed = f"Allowed: a whole number from {low} to {high}."
        value = self._take(field)
        if value is None:
            return default
        if not isinstance(value, int) or isinstance(value, bool):
            self._wrong_type(field, value, allowed)
        if not low <= value <= high:
            raise self.fault(field, f"is {value}", allowed=allowed)
        return value

    def cycles(self, field: str, default: int) -> int:
        """An amount of cycles: `1T`, `500B`, or a whole number."""
        allowed = 'Allowed: an amount like "1T", "0.5T", "500B" or 500_000_000 (K, M, B, T = 10^3, 10^6, 10^9, 10^12).'
        value = self._take(field)
        if value is None:
            return default
        if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
            return value
        if not isinstance(value, str):
            self._wrong_type(field, value, allowed)
        try:
            return parse_cycles(value)
        except QuriError as error:
            raise self.fault(field, f"is {value!r}", allowed=allowed) from error

    def duration(self, field: str, default: float, *, low: float, high: float, examples: str) -> float:
        """A duration in seconds from a text like `60s` or `30d`, within bounds given in seconds."""
        allowed = f"Allowed: a duration like {examples} (s, m, h, d, w)."
        value = self._take(field)
        if value is None:
            return default
        if not isinstance(value, str):
            self._wrong_type(field, value, allowed)
        try:
            seconds = parse_duration(value)
        except QuriError as error:
            raise self.fault(field, f"is {value!r}", allowed=allowed) from error
        if not low <= seconds <= high:
            why = f"it must be from {format_duration(low)} to {format_duration(high)}"
            raise self.fault(field, f"is {value!r}", why=why, allowed=allowed)
        return seconds

    def size(self, field: str, default: int, *, low: int, high: int) -> int:
        """Bytes from a text like `64 KiB`, within bounds."""
        allowed = f'Allowed: a size like "64 KiB" (B, KiB, MiB, GiB), up to {format_bytes(high)}.'
        value = self.text(field, allowed)
        if value is None:
            return default
        try:
            size = parse_bytes(value)
        except QuriError as error:
            raise self.fault(field, f"is {value!r}", allowed=allowed) from error
        if not low <= size <= high:
            why = f"it must be from {format_bytes(low)} to {format_bytes(high)}"
            raise self.fault(field, f"is {value!r}", why=why, allowed=allowed)
        return size

    def file(self, field: str, allowed: str) -> Path | None:
        """A path; `~` is the home folder, and relative paths start at the configuration file."""
        value = self.text(field, allowed)
        if value is None:
            return None
        try:
            path = Path(value).expanduser()
        except RuntimeError as error:
            raise self.fault(field, f"is {value!r}", why=str(error), allowed=allowed) from error
        return self.document.path.parent / path

    def table(self, field: str) -> Table:
        """A table below this one; empty when the file has none."""
        value = self._take(field)
        if value is None:
            return Table(self.document, (*self.key, field), {})
        if not isinstance(value, dict):
            self._wrong_type(field, value, f"Write it as [{dotted((*self.key, field))}].")
        return Table(self.document, (*self.key, field), value)

    def names(self) -> tuple[str, ...]:
        """The keys of this table, in the file's order."""
        return tuple(self._values)

    def is_table(self, field: str) -> bool:
        """Whether `field` is a table in the file."""
        return isinstance(self._take(field), dict)

    def tables(self) -> Iterator[Table]:
        """Every entry of this table as a table, in the file's order."""
        for field in self._values:
            yield self.table(field)

    def array(self, field: str) -> tuple[Table, ...]:
        """An array of tables below this one; empty when the file has none."""
        allowed = f"Write it as [[{dotted((*self.key, field))}]]."
        value = self._take(field)
        if value is None:
            return ()
        if not isinstance(value, list):
            self._wrong_type(field, value, allowed)
        if not all(isinstance(item, dict) for item in value):
            raise self.fault(field, "must hold tables", allowed=allowed)
        return tuple(Table(self.document, (*self.key, field), item) for item in value)

    def done(self, known: tuple[str, ...], *, reserved: tuple[str, ...] = ()) -> None:
        """Raise ConfigError for the first key that is not `known`; `reserved` ones are named as not supported yet."""
        for field in self._values:
            if field in known:
                continue
            if field in reserved:
                raise self.fault(
                    field, "is not supported by this version", allowed=f"Remove it. Supported: {', '.join(known)}."
                )
            raise self.fault(
                field, "is not known", allowed=f"{_did_you_mean(field, known)}Allowed here: {', '.join(known)}."
            )

    def _take(self, field: str) -> Any:
        return self._values.get(field)

    def _wrong_type(self, field: str, value: Any, allowed: str) -> NoReturn:
        raise self.fault(field, f"is {_type_name(value)}", allowed=allowed)


def _type_name(value: object) -> str:
    return _TYPE_NAMES.get(type(value), f"a {type(value).__name__}")


def _did_you_mean(word: str, known: tuple[str, ...]) -> str:
    close = difflib.get_close_matches(word, known, n=1)
    return f"Did you mean {close[0]!r}? " if close else ""


def dotted(key: KeyPath) -> str:
    """A key as the file has it: `canisters.rune-engine`."""
    return ".".join(part if part.replace("-", "_").isidentifier() else repr(part) for part in key)
