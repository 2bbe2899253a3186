"""The table `[monitor.log]`: how much of the service log is kept, and from which level on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, cast, get_args

from quri_console.config.fields import Table
from quri_console.units import GIB, KIB, MIB

LogLevel = Literal["debug", "info", "warning", "error"]
"""In rising order."""


@dataclass(frozen=True, slots=True)
class LogConfig:
    """Lines below `level` are not written; a file of `size_bytes` becomes `.1`, and `count` such files stay."""

    level: LogLevel = "info"
    size_bytes: int = 2 * MIB
    count: int = 5


def log_of(table: Table) -> LogConfig:
    """What the table says; the defaults where it is silent. Raises ConfigError."""
    table.done(("level", "size", "count"))
    default = LogConfig()
    return LogConfig(
        level=cast("LogLevel", table.choice("level", get_args(LogLevel), default.level)),
        size_bytes=table.size("size", default.size_bytes, low=64 * KIB, high=GIB),
        count=table.integer("count", default.count, low=1, high=100),
    )
