"""The words of a Candid text (Candid specification, "Core Grammar", "Comments", "Names")."""

from __future__ import annotations

import re
from enum import Enum, auto
from typing import NamedTuple

from quri_console.errors import QuriError

LARGEST_TEXT_BYTES = 1 << 20
"""The network takes no more than 1 MiB of custom sections with a module."""
MOST_WORDS = 300_000

KEYWORDS = frozenset(
    {
        *("null", "opt", "vec", "record", "variant", "func", "service", "principal", "blob"),
        *("oneway", "query", "composite_query"),
        *("type", "import"),
    }
)

_SPACE = re.compile(r"(?:[ \t\r\n]+|//[^\n]*)+")
_COMMENT_EDGE = re.compile(r"/\*|\*/")
_WORD = re.compile(
    r"""(?P<WORD>[A-Za-z_][A-Za-z0-9_]*)
      | (?P<NUMBER>0[xX][0-9a-fA-F](?:_?[0-9a-fA-F])*|[0-9](?:_?[0-9])*)(?![A-Za-z0-9_])
      | (?P<TEXT>"(?:[^"\\]|\\.)*+")
      | (?P<SIGN>->|[=(){},;:])""",
    re.VERBOSE | re.DOTALL,
)
_ESCAPE = re.compile(r"\\(?:u\{([0-9a-fA-F](?:_?[0-9a-fA-F])*)\}|([0-9a-fA-F]{2})|(.))", re.DOTALL)
_SINGLE_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "\\": "\\", '"': '"', "'": "'"}
_LONGEST_NUMBER = 20
_LARGEST_CODEPOINT = 0x10FFFF
_LONGEST_EXCERPT = 40


class UnusableInterface(QuriError):
    """The text is no Candid service description, needs another file, or is larger than any real one."""

    def __init__(self, why: str, *, what: str = "The Candid interface cannot be read") -> None:
        super().__init__(what, why=why, next_step="Read the text itself; the canister is not affected.")


class Sort(Enum):
    """What a token is."""

    WORD = auto()
    """A keyword, a type's name or a field's name."""
    NUMBER = auto()
    TEXT = auto()
    """A quoted name; the token holds it without quotes and escapes."""
    SIGN = auto()
    END = auto()


class Token(NamedTuple):
    """One word and the offset where it begins."""

    sort: Sort
    text: str
    offset: int


def tokens(source: str) -> list[Token]:
    """All words of the text and an END; raises UnusableInterface at the first character that belongs to none."""
    _refuse_unfit(source)
    found: list[Token] = []
    position = _after_space(source, 0)
    while position < len(source):
        match = _WORD.match(source, position)
        if match is None:
            raise unusable_at(source, position, f"{excerpt(source[position:])} is not expected")
        if len(found) == MOST_WORDS:
            raise UnusableInterface(f"it has more than {MOST_WORDS} words")
        sort = Sort[match.lastgroup or ""]
        text = match[0]
        if sort is Sort.TEXT:
            text = _unescaped(source, position, text[1:-1])
        found.append(Token(sort, text, position))
        position = _after_space(source, match.end())
    found.append(Token(Sort.END, "", position))
    return found


def unusable_at(source: str, offset: int, why: str) -> UnusableInterface:
    """The error for something wrong at this offset."""
    return UnusableInterface(f"line {source.count(chr(10), 0, offset) + 1}: {why}")


def describe(token: Token) -> str:
    """A token as an error names it."""
    return "the end of the text" if token.sort is Sort.END else excerpt(token.text)


def number_value(text: str) -> int | None:
    """A decimal or hexadecimal number; `None` for one that no field id comes near."""
    if len(text) > _LONGEST_NUMBER:
        return None
    return int(text, 16) if text[:2] in ("0x", "0X") else int(text)


def _refuse_unfit(source: str) -> None:
    try:
        size = len(source.encode())
    except UnicodeEncodeError as error:
        raise UnusableInterface("it is not Unicode text") from error
    if size > LARGEST_TEXT_BYTES:
        raise UnusableInterface(f"it is {size} bytes long, more than {LARGEST_TEXT_BYTES}")


def excerpt(text: str) -> str:
    """Text from outside as an error quotes it."""
    return repr(text if len(text) <= _LONGEST_EXCERPT else f"{text[:_LONGEST_EXCERPT]}…")


def _after_space(source: str, position: int) -> int:
    while True:
        space = _SPACE.match(source, position)
        if space is not None:
            position = space.end()
        if not source.startswith("/*", position):
            return position
        position = _after_comment(source, position)


def _after_comment(source: str, start: int) -> int:
    """Block comments nest."""
    depth = 0
    for edge in _COMMENT_EDGE.finditer(source, start):
        depth += 1 if edge[0] == "/*" else -1
        if depth == 0:
            return edge.end()
    raise unusable_at(source, start, "a comment does not end")


def _unescaped(source: str, offset: int, quoted: str) -> str:
    """Hexadecimal escapes are bytes of UTF-8, as in the text format of WebAssembly."""
    if "\\" not in quoted:
        return quoted
    parts = bytearray()
    position = 0
    for escape in _ESCAPE.finditer(quoted):
        parts += quoted[position : escape.start()].encode()
        codepoint, byte, single = escape.groups()
        if byte is not None:
            parts.append(int(byte, 16))
        elif codepoint is not None:
            parts += _character(source, offset, codepoint).encode()
        elif single in _SINGLE_ESCAPES:
            parts += _SINGLE_ESCAPES[single].encode()
        else:
            raise unusable_at(source, offset, f"the escape {excerpt(escape[0])} is unknown")
        position = escape.end()
    parts += quoted[position:].encode()
    try:
        return parts.decode()
    except UnicodeDecodeError as error:
        raise unusable_at(source, offset, "a quoted name is not UTF-8") from error


def _character(source: str, offset: int, digits: str) -> str:
    number = int(digits, 16) if len(digits) <= _LONGEST_NUMBER else _LARGEST_CODEPOINT + 1
    if number > _LARGEST_CODEPOINT or 0xD800 <= number <= 0xDFFF:
        raise unusable_at(source, offset, "an escape is no Unicode character")
    return chr(number)
