"""What was said in the corner of the screen, kept: a toast is gone before a tired reader has read it."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

KEPT = 200


@dataclass(frozen=True, slots=True)
class Notice:
    """One toast; `at_ns` since 1970."""

    at_ns: int
    severity: str
    title: str
    message: str


class Notices:
    """The newest notices, oldest first."""

    def __init__(self) -> None:
        self._kept: deque[Notice] = deque(maxlen=KEPT)

    def keep(self, notice: Notice) -> None:
        """Add one; the oldest gives way."""
        self._kept.append(notice)

    @property
    def all(self) -> tuple[Notice, ...]:
        """All that are kept."""
        return tuple(self._kept)
