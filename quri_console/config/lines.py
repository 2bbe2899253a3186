"""On which line of a TOML document each key stands; tomllib does not say.

The document has been accepted by tomllib before, so this scanner only has to
find keys, never to judge them.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping

KeyPath = tuple[str, ...]

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_STRING = re.compile(
    r'"""(?:[^\\]|\\.)*?"{3,5}'
    r"|'''.*?'{3,5}"
    r'|"(?:[^"\\\n]|\\.)*"'
    r"|'[^'\n]*'",
    re.DOTALL,
)
# a date and its time may be parted by a space
_ATOM = re.compile(r"\d{4}-\d\d-\d\d \d\d:[^,\]}\s#]+|[^,\]}\s#]+")


def key_lines(text: str) -> Mapping[KeyPath, int]:
    """Line (from 1) of every table and key of a valid TOML document, by its path.

    A table that several headers share, and every element of an array of tables,
    has the line of its first appearance.
    """
    return _Scanner(text).scan()


class _Scanner:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._lines: dict[KeyPath, int] = {}

    def scan(self) -> Mapping[KeyPath, int]:
        table: KeyPath = ()
        self._skip_blank()
        while self._at < len(self._text):
            if self._peek() == "[":
                table = self._header()
            else:
                self._assignment(table)
            self._skip_blank()
        return self._lines

    def _peek(self) -> str:
        return self._text[self._at : self._at + 1]

    def _skip_blank(self) -> None:
        match = _BLANK.match(self._text, self._at)
        self._at = match.end() if match else self._at

    def _skip_past(self, characters: str) -> None:
        while self._at < len(self._text) and self._peek() in characters:
            self._at += 1

    def _header(self) -> KeyPath:
        self._skip_past("[")
        path = self._key(())
        self._skip_past(" \t]")
        return path

    def _assignment(self, table: KeyPath) -> None:
        path = self._key(table)
        self._skip_past(" \t=")
        self._value(path)

    def _key(self, table: KeyPath) -> KeyPath:
        path = table
        while True:
            self._skip_past(" \t")
            line = self._text.count("\n", 0, self._at) + 1
            path = (*path, self._key_part())
            self._lines.setdefault(path, line)
            self._skip_past(" \t")
            if self._peek() != ".":
                return path
            self._at += 1

    def _key_part(self) -> str:
        match = _STRING.match(self._text, self._at) or _BARE_KEY.match(self._text, self._at)
        if match is None:
            raise ValueError(f"no key at offset {self._at}")
        self._at = match.end()
        if match[0][0] in "\"'":
            return str(tomllib.loads(f"key = {match[0]}")["key"])
        return match[0]

    def _value(self, path: KeyPath) -> None:
        if self._peek() == "{":
            self._members("}", lambda: self._assignment(path))
        elif self._peek() == "[":
            # keys of tables in an array get a path that no plain key has
            self._members("]", lambda: self._value((*path, "[]")))
        else:
            match = _STRING.match(self._text, self._at) or _ATOM.match(self._text, self._at)
            if match is None:
                raise ValueError(f"no value at offset {self._at}")
            self._at = match.end()

    def _members(self, end: str, member: Callable[[], None]) -> None:
        """Go through an array or an inline table up to its end."""
        self._at += 1
        self._skip_blank()
        while self._peek() != end:
            member()
            self._skip_blank()
            if self._peek() == ",":
                self._at += 1
            self._skip_blank()
        self._at += 1
