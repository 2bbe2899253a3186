"""Keeps addresses out of logs: HTTP libraries log the whole address of each request."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_LOGGERS = (
    "httpx",
    "httpcore",
    "httpcore.connection",
    "httpcore.http11",
    "httpcore.proxy",
    "apprise",
    "requests",
    "urllib3",
    "urllib3.connectionpool",
    "urllib3.util.retry",
)

_sending: ContextVar[bool] = ContextVar("quri_console_sending_a_message", default=False)


class _WithoutAddresses(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        return not _sending.get()


_FILTER = _WithoutAddresses()


@contextmanager
def quiet_logs() -> Iterator[None]:
    """Within the block, and for this task and its threads only, those libraries log nothing."""
    for name in _LOGGERS:
        # adding a filter twice changes nothing; a filter holds for its own logger only, not for those below it
        logging.getLogger(name).addFilter(_FILTER)
    token = _sending.set(True)
    try:
        yield
    finally:
        _sending.reset(token)
