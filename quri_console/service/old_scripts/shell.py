"""Assignments of shell scripts and .env files, read without a shell: what cannot be told without running it is said."""

from __future__ import annotations

import math
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass

from quri_console.service.old_scripts.files import ScriptFile
from quri_console.service.old_scripts.notes import Place

_ASSIGNED = re.compile(r"^(\s*)((?:(?:export|readonly|local|declare|typeset)\s+(?:-\w+\s+)*)*)([A-Za-z_]\w*)=(.*)$")
_DEFAULTED = re.compile(r"\$\{(\w+):?[-=]([^{}$`]*)\}")
_VARIABLE = re.compile(r"\$(?:(\w+|[@*#])|\{(\w+)\})")
_PRODUCT = re.compile(r"\$\(\(\s*(\d{1,20}(?:\s*\*{1,2}\s*\d{1,20})*)\s*\)\)")
MAX_LINE = 20_000


@dataclass(frozen=True, slots=True)
class Assignment:
    """`name` gets `value`, None where only running it would tell; `variable`: the environment's that it may come from.

    `indented`: it stands within a function or a branch.
    """

    name: str
    value: str | None
    place: Place
    variable: str = ""
    indented: bool = False


def logical_lines(file: ScriptFile) -> Iterator[tuple[int, str]]:
    """The lines, with those that end in a backslash joined to the next; numbered by their first."""
    number, parts = 0, ""
    for at, line in enumerate(file.lines, 1):
        number = number or at
        if line.endswith("\\") and not line.lstrip().startswith("#"):
            parts += line[:-1] + " "
            continue
        yield number, (parts + line)[:MAX_LINE]
        number, parts = 0, ""
    if parts:
        yield number, parts[:MAX_LINE]


def assignments(file: ScriptFile) -> Iterator[Assignment]:
    """Every assignment that has a line of its own; arrays are not."""
    for number, line in logical_lines(file):
        match = _ASSIGNED.match(line)
        if match is None or match[4].startswith("("):
            continue
        value, variable = value_of(match[4])
        yield Assignment(match[3], value, file.place(number), variable, bool(match[1]))


def value_of(text: str) -> tuple[str | None, str]:
    """The value that an assignment's right side has, and the variable that it may come from."""
    text = text.strip()
    product = _PRODUCT.match(text.strip('"'))
    if product is not None:
        return _multiplied(product[1]), ""
    word = _first_word(text)
    if word is None or text.startswith("'"):
        return word, ""
    defaulted = _DEFAULTED.fullmatch(word)
    if defaulted is not None:
        return defaulted[2].strip("\"'"), defaulted[1]
    variable = _VARIABLE.fullmatch(word)
    if variable is not None:
        return None, variable[1] or variable[2]
    return (None, "") if "$" in word or "`" in word else (word, "")


def words_of(text: str) -> list[str] | None:
    """The words of a command as a shell parts them; None when its quotes are not closed."""
    try:
        lexer = shlex.shlex(text, posix=True, punctuation_chars="|&;<>")
        lexer.whitespace_split, lexer.commenters = True, "#"
        return list(lexer)
    except ValueError:
        return None


def _first_word(text: str) -> str | None:
    try:
        words = shlex.split(text, comments=True)
    except ValueError:
        return None
    return words[0] if words else ""


def _multiplied(text: str) -> str | None:
    """A product of numbers and powers, as thresholds are often written."""
    factors = []
    for factor in re.split(r"(?<!\*)\*(?!\*)", text):
        base, *powers = (int(part) for part in factor.split("**"))
        if len(powers) > 1 or (powers and (powers[0] > 30 or base > 1_000)):
            return None
        factors.append(base ** powers[0] if powers else base)
    return str(math.prod(factors)) if len(factors) <= 10 else None
