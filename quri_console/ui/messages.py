"""What other threads tell the console."""

from __future__ import annotations

from textual.message import Message

from quri_console.monitor.fleet import FleetStatus


class FleetChanged(Message):
    """The service has a newer picture of the fleet; only the newest of a backlog is worth drawing."""

    def __init__(self, fleet: FleetStatus) -> None:
        super().__init__()
        self.fleet = fleet

    def can_replace(self, message: Message) -> bool:
        return isinstance(message, FleetChanged)
