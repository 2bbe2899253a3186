"""The service log on a page of its own: what watch, consoles, schedules and runners did, followed and searchable."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from quri_console.render.fleet_logs import KEPT_LINES
from quri_console.render.service_log import as_record
from quri_console.service_log.reading import Wanted
from quri_console.ui.screens.logs import LogsScreen

if TYPE_CHECKING:
    from quri_console.ic.management.types import LogRecord


class ServiceLogsScreen(LogsScreen):
    """The same log that `quri-console service-logs --follow` shows."""

    def __init__(self) -> None:
        super().__init__("")

    async def source(self) -> AsyncIterator[LogRecord]:
        number = 0
        async for line in self.quri.console_door.service_log(Wanted(level="info"), newest=KEPT_LINES, follow=True):
            number += 1
            yield as_record(number, line)

    def of_what(self) -> str:
        return "the service (watch, consoles, schedules, runners)"
