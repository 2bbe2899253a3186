"""How the parts of the history reach its one connection."""

from __future__ import annotations

import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any

import aiosqlite


@dataclass(frozen=True, slots=True)
class Access:
    """`transaction` writes alone; `rows` reads. Both raise HistoryUnusable."""

    transaction: Callable[[], AbstractAsyncContextManager[aiosqlite.Connection]]
    rows: Callable[[str, tuple[Any, ...]], Awaitable[list[sqlite3.Row]]]
