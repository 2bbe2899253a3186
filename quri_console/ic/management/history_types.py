"""What the network remembers of a canister's changes, as frozen values (`canister_info`).

Each kind of change is a class, and its `kind` the name that `ic.did` gives it: the name keeps them apart where they
are stored as plain tables.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from quri_console.ic.encoding.principal import Principal
from quri_console.ic.management.types import InstallMode, SnapshotSource

MAX_KEPT_CHANGES = 20
"""How many of the newest changes the network keeps of a canister."""


@dataclass(frozen=True, slots=True)
class UserOrigin:
    """A user made the change."""

    user: Principal


@dataclass(frozen=True, slots=True)
class CanisterOrigin:
    """A canister made the change; its version then, where it told."""

    canister: Principal
    canister_version: int | None = None


@dataclass(frozen=True, slots=True)
class Creation:
    """The canister was created."""

    controllers: tuple[Principal, ...]
    environment_variables_hash: bytes | None = None
    kind: Literal["creation"] = "creation"


@dataclass(frozen=True, slots=True)
class CodeUninstall:
    """Code and state were removed."""

    kind: Literal["code_uninstall"] = "code_uninstall"


@dataclass(frozen=True, slots=True)
class CodeDeployment:
    """A module was installed. `mode` is None for one that this version does not know."""

    mode: InstallMode | None
    module_hash: bytes
    kind: Literal["code_deployment"] = "code_deployment"


@dataclass(frozen=True, slots=True)
class SnapshotLoad:
    """The state was replaced by a snapshot's. `taken_at_ns`: nanoseconds since 1970.

    `from_canister` owns the snapshot where that is another canister.
    """

    snapshot_id: bytes
    canister_version: int
    taken_at_ns: int
    source: SnapshotSource | None = None
    from_canister: Principal | None = None
    kind: Literal["load_snapshot"] = "load_snapshot"


@dataclass(frozen=True, slots=True)
class ControllersChange:
    """The controllers were replaced by these."""

    controllers: tuple[Principal, ...]
    kind: Literal["controllers_change"] = "controllers_change"


@dataclass(frozen=True, slots=True)
class SettingsUpdate:
    """Settings were changed; None stands for one that stayed."""

    controllers: tuple[Principal, ...] | None = None
    environment_variables_hash: bytes | None = None
    kind: Literal["settings_change"] = "settings_change"


@dataclass(frozen=True, slots=True)
class Renaming:
    """The canister took over the id of another, with that one's version and number of changes."""

    canister: Principal
    total_changes: int
    renamed_to: Principal
    renamed_version: int
    renamed_total_changes: int
    requested_by: Principal
    kind: Literal["rename_canister"] = "rename_canister"


@dataclass(frozen=True, slots=True)
class OtherChange:
    """A kind that this version does not know: the number by which the wire names it, its content left out."""

    kind: str


Origin: TypeAlias = UserOrigin | CanisterOrigin
# the last one fits every table that has a kind, so it must be the last
Details: TypeAlias = (
    Creation
    | CodeUninstall
    | CodeDeployment
    | SnapshotLoad
    | ControllersChange
    | SettingsUpdate
    | Renaming
    | OtherChange
)


@dataclass(frozen=True, slots=True)
class Change:
    """One change, and the canister's version after it. `origin` is None for one that this version does not know."""

    timestamp_ns: int
    canister_version: int
    origin: Origin | None
    details: Details


@dataclass(frozen=True, slots=True)
class CanisterHistory:
    """The newest changes, oldest first, and how many there ever were; module hash (None: no code) and controllers."""

    total_changes: int
    changes: tuple[Change, ...]
    module_hash: bytes | None
    controllers: tuple[Principal, ...]
