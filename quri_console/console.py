"""The one door for cli and ui; every room is imported inside the method that needs it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from quri_console.clock import Clock, SystemClock
from quri_console.config import Config, NetworkConfig, find_config_path, load_config
from quri_console.service.session import Session

if TYPE_CHECKING:
    from quri_console.backup.browse import BackupSummary, Verification
    from quri_console.backup.manifest import Mode
    from quri_console.backup.plan import BackupPlan
    from quri_console.monitor.fleet import FleetStatus
    from quri_console.progress import Progress
    from quri_console.restore.plan import RestorePlan
    from quri_console.restore.rollback import RollbackPlan
    from quri_console.service.operations import OperationHandle, OperationSummary
    from quri_console.service.thread import ServiceHandle


class Console:
    """A configuration opened on one of its networks."""

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

    @classmethod
    def open(
        cls,
        *,
        config_path: Path | None = None,
        network: str | None = None,
        read_only: bool = False,
        clock: Clock | None = None,
        passphrase: Callable[[], str] | None = None,
    ) -> Console:
        """Load the configuration and choose the network (the first one unless named).

        `passphrase` asks the operator for that of an encrypted key. Raises ConfigError, UsageError.
        """
        config = load_config(find_config_path(config_path))
        session = Session(
            config, config.network(network), read_only=read_only, clock=clock or SystemClock(), passphrase=passphrase
        )
        return cls(session)

    async def fleet_status(self, *, live: bool = False) -> FleetStatus:
        """The fleet from the history; from the network when `live` or the newest round is older than two intervals."""
        from quri_console.service.status import fleet_status

        return await fleet_status(self.session, live=live)

    def start_service(self, publish: Callable[[FleetStatus], None]) -> ServiceHandle:
        """Poll in a thread of its own; `publish` is called there with every new picture, at first from the history."""
        from quri_console.service.thread import ServiceThread

        return ServiceThread(self.session, publish).start()

    def backups(self) -> tuple[BackupSummary, ...]:
        """All backups of the repository, newest first."""
        from quri_console.backup.browse import list_backups

        return list_backups(self.config.repository.path)

    def verify(self, backup: str, progress: Progress | None = None) -> Verification:
        """Read a backup again and compare every byte with its manifest; takes as long as reading takes.

        Raises UsageError when there is none of that name, CorruptionError naming the damaged file.
        """
        from quri_console.backup.browse import find_set, verify_backup

        return verify_backup(find_set(self.config.repository.path, backup), progress)

    async def plan_backup(
        self, canisters: Sequence[str], *, mode: Mode = "stop", stop_timeout_seconds: float = 60.0
    ) -> BackupPlan:
        """What backing up these canisters (names or ids; all of the fleet when empty) would do and cost."""
        from quri_console.service.backups import plan_of_backup

        return await plan_of_backup(self.session, canisters, mode=mode, stop_timeout_seconds=stop_timeout_seconds)

    async def start_backup(
        self,
        canisters: Sequence[str],
        *,
        mode: Mode = "stop",
        stop_timeout_seconds: float = 60.0,
        confirmation: str = "",
        force: bool = False,
        reason: str | None = None,
    ) -> OperationHandle:
        """Back up canisters (names or ids; all of the fleet when empty) in a runner process.

        On a production network `force` and the typed NETWORK/NAME are needed.
        """
        from quri_console.service import operations

        return await operations.start_backup(
            self.session,
            canisters,
            mode=mode,
            stop_timeout_seconds=stop_timeout_seconds,
            confirmation=confirmation,
            force=force,
            reason=reason,
        )

    async def plan_restore(
        self, canister: str, source: str = "latest", *, stop_timeout_seconds: float = 60.0
    ) -> RestorePlan:
        """What a restore would do and change; has no effects."""
        from quri_console.service import operations

        return await operations.plan_restore(self.session, canister, source, stop_timeout_seconds=stop_timeout_seconds)

    async def start_restore(
        self, plan: RestorePlan, *, confirmation: str, force: bool = False, reason: str | None = None
    ) -> OperationHandle:
        """Carry a plan out in a runner process; `confirmation` is the typed NETWORK/NAME."""
        from quri_console.service import operations

        return await operations.start_restore(self.session, plan, confirmation=confirmation, force=force, reason=reason)

    async def plan_rollback(self, operation_id: str) -> RollbackPlan:
        """What undoing a restore would do; has no effects."""
        from quri_console.service import operations

        return await operations.plan_rollback(self.session, operation_id)

    async def start_rollback(
        self, operation_id: str, *, confirmation: str, force: bool = False, reason: str | None = None
    ) -> OperationHandle:
        """Undo a restore by its safety snapshot, in a runner process."""
        from quri_console.service import operations

        return await operations.start_rollback(
            self.session, operation_id, confirmation=confirmation, force=force, reason=reason
        )

    def resume(self, operation_id: str) -> OperationHandle:
        """Go on with an operation whose process is gone."""
        from quri_console.service import operations

        return operations.resume(self.session, operation_id)

    def operations(self) -> tuple[OperationSummary, ...]:
        """All operations in the state folder, newest first."""
        from quri_console.service import operations

        return operations.operations(self.session)

    def follow(self, operation_id: str) -> OperationHandle:
        """The handle of an operation that runs or has run, whoever started it."""
        from quri_console.service import operations

        return operations.follow(self.session, operation_id)

    def abort(self, operation_id: str) -> OperationHandle:
        """Ask a running operation to end before its next effect."""
        from quri_console.service import operations

        return operations.abort(self.session, operation_id)
