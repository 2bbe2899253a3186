"""Starting a backup in a runner."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from quri_console.effects.gate import check_wanted
from quri_console.service.following import OperationHandle
from quri_console.service.operations import (
    DEFAULT_STOP_TIMEOUT_SECONDS,
    intention,
    is_production,
    new_request,
    start_operation,
)
from quri_console.service.session import Session

if TYPE_CHECKING:
    from quri_console.backup.manifest import TakenMode


async def start_backup(
    session: Session,
    canisters: Sequence[str],
    *,
    mode: TakenMode = "stop",
    stop_timeout_seconds: float = DEFAULT_STOP_TIMEOUT_SECONDS,
    snapshots: Mapping[str, str] | None = None,
    confirmation: str = "",
    force: bool = False,
    reason: str | None = None,
) -> OperationHandle:
    """Back up canisters (names or ids; the whole fleet when empty) in a runner.

    Raises RefusedBySafetyRule, UsageError, ConfigError and what reading the key raises.
    """
    from quri_console.service.backups import backup_targets, confirmed_names

    targets = backup_targets(session.config, canisters)
    production = await is_production(session)
    check_wanted(
        intention(
            session,
            "backup",
            production=production,
            canister=confirmed_names(targets),
            confirmation=confirmation,
            force=force,
        )
    )
    request = new_request(session, "backup", tuple(target.name for target in targets), "backup", reason)
    request = dataclasses.replace(
        request,
        confirmation=confirmation,
        force=force,
        parameters={
            "mode": mode,
            "stop_timeout_seconds": stop_timeout_seconds,
            "snapshots": dict(snapshots or {}),
        },
    )
    return await start_operation(session, request)
