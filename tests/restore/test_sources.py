"""Restore points."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from quri_console.clock import NANOSECONDS_PER_SECOND
from quri_console.restore.sources import whole_seconds_ns


@pytest.mark.parametrize("microsecond", [0, 1, 499_999, 500_000, 500_001, 999_999])
def test_the_time_of_a_backup_is_rounded_down(microsecond: int) -> None:
    moment = datetime(2025, 1, 24, 2, 0, 7, microsecond, tzinfo=UTC)
    second = int(datetime(2025, 1, 24, 2, 0, 7, tzinfo=UTC).timestamp())
    assert whole_seconds_ns(moment) == second * NANOSECONDS_PER_SECOND
