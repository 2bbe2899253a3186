"""The present state of a canister, backed up while it runs: what a restore is about to replace."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

from quri_console.effects.gate import check_wanted
from quri_console.effects.operation_files import OperationFiles
from quri_console.effects.operation_summary import OperationSummary
from quri_console.errors import QuriError
from quri_console.service.following import OperationHandle
from quri_console.service.operations import intention, is_production, new_request, start_operation
from quri_console.service.session import Session


async def start_present_state(
    session: Session, canister: str, *, confirmation: str, force: bool = False, reason: str | None = None
) -> OperationHandle:
    """Back it up in a runner, beside the snapshots that are kept on chain: none of them makes room for it.

    Raises RefusedBySafetyRule, UsageError, ConfigError and what reading the key raises.
    """
    from quri_console.restore.points import BEFORE_RESTORE
    from quri_console.service.backups import KEEP_MORE

    name = session.config.canister(canister).name
    wanted = intention(
        session,
        "backup",
        production=await is_production(session),
        canister=name,
        confirmation=confirmation,
        force=force,
    )
    check_wanted(wanted)
    request = new_request(session, "backup", (name,), "backup", reason or BEFORE_RESTORE)
    request = dataclasses.replace(
        request, confirmation=confirmation, force=force, parameters={"mode": "hot", KEEP_MORE: 1}
    )
    return await start_operation(session, request)


def present_states(operations: Iterable[OperationSummary]) -> frozenset[str]:
    """Which of these operations backed up what a restore was to replace; one that cannot be read is none."""
    return frozenset(one.id for one in operations if one.kind == "backup" and _is_one(one))


def _is_one(operation: OperationSummary) -> bool:
    from quri_console.service.backups import KEEP_MORE

    try:
        return KEEP_MORE in OperationFiles(operation.directory).request().parameters
    except QuriError:
        return False  # the list of operations says that it is damaged
