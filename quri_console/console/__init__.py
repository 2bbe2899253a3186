"""The one door for cli and ui; every room is imported inside the method that needs it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from quri_console.clock import Clock, SystemClock
from quri_console.config import find_config_path, load_config
from quri_console.console.automation import Automation
from quri_console.console.backups import Backups
from quri_console.console.keys import RepositoryKeys
from quri_console.console.operating import Operating
from quri_console.console.remedying import Remedying
from quri_console.console.repository import RepositoryCare
from quri_console.console.restoring import Restoring
from quri_console.console.watching import Watching
from quri_console.service.session import Session


class Console(
    Watching,
    Automation,
    RepositoryKeys,
    RepositoryCare,
    Backups,
    Restoring,
    Remedying,
    Operating,
):
    """A configuration opened on one of its networks."""

    @classmethod
    def open(
        cls,
        *,
        config_path: Path | None = None,
        network: str | None = None,
        read_only: bool = False,
        clock: Clock | None = None,
        passphrase: Callable[[], str] | None = None,
        repository_passphrase: Callable[[], str] | None = None,
    ) -> Console:
        """Load the configuration and choose the network (the first one unless named).

        `passphrase` asks the operator for that of an encrypted key, `repository_passphrase` for that of an encrypted
        repository. Raises ConfigError, UsageError.
        """
        config = load_config(find_config_path(config_path))
        session = Session(
            config,
            config.network(network),
            read_only=read_only,
            clock=clock or SystemClock(),
            passphrase=passphrase,
            repository_passphrase=repository_passphrase,
        )
        return cls(session)
