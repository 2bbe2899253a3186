"""How long a restore takes and how long the canister is down: from a measured answer to a low and a high end."""

from __future__ import annotations

from dataclasses import dataclass

from quri_console.restore.bill import Upload

UPLOADS_AT_ONCE = 12
"""Each holds about 7 MB: more would be quicker over a slow link, and take a restore of any size over 256 MB."""
CALLS_WHILE_STOPPED = 9
"""Stop, look, take, look, load, look, take, look into it, start: certified answers one after the other."""
CALLS_BESIDES = 3
SLOWER = 3
"""How much slower than measured an answer may be on a busy subnet."""
LOAD_BYTES_PER_SECOND = 200_000_000
"""Taking and loading take their time by size, too: only the high end counts on it."""


@dataclass(frozen=True, slots=True)
class Durations:
    """Whole seconds, rounded up."""

    downtime_seconds: int
    downtime_high_seconds: int
    duration_seconds: int
    duration_high_seconds: int


def durations(*, running: bool, seconds_per_call: float, upload: Upload, moved_bytes: int) -> Durations:
    """`moved_bytes`: what is taken and loaded while the canister is stopped."""
    calls = CALLS_WHILE_STOPPED * seconds_per_call
    stopped = _up(calls), _up(SLOWER * calls + moved_bytes / LOAD_BYTES_PER_SECOND)
    messages = len(upload.slices) + len(upload.chunks)
    before = (messages / UPLOADS_AT_ONCE + CALLS_BESIDES) * seconds_per_call if messages else seconds_per_call
    down = stopped if running else (0, 0)
    return Durations(*down, stopped[0] + round(before + 0.5), stopped[1] + round(SLOWER * before + 0.5))


def _up(seconds: float) -> int:
    return max(1, round(seconds + 0.5))
