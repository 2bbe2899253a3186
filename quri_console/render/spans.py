"""Text with a meaning: what a line is made of before anything has a colour."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Span:
    """A piece of a line; `role` names what its colour means, empty for plain text."""

    text: str
    role: str = ""


Line = tuple[Span, ...]
