"""Reading Candid text, like `(record { healthy = true; keys = 12 : nat64 })`, as operators write it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from quri_console.ic.encoding.candid_values import (
    FLOAT_KINDS,
    NUMBER_KINDS,
    Number,
    Opt,
    Plain,
    PrincipalValue,
    Record,
    Value,
    Variant,
    Vec,
)
from quri_console.ic.encoding.candid_words import (
    UnusableText,
    bytes_of,
    label_of,
    number_of,
    principal_of,
    text_of,
    tokens,
)

LONGEST_TEXT = 65_536
_DEEPEST = 64
_CONSTANTS: dict[str, Value] = {
    "true": Plain(True),
    "false": Plain(False),
    "null": Plain(None),
}
_OTHER_TYPES = frozenset(["bool", "text", "principal", "null", "blob", "reserved"])


def parse_values(text: str) -> tuple[Value, ...]:
    """The values of `(value, …)`, or of one value without parentheses. Raises UnusableText."""
    if len(text) > LONGEST_TEXT:
        raise UnusableText(f"it is longer than {LONGEST_TEXT:,} characters")
    parser = _Parser(text)
    return parser.arguments() if parser.is_next("(") else (parser.whole(),)


class _Parser:
    """Recursive descent over the tokens; `_depth` bounds the recursion."""

    def __init__(self, text: str) -> None:
        self._tokens = list(tokens(text))
        self._position = 0
        self._depth = 0

    def arguments(self) -> tuple[Value, ...]:
        """A parenthesised list, and nothing after it."""
        self._expect("(")
        values = []
        while not self._skipped(")"):
            values.append(self._annotated())
            if not self._skipped(","):
                self._expect(")")
                break
        self._end()
        return tuple(values)

    def whole(self) -> Value:
        """One value, and nothing after it."""
        value = self._annotated()
        self._end()
        return value

    def is_next(self, sign: str) -> bool:
        """Whether the next token is this sign."""
        return self._peek() == ("sign", sign)

    def _annotated(self) -> Value:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise UnusableText(f"its values nest deeper than {_DEEPEST}")
        if self._skipped("("):
            value = self._annotated()
            self._expect(")")
        else:
            value = self._value()
        if self._skipped(":"):
            value = self._typed(value, self._type())
        self._depth -= 1
        return value

    def _value(self) -> Value:
        kind, word = self._next()
        if kind == "number":
            return number_of(word)
        if kind == "text":
            return Plain(text_of(word))
        if word in _CONSTANTS:
            return _CONSTANTS[word]
        readers: dict[str, Callable[[], Value]] = {
            "blob": lambda: Plain(bytes_of(self._text())),
            "principal": lambda: principal_of(text_of(self._text())),
            "service": lambda: principal_of(text_of(self._text())),
            "opt": lambda: Opt(self._annotated()),
            "vec": lambda: _vector(tuple(self._items())),
            "record": self._record,
            "variant": self._variant,
        }
        if kind != "word" or word not in readers:
            raise UnusableText(f"{word!r} is no value")
        return readers[word]()

    def _items(self) -> Iterator[Value]:
        self._expect("{")
        while not self._skipped("}"):
            yield self._annotated()
            if not self._skipped(";"):
                self._expect("}")
                return

    def _record(self) -> Value:
        self._expect("{")
        fields: dict[int, Value] = {}
        following = 0
        while not self._skipped("}"):
            label = self._label()
            label = following if label is None else label
            if label in fields:
                raise UnusableText("a record has the same field twice")
            fields[label] = self._annotated()
            following = label + 1
            if not self._skipped(";"):
                self._expect("}")
                break
        return Record(tuple(sorted(fields.items())))

    def _variant(self) -> Value:
        self._expect("{")
        kind, token = self._next()
        case = label_of(kind, token)
        value = self._annotated() if self._skipped("=") else Plain(None)
        self._skipped(";")
        self._expect("}")
        return Variant(case, value)

    def _label(self) -> int | None:
        """The name before a `=`, if there is one."""
        following = self._tokens[self._position + 1 : self._position + 2]
        if following != [("sign", "=")]:
            return None
        kind, token = self._next()
        self._expect("=")
        return label_of(kind, token)

    def _type(self) -> tuple[str, ...]:
        """A type as its words from the outside in: `opt vec nat` …"""
        words: list[str] = []
        while True:
            _, word = self._next()
            words.append(word)
            if word not in ("opt", "vec"):
                break
        if words[-1] not in NUMBER_KINDS | _OTHER_TYPES:
            raise UnusableText(f"a type {words[-1]!r} cannot be given behind a value; give it to the numbers in it")
        return tuple(words)

    def _typed(self, value: Value, words: tuple[str, ...]) -> Value:
        outer, inner = words[0], words[1:]
        match value:
            case Number() if outer in NUMBER_KINDS:
                if isinstance(value.value, float) and outer not in FLOAT_KINDS:
                    raise UnusableText(f"{value.value} is no {outer}")
                return Number(float(value.value) if outer in FLOAT_KINDS else value.value, outer)
            case Opt(value=content) if outer == "opt":
                return Opt(None if content is None else self._typed(content, inner))
            case Plain(None) if outer == "opt":
                return Opt(None)
            case Vec(items=items) if outer == "vec":
                return _vector(tuple(self._typed(item, inner) for item in items))
            case Plain(value=content) if _fits(content, words):
                return value
            case PrincipalValue() if outer == "principal":
                return value
        raise UnusableText(f"a value is not of the type {' '.join(words)}")

    def _text(self) -> str:
        kind, token = self._next()
        if kind != "text":
            raise UnusableText(f"there is {token!r} where a text in double quotes belongs")
        return token

    def _peek(self) -> tuple[str, str]:
        return self._tokens[self._position] if self._position < len(self._tokens) else ("end", "")

    def _next(self) -> tuple[str, str]:
        token = self._peek()
        if token[0] == "end":
            raise UnusableText("it ends too early")
        self._position += 1
        return token

    def _skipped(self, sign: str) -> bool:
        if not self.is_next(sign):
            return False
        self._position += 1
        return True

    def _expect(self, sign: str) -> None:
        if not self._skipped(sign):
            found = self._peek()[1]
            raise UnusableText(f"there is {found!r} where {sign!r} belongs" if found else f"{sign!r} is missing")

    def _end(self) -> None:
        if self._position < len(self._tokens):
            raise UnusableText(f"{self._peek()[1]!r} follows its end")


def _vector(items: tuple[Value, ...]) -> Value:
    numbers = [item for item in items if isinstance(item, Number) and item.kind == "nat8"]
    if items and len(numbers) == len(items):
        try:
            return Plain(bytes(int(number.value) for number in numbers))
        except ValueError as error:
            raise UnusableText("a nat8 is from 0 to 255") from error
    return Vec(items)


def _fits(content: bool | str | bytes | None, words: tuple[str, ...]) -> bool:
    kinds: dict[type, tuple[tuple[str, ...], ...]] = {
        bool: (("bool",),),
        str: (("text",),),
        bytes: (("blob",), ("vec", "nat8")),
        type(None): (("null",), ("reserved",)),
    }
    return words in kinds[type(content)]
