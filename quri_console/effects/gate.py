"""The one place where an operation is let through or refused; keys and buttons merely reflect it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Literal

from quri_console.errors import RefusedBySafetyRule

OperationKind = Literal["backup", "restore", "rollback"]

# These put an older state in the place of the present one and are typed everywhere. A backup stops a canister
# for seconds and brings it back to the status it had: it is typed on production networks only.
REPLACING: frozenset[OperationKind] = frozenset({"restore", "rollback"})


@dataclass(frozen=True, slots=True)
class Intention:
    """What somebody wants to do, where, and what they typed for it."""

    kind: OperationKind
    network: str
    production: bool
    read_only: bool
    canister: str = ""
    confirmation: str = ""
    force: bool = False
    planned_hash: str = ""
    """Hash of the plan that was shown."""
    present_hash: str = ""
    """Hash of the plan that is about to be carried out."""
    planned_root_key_hash: bytes = b""
    """SHA-256 of the root key of the network that the plan was made on; empty where there is no plan."""


@dataclass(frozen=True, slots=True)
class Permit:
    """What `admit` gives: effects of this kind on this network, and nowhere else."""

    kind: OperationKind
    root_key_hash: bytes


def expected_confirmation(network: str, canister: str) -> str:
    """What has to be typed: `NETWORK/NAME`; a backup of several canisters names them all, joined by commas."""
    return f"{network}/{canister}"


def needs_typing(kind: OperationKind, *, production: bool) -> bool:
    """Whether `NETWORK/NAME` has to be typed for it."""
    return production or kind in REPLACING


def require_writable(kind: OperationKind, *, read_only: bool) -> None:
    """Raise RefusedBySafetyRule in a console that changes nothing."""
    if read_only:
        raise RefusedBySafetyRule(
            f"this console is read-only, so no {kind} was started",
            why="--read-only was given",
            next_step="Run it again without --read-only.",
        )


def check_wanted(intention: Intention) -> None:
    """The rules that need no network; what commands ask before they start anything. Raises RefusedBySafetyRule."""
    require_writable(intention.kind, read_only=intention.read_only)
    if intention.production and not intention.force:
        raise RefusedBySafetyRule(
            f"{intention.network} is a production network, so the {intention.kind} was not started",
            why="production needs --force and the typed name",
            next_step="Look at the plan (--dry-run), then add --force.",
        )
    if not needs_typing(intention.kind, production=intention.production):
        return
    expected = expected_confirmation(intention.network, intention.canister)
    if intention.confirmation != expected:
        raise RefusedBySafetyRule(
            f"the confirmation does not name {expected}, so nothing was done",
            why=f"{intention.confirmation!r} was given" if intention.confirmation else "none was given",
            next_step=f"Give --confirm {expected} if that is what you mean.",
        )


def admit(intention: Intention, root_key: bytes) -> Permit:
    """Let an operation through to the network with this DER root key. Raises RefusedBySafetyRule."""
    check_wanted(intention)
    root_key_hash = hashlib.sha256(root_key).digest()
    if intention.planned_root_key_hash and intention.planned_root_key_hash != root_key_hash:
        raise RefusedBySafetyRule(
            f"{intention.network} is not the network that this was planned for",
            why=f"its root key has SHA-256 {root_key_hash.hex()[:16]}…, "
            f"the plan's {intention.planned_root_key_hash.hex()[:16]}…",
            next_step="Make a new plan on this network.",
        )
    if intention.planned_hash != intention.present_hash:
        raise RefusedBySafetyRule(
            "the plan is not the one that was confirmed",
            why="its hash differs",
            next_step="Make and read a new plan.",
        )
    return Permit(intention.kind, root_key_hash)
