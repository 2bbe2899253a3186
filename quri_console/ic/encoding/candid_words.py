"""The words of Candid text: numbers, texts, blobs, principals, names of fields."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NoReturn

from quri_console.ic.encoding.candid import field_hash
from quri_console.ic.encoding.candid_values import Number, PrincipalValue
from quri_console.ic.encoding.principal import Principal

_TOKENS = re.compile(
    r"""(?P<space>\s+|//[^\n]*|/\*.*?\*/)
    |(?P<text>"(?:[^"\\]|\\.)*")
    |(?P<number>[+-]?(?:0x[0-9A-Fa-f][0-9A-Fa-f_]*|[0-9][0-9_]*(?:\.[0-9_]*)?(?:[eE][+-]?[0-9]+)?|inf\b|nan\b))
    |(?P<word>[A-Za-z_][A-Za-z0-9_]*)
    |(?P<sign>[(){},;:=])""",
    re.VERBOSE | re.DOTALL,
)
_ESCAPES = {"n": b"\n", "r": b"\r", "t": b"\t", "\\": b"\\", '"': b'"', "'": b"'"}
_ESCAPE = re.compile(r"\\(?:u\{([0-9A-Fa-f_]+)\}|([0-9A-Fa-f]{2})|(.))", re.DOTALL)


class UnusableText(ValueError):
    """It is not Candid text; the message says where."""


def tokens(text: str) -> Iterator[tuple[str, str]]:
    position = 0
    while position < len(text):
        match = _TOKENS.match(text, position)
        if match is None:
            _unreadable(text, position)
        position = match.end()
        if match.lastgroup is not None and match.lastgroup != "space":
            yield match.lastgroup, match[0]


def _unreadable(text: str, position: int) -> NoReturn:
    raise UnusableText(f"character {position + 1} ({text[position]!r}) begins no word of Candid")


def number_of(token: str) -> Number:
    plain = token.replace("_", "")
    digits = plain.lstrip("+-")
    if digits.startswith("0x"):
        number = int(digits, 16)
        return Number(-number if plain.startswith("-") else number)
    if any(sign in digits for sign in ".eEn"):
        return Number(float(plain))
    return Number(int(plain))


def text_of(token: str) -> str:
    try:
        return bytes_of(token).decode()
    except UnicodeDecodeError as error:
        raise UnusableText("a text in it is not UTF-8") from error


def bytes_of(token: str) -> bytes:
    inside, out, position = token[1:-1], bytearray(), 0
    for match in _ESCAPE.finditer(inside):
        out += inside[position : match.start()].encode()
        point, byte, letter = match.groups()
        if point is not None:
            number = int(point.replace("_", ""), 16)
            if number > 0x10FFFF or 0xD800 <= number < 0xE000:
                raise UnusableText(f"\\u{{{point}}} is no character")
            out += chr(number).encode()
        elif byte is not None:
            out.append(int(byte, 16))
        elif letter in _ESCAPES:
            out += _ESCAPES[letter]
        else:
            raise UnusableText(f"\\{letter} in a text means nothing")
        position = match.end()
    return bytes(out + inside[position:].encode())


def principal_of(text: str) -> PrincipalValue:
    try:
        return PrincipalValue(Principal.from_str(text).bytes)
    except ValueError as error:
        raise UnusableText(f"{text!r} is no principal") from error


def label_of(kind: str, token: str) -> int:
    if kind == "text":
        return field_hash(text_of(token))
    if kind == "word":
        return field_hash(token)
    if kind == "number" and token.replace("_", "").isdigit() and int(token.replace("_", "")) < 1 << 32:
        return int(token.replace("_", ""))
    raise UnusableText(f"{token!r} is no name of a field")
