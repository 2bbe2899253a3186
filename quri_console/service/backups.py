"""Backups as the operator asks for them: the plan to read, the request to the runner, the result in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from quri_console.backup.backup_set import DEFAULT_STOP_TIMEOUT_SECONDS, BackupRequest, BackupSet
from quri_console.backup.manifest import Manifest, ManifestCanister, TakenMode
from quri_console.backup.plan import BackupPlan, plan_backup
from quri_console.backup.take import CaptureFailure
from quri_console.backup.target import BackupTarget
from quri_console.clock import NANOSECONDS_PER_SECOND
from quri_console.config import Config, NetworkConfig
from quri_console.config.model import CanisterConfig
from quri_console.effects.operation_files import OperationRequest, Outcome
from quri_console.effects.runner import Finished
from quri_console.errors import ConfigError, ExitCode
from quri_console.ic.encoding.principal import parse_principal
from quri_console.repository.errors import RepositoryMissing, WrongKey
from quri_console.repository.store import Repository
from quri_console.service.connect import connect
from quri_console.service.repositories import open_repository, passphrase_for_runner
from quri_console.service.session import Session

KEEP_MORE = "keep_more"
"""The parameter of a backup that says how many more snapshots than configured stay on chain."""


def backup_targets(
    config: Config, names: Sequence[str], snapshots: Mapping[str, str] | None = None
) -> tuple[BackupTarget, ...]:
    """The canisters with these names or ids, each once, or the whole fleet, in the order of the groups.

    `snapshots` are ids in hex by canister name, for mode `reuse`. Raises UsageError, ConfigError.
    """
    wanted = [config.canister(name) for name in names] if names else list(config.canisters)
    if not wanted:
        raise ConfigError(
            f"{config.path} names no canister, so there is nothing to back up",
            next_step="Add a [canisters.NAME] table with its id.",
        )
    order = {name: place for group in config.groups for place, name in enumerate(group.canisters)}
    wanted = sorted(dict.fromkeys(wanted), key=lambda canister: order.get(canister.name, 0))
    return tuple(_target(config, canister, snapshots or {}) for canister in wanted)


def _target(config: Config, canister: CanisterConfig, snapshots: Mapping[str, str]) -> BackupTarget:
    return BackupTarget(
        canister=parse_principal(canister.id),
        name=canister.name,
        group=config.group_of(canister.name),
        keep_on_chain=canister.keep_on_chain,
        export_method=canister.export_method,
        health_checks=canister.health_checks,
        reuse=bytes.fromhex(snapshots[canister.name]) if canister.name in snapshots else None,
    )


async def plan_of_backup(
    session: Session,
    names: Sequence[str],
    *,
    mode: TakenMode,
    stop_timeout_seconds: float,
    snapshots: Mapping[str, str] | None = None,
) -> BackupPlan:
    """What backing these canisters up would do and cost. Raises UsageError, ConfigError, NetworkError."""
    targets = backup_targets(session.config, names, snapshots)
    try:
        repository: Repository | Path = open_repository(
            session.config, session.clock, ask_passphrase=session.repository_passphrase
        )
    except RepositoryMissing:
        repository = session.config.repository.path
    identity = session.config.require_identity("backup")
    async with await connect(session.network, identity, session.clock, passphrase=session.passphrase) as agent:
        return await plan_backup(
            agent,
            targets,
            network=session.network.name,
            repository=repository,
            mode=mode,
            stop_timeout_seconds=stop_timeout_seconds,
        )


def confirmed_names(targets: Sequence[BackupTarget]) -> str:
    """The NAME in the `NETWORK/NAME` that is typed for a backup on a production network."""
    return ",".join(target.name for target in targets)


def backup_request(
    config: Config, network: NetworkConfig, request: OperationRequest, repository: Repository
) -> BackupRequest:
    """What an operation of kind `backup` captures; its parameters are those that `start_backup` wrote."""
    return BackupRequest(
        network=request.network,
        repository=repository,
        targets=tuple(
            replace(target, keep_on_chain=target.keep_on_chain + int(request.parameters.get(KEEP_MORE, 0)))
            for target in backup_targets(config, request.canisters, request.parameters.get("snapshots"))
        ),
        mode=request.parameters.get("mode", "stop"),
        stop_timeout_seconds=float(request.parameters.get("stop_timeout_seconds", DEFAULT_STOP_TIMEOUT_SECONDS)),
        operation=request.id,
        compression_level=config.repository.compression_level,
        proxy=None if network.proxy is None else parse_principal(network.proxy),
    )


def key_problem(session: Session) -> WrongKey | None:
    """Why a backup would not be started: no key of the encrypted repository is at hand.

    Asks for a passphrase as the backup itself would. Raises as reading the configured key files does.
    """
    try:
        passphrase_for_runner(session.config, session.repository_passphrase)
    except WrongKey as problem:
        return problem
    return None


def already_committed(manifest: Manifest) -> Finished:
    """How a resumed backup ends whose set was on disk before its process was killed."""
    result = {
        **_set_document(manifest.name, manifest.canisters, partial=manifest.partial),
        "failures": [{"name": f.name, "what": f.reason, "why": "", "next": f.next_step} for f in manifest.failures],
    }
    exit_code = ExitCode.PARTIAL if manifest.partial else ExitCode.OK
    return Finished(f"Backup {manifest.name} was complete already", result, exit_code)


def finished_backup(result: BackupSet) -> Finished:
    """How a backup ended, in words and as JSON; partial when a canister is missing."""
    names = ", ".join(entry.name for entry in result.captured)
    missing = "; ".join(f"{failure.target.name}: {failure.error}" for failure in result.failures)
    leftovers = "; ".join(f"{leftover.target.name}: {leftover.error}" for leftover in result.leftovers)
    torn = "; ".join(f"{group.name} is not one cut: {group.reason}" for group in result.groups if not group.consistent)
    advice = (failure.error.next_step for failure in result.failures if failure.error.next_step)
    return Finished(
        what=f"Backup {result.name} holds {names}" + (f" and misses {len(result.failures)}" if missing else ""),
        why=missing or torn or (leftovers and f"Snapshots of ours are still on chain and cost cycles: {leftovers}"),
        next_step=next(advice, ""),
        exit_code=ExitCode.PARTIAL if result.partial else ExitCode.OK,
        result={
            **_set_document(result.name, result.captured, partial=result.partial),
            "stored_bytes": result.stored_bytes,
            "groups": [
                {"name": group.name, "consistent": group.consistent, "reason": group.reason} for group in result.groups
            ],
            "failures": [_failure(failure) for failure in result.failures],
            "left_on_chain": [_failure(leftover) for leftover in result.leftovers],
        },
    )


def end_of_backup(session: Session, request: OperationRequest, outcome: Outcome) -> dict[str, Any]:
    """The result of a backup that ended, with how long it took, what the repository is, and the next command.

    `first` says whether it is the only set there. What failed altogether has nothing but its own next step.
    """
    if "canisters" not in outcome.result:
        return {**outcome.result, "next": outcome.next_step}
    repository = open_repository(session.config, session.clock)
    return {
        **outcome.result,
        "duration_seconds": (outcome.finished_at_ns - request.created_at_ns) / NANOSECONDS_PER_SECOND,
        "encryption": repository.facts.encryption,
        "first": len(repository.set_names()) == 1,
        "next": f"quri-console verify {outcome.result['backup']}",
    }


def _set_document(name: str, entries: Sequence[ManifestCanister], *, partial: bool) -> dict[str, Any]:
    return {
        "backup": name,
        "state": "partial" if partial else "whole",
        "state_bytes": sum(entry.state_bytes for entry in entries),
        "new_bytes": sum(entry.new_bytes for entry in entries),
        "cycles": sum(entry.cycles_before - entry.cycles_after for entry in entries),
        "canisters": [_canister_document(entry) for entry in entries],
    }


def _canister_document(entry: ManifestCanister) -> dict[str, Any]:
    """One captured canister; `cycles` is the measured bill, the balance before less the one after."""
    return {
        "name": entry.name,
        "id": entry.canister.to_str(),
        "mode": entry.mode,
        "state_bytes": entry.state_bytes,
        "new_bytes": entry.new_bytes,
        "cycles_before": entry.cycles_before,
        "cycles_after": entry.cycles_after,
        "cycles": entry.cycles_before - entry.cycles_after,
        "warnings": list(entry.warnings),
        "module_sha256": entry.module_hash.hex(),
    }


def _failure(failure: CaptureFailure) -> dict[str, str]:
    error = failure.error
    return {"name": failure.target.name, "what": error.what, "why": error.why, "next": error.next_step}
