"""The configuration opened on one network: what every service is given."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from quri_console.clock import Clock, SystemClock
from quri_console.config import Config, NetworkConfig
from quri_console.service_log.log import Log, SilentLog


@dataclass(frozen=True, slots=True)
class Session:
    """One configuration, one of its networks, and whether changes are refused."""

    config: Config
    network: NetworkConfig
    read_only: bool = False
    clock: Clock = field(default_factory=SystemClock)
    passphrase: Callable[[], str] | None = None
    """Asks the operator for the passphrase of an encrypted key; None where nobody can be asked."""
    repository_passphrase: Callable[[], str] | None = None
    """Asks for the passphrase of an encrypted repository, once; None where nobody can be asked."""
    log: Log = field(default_factory=SilentLog)
    """What happens is written down here."""
