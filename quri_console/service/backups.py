"""Backups as the operator asks for them: the plan to read, the request to the runner, the result in words."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from quri_console.backup.capture import DEFAULT_STOP_TIMEOUT_SECONDS, BackupRequest, BackupSet, CaptureFailure
from quri_console.backup.manifest import Mode, read_manifest
from quri_console.backup.plan import BackupPlan, BackupTarget, plan_backup
from quri_console.config import Config
from quri_console.effects.operation_files import OperationRequest
from quri_console.effects.runner import Finished
from quri_console.errors import ConfigError, ExitCode
from quri_console.ic.encoding.principal import parse_principal
from quri_console.service.connect import connect
from quri_console.service.session import Session


def backup_targets(config: Config, names: Sequence[str]) -> tuple[BackupTarget, ...]:
    """The canisters with these names or ids, each once, or the whole fleet. Raises UsageError, ConfigError."""
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
    """What backing these canisters up would do and cost. Raises UsageError, ConfigError, NetworkError."""
    targets = backup_targets(session.config, names)
    identity = session.config.require_identity("backup")
    async with await connect(session.network, identity, session.clock, passphrase=session.passphrase) as agent:
        return await plan_backup(
            agent,
            targets,
            network=session.network.name,
            repository=session.config.repository.path,
            mode=mode,
            stop_timeout_seconds=stop_timeout_seconds,
        )


def confirmed_names(targets: Sequence[BackupTarget]) -> str:
    """The NAME in the `NETWORK/NAME` that is typed for a backup on a production network."""
    return ",".join(target.name for target in targets)


def backup_request(config: Config, request: OperationRequest) -> BackupRequest:
    """What an operation of kind `backup` captures; its parameters are those that `start_backup` wrote."""
    return BackupRequest(
        network=request.network,
        repository=config.repository.path,
        targets=backup_targets(config, request.canisters),
        mode=request.parameters.get("mode", "stop"),
        stop_timeout_seconds=float(request.parameters.get("stop_timeout_seconds", DEFAULT_STOP_TIMEOUT_SECONDS)),
        operation=request.id,
    )


def already_committed(path: Path) -> Finished:
    """How a resumed backup ends whose set was on disk before its process was killed."""
    state = "partial" if read_manifest(path).partial else "whole"
    exit_code = ExitCode.PARTIAL if state == "partial" else ExitCode.OK
    result = {"backup": path.name, "path": str(path), "state": state}
    return Finished(f"Backup {path.name} was complete already", result, exit_code)


def finished_backup(result: BackupSet) -> Finished:
    """How a backup ended, in words and as JSON; partial when a canister is missing."""
    names = ", ".join(entry.name for entry in result.captured)
    missing = "; ".join(f"{failure.target.name}: {failure.error}" for failure in result.failures)
    leftovers = "; ".join(f"{leftover.target.name}: {leftover.error}" for leftover in result.leftovers)
    advice = (failure.error.next_step for failure in result.failures if failure.error.next_step)
    return Finished(
        what=f"Backup {result.name} holds {names}" + (f" and misses {len(result.failures)}" if missing else ""),
        why=missing or (leftovers and f"Snapshots of ours are still on chain and cost cycles: {leftovers}"),
        next_step=next(advice, ""),
        exit_code=ExitCode.PARTIAL if result.partial else ExitCode.OK,
        result={
            "backup": result.name,
            "path": str(result.path),
            "state": "partial" if result.partial else "whole",
            "canisters": [
                {
                    "name": entry.name,
                    "id": entry.canister.to_str(),
                    "mode": entry.mode,
                    "state_bytes": entry.state_bytes,
                    "module_sha256": entry.module_hash.hex(),
                }
                for entry in result.captured
            ],
            "failures": [_failure(failure) for failure in result.failures],
            "left_on_chain": [_failure(leftover) for leftover in result.leftovers],
        },
    )


def _failure(failure: CaptureFailure) -> dict[str, str]:
    error = failure.error
    return {"name": failure.target.name, "what": error.what, "why": error.why, "next": error.next_step}
