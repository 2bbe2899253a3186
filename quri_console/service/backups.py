"""A backup's plan for the operator to read: which canisters, what it costs, what stands in its way."""

from __future__ import annotations

from collections.abc import Sequence

from quri_console.backup.manifest import Mode
from quri_console.backup.plan import BackupPlan, BackupTarget, plan_backup
from quri_console.config import Config
from quri_console.errors import ConfigError
from quri_console.ic.encoding.principal import parse_principal
from quri_console.service.connect import connect
from quri_console.service.session import Session


def backup_targets(config: Config, names: Sequence[str]) -> tuple[BackupTarget, ...]:
    """The canisters with these names or ids, each once; all of the fleet without any. Raises UsageError, ConfigError."""
    wanted = [config.canister(name) for name in names] if names else list(config.canisters)
    if not wanted:
        raise ConfigError(
            f"{config.path} names no canister, so there is nothing to back up",
            next_step="Add a [canisters.NAME] table with its id.",
        )
    return tuple(BackupTarget(parse_principal(canister.id), canister.name) for canister in dict.fromkeys(wanted))


async def plan_of_backup(
    session: Session, names: Sequence[str], *, mode: Mode, stop_timeout_seconds: float
) -> BackupPlan:
    """What backing these canisters up would do and cost. Raises UsageError, ConfigError, NetworkError, NotAuthorised."""
    targets = backup_targets(session.config, names)
    identity = session.config.require_identity("backup")
    async with await connect(session.network, identity, session.clock) as agent:
        return await plan_backup(
            agent,
            targets,
            network=session.network.name,
            repository=session.config.repository.path,
            mode=mode,
            stop_timeout_seconds=stop_timeout_seconds,
        )
