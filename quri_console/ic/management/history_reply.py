"""The answer of `canister_info` as a value, whichever kinds of change the replica's age gives it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from quri_console.ic.encoding.candid import MalformedCandid
from quri_console.ic.encoding.principal import Principal
from quri_console.ic.management.history_types import (
    CanisterHistory,
    CanisterOrigin,
    Change,
    CodeDeployment,
    CodeUninstall,
    ControllersChange,
    Creation,
    Details,
    Origin,
    OtherChange,
    Renaming,
    SettingsUpdate,
    SnapshotLoad,
    UserOrigin,
)
from quri_console.ic.management.types import InstallMode, SnapshotSource
from quri_console.ic.reply import Fields, answer, case_of, fields, principal

_MODES: tuple[InstallMode, ...] = ("install", "reinstall", "upgrade")
_WITHOUT_CONTENT = "code_uninstall"
_SOURCES: tuple[SnapshotSource, ...] = ("taken_from_canister", "metadata_upload")


def decode_history(reply: bytes) -> CanisterHistory:
    """The history in an answer; raises MalformedCandid. Unknown kinds of change and of origin are no error."""
    record = fields(answer(reply))
    return CanisterHistory(
        total_changes=record.natural("total_num_changes"),
        changes=record.list("recent_changes", _change),
        module_hash=record.blob_or_none("module_hash"),
        controllers=record.list("controllers", principal),
    )


def _change(value: Any) -> Change:
    record = fields(value)
    return Change(
        timestamp_ns=record.natural("timestamp_nanos"),
        canister_version=record.natural("canister_version"),
        origin=_origin(record.raw("origin")),
        details=_details(record.raw("details")),
    )


def _origin(value: Any) -> Origin | None:
    case, content = case_of(value, ("from_user", "from_canister"))
    match case:
        case "from_user":
            return UserOrigin(fields(content).principal("user_id"))
        case "from_canister":
            sender = fields(content)
            return CanisterOrigin(sender.principal("canister_id"), sender.natural_or_none("canister_version"))
    return None


def _details(value: Any) -> Details:
    kind, content = case_of(value, (_WITHOUT_CONTENT, *_KINDS))
    if kind is None:
        [number] = value
        return OtherChange(number)
    return CodeUninstall() if kind == _WITHOUT_CONTENT else _KINDS[kind](fields(content))


def _creation(record: Fields) -> Details:
    return Creation(record.list("controllers", principal), record.blob_or_none("environment_variables_hash"))


def _deployment(record: Fields) -> Details:
    return CodeDeployment(record.case_or_none("mode", _MODES), record.blob("module_hash"))


def _snapshot_load(record: Fields) -> Details:
    owner = record.optional("from_canister_id")
    return SnapshotLoad(
        snapshot_id=record.blob("snapshot_id"),
        canister_version=record.natural("canister_version"),
        taken_at_ns=record.natural("taken_at_timestamp"),
        source=record.case_or_none("source", _SOURCES),
        from_canister=None if owner is None else principal(owner),
    )


def _settings_update(record: Fields) -> Details:
    controllers = record.optional("controllers")
    return SettingsUpdate(
        None if controllers is None else _principals(controllers), record.blob_or_none("environment_variables_hash")
    )


def _principals(value: Any) -> tuple[Principal, ...]:
    # the library answers an empty vector of any element type as an empty blob
    if value == b"":
        return ()
    if not isinstance(value, list):
        raise MalformedCandid("controllers has an unexpected type")
    return tuple(principal(item) for item in value)


def _renaming(record: Fields) -> Details:
    target = record.record("rename_to")
    return Renaming(
        canister=record.principal("canister_id"),
        total_changes=record.natural("total_num_changes"),
        renamed_to=target.principal("canister_id"),
        renamed_version=target.natural("version"),
        renamed_total_changes=target.natural("total_num_changes"),
        requested_by=record.principal("requested_by"),
    )


_KINDS: Mapping[str, Callable[[Fields], Details]] = {
    "creation": _creation,
    "code_deployment": _deployment,
    "load_snapshot": _snapshot_load,
    "controllers_change": lambda record: ControllersChange(record.list("controllers", principal)),
    "settings_change": _settings_update,
    "rename_canister": _renaming,
}
