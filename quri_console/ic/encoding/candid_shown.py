"""Candid values as text on one line, every number with its type; nothing in it can deceive a terminal.

Fields and cases have their hash as name unless a caller knows it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

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
from quri_console.untrusted import spell_out

_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SHOWN_ESCAPES = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


def text_of_values(values: Sequence[Value], names: Mapping[int, str] | None = None) -> str:
    """The values as `(value, …)`; `names` knows fields and cases by hash."""
    return f"({', '.join(_shown(value, names or {}) for value in values)})"


def _shown(value: Value, names: Mapping[int, str]) -> str:
    match value:
        case Plain(value=content):
            text = _shown_plain(content)
        case Number():
            text = f"{value.value} : {value.kind}" if value.kind else str(value.value)
        case PrincipalValue():
            text = _shown_principal(value)
        case Opt(value=inner):
            text = "null" if inner is None else f"opt {_nested(inner, names)}"
        case Vec(items=items):
            text = _braced("vec", [_shown(item, names) for item in items])
        case Record(fields=fields):
            text = _braced("record", _shown_fields(fields, names))
        case Variant():
            text = _braced("variant", _shown_fields(((value.case, value.value),), names, omit_null=True))
    return text


def _shown_principal(value: PrincipalValue) -> str:
    name = f'"{Principal(value.value).to_str()}"'
    return f"principal {name}" if value.method is None else f"func {name}.{_quoted(value.method)}"


def _shown_fields(
    fields: Sequence[tuple[int, Value]], names: Mapping[int, str], *, omit_null: bool = False
) -> list[str]:
    if not omit_null and [label for label, _ in fields] == list(range(len(fields))):
        return [_shown(field, names) for _, field in fields]
    return [
        _name(label, names) if omit_null and field == Plain(None) else f"{_name(label, names)} = {_shown(field, names)}"
        for label, field in fields
    ]


def _nested(value: Value, names: Mapping[int, str]) -> str:
    text = _shown(value, names)
    return f"({text})" if isinstance(value, Number) else text


def _shown_plain(content: bool | str | bytes | None) -> str:
    if content is None:
        return "null"
    if isinstance(content, bool):
        return "true" if content else "false"
    if isinstance(content, str):
        return _quoted(content)
    return f'blob "{"".join(_shown_byte(byte) for byte in content)}"'


def _shown_byte(byte: int) -> str:
    return chr(byte) if 0x20 <= byte < 0x7F and byte not in b'"\\' else f"\\{byte:02x}"


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{spell_out(escaped, _SHOWN_ESCAPES)}"'


def _name(label: int, names: Mapping[int, str]) -> str:
    name = names.get(label)
    if name is None:
        return str(label)
    return name if _IDENTIFIER.fullmatch(name) else _quoted(name)


def _braced(word: str, parts: Sequence[str]) -> str:
    return f"{word} {{ {'; '.join(parts)} }}" if parts else f"{word} {{}}"
