"""A configuration opened on one of its networks, which every part of the one door works on."""

from __future__ import annotations

from dataclasses import replace

from quri_console.clock import Clock
from quri_console.config import Config, NetworkConfig
from quri_console.service.session import Session


class Door:
    """A session, and what is asked of it everywhere."""

    def __init__(self, session: Session) -> None:
        self.session = session

    def use_config(self, config: Config) -> None:
        """Answer by this configuration from now on; a service that was started goes on with the one before."""
        self.session = replace(self.session, config=config)

    def use_network(self, name: str) -> None:
        """Work on this network of the configuration from now on. Raises UsageError."""
        self.session = replace(self.session, network=self.config.network(name))

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
