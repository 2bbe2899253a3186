"""A configuration opened on one of its networks, which every part of the one door works on."""

from __future__ import annotations

from quri_console.clock import Clock
from quri_console.config import Config, NetworkConfig
from quri_console.service.session import Session


class Door:
    """A session, and what is asked of it everywhere."""

    def __init__(self, session: Session) -> None:
        self.session = session

    @property
    def config(self) -> Config:
        """The checked configuration."""
        return self.session.config

    @property
    def network(self) -> NetworkConfig:
        """The network that this console works on."""
        return self.session.network

    @property
    def read_only(self) -> bool:
        """Whether every change is refused."""
        return self.session.read_only

    @property
    def clock(self) -> Clock:
        """The clock that ages are measured by."""
        return self.session.clock
