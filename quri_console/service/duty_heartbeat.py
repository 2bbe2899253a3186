"""Signs of life around work that has an end: a dead man's switch hears that it began, and how it ended."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from random import Random

from quri_console.clock import Clock
from quri_console.config import Config
from quri_console.config.alerting import HeartbeatDuty
from quri_console.errors import ExitCode, QuriError


class Ending:
    """How the work ends: success unless said otherwise."""

    exit_code: ExitCode = ExitCode.OK


@contextlib.asynccontextmanager
async def heartbeats_of(config: Config, duty: HeartbeatDuty, run: str, clock: Clock) -> AsyncIterator[Ending]:
    """Tell the configured switches of `duty` about a `run`; none that fails, or does not answer, fails the work."""
    configs = [heartbeat for heartbeat in config.monitor.heartbeats if heartbeat.duty == duty]
    ending = Ending()
    if not configs:
        yield ending
        return
    from quri_console.monitor.heartbeats import Heartbeats
    from quri_console.monitor.notify.outside import Outside

    async with Outside() as outside, Heartbeats(configs, outside, clock=clock, random=Random()) as beats:  # noqa: S311 - jitter
        beats.started(duty, run)
        try:
            yield ending
        except QuriError as error:
            beats.ended(duty, int(error.exit_code), run, log=str(error))
            raise
        except BaseException as error:
            beats.failed(duty, type(error).__name__, run)
            raise
        beats.ended(duty, int(ending.exit_code), run)
