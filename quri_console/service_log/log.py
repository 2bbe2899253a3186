"""What services are given to write down what happens; of most commands it writes nothing."""

from __future__ import annotations

from typing import Protocol

from quri_console.config.log import LogLevel

Fact = str | int


class Log(Protocol):
    """Hears what happens. Never raises."""

    def say(self, event: str, text: str, level: LogLevel = "info", *, news: bool = False, **facts: Fact) -> None:
        """Write that `event` happened, in words, with what a program may want to know of it.

        `news`: something changed, which is written although the same was written a moment ago, and not counted.
        """

    def count_up(self) -> None:
        """Write how often lines repeated themselves whose time is over; to be called now and then."""


class SilentLog:
    """Of processes that keep no log."""

    def say(self, event: str, text: str, level: LogLevel = "info", *, news: bool = False, **facts: Fact) -> None:
        """Write nothing."""

    def count_up(self) -> None:
        """Write nothing."""
