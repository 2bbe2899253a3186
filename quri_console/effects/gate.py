"""The one place where an operation is let through or refused; keys and buttons merely reflect it."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from quri_console.effects.lockdown import require_no_lockdown
from quri_console.errors import RefusedBySafetyRule

OperationKind = Literal[
    "backup",
    "restore",
    "rollback",
    "start",
    "stop",
    "top-up",
    "settings",
    "module",
    "create",
    "delete-snapshot",
    "resolve",
]

# These put an older state in the place of the present one. A backup stops a canister for seconds and brings it
# back to the status it had: it is typed on production networks only, as are start, stop and top-up.
REPLACING: frozenset[OperationKind] = frozenset({"restore", "rollback", "module"})
TYPED_EVERYWHERE: frozenset[OperationKind] = REPLACING | {"settings", "create", "delete-snapshot"}


@dataclass(frozen=True, slots=True)
class ReasonRule:
    """Whether a network wants a reason for every operation, and what must be found in it (a regular expression)."""

    required: bool = False
    pattern: str | None = None


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
    state_folder: Path | None = None
    """Where lockdown is looked for, and where refusals are audited; None: nowhere."""
    bringing_back: bool = False
    """An operation that was let through before and is only to give its canisters back: lockdown holds up no such."""


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
    return production or kind in TYPED_EVERYWHERE


def require_writable(kind: OperationKind, *, read_only: bool) -> None:
    """Raise RefusedBySafetyRule in a console that changes nothing."""
    if read_only:
        raise RefusedBySafetyRule(
            f"this console is read-only, so no {kind} was started",
            why="--read-only was given",
            next_step="Run it again without --read-only.",
        )


def require_reason(kind: OperationKind, network: str, rule: ReasonRule, reason: str | None) -> None:
    """Raise RefusedBySafetyRule where the configuration of the network wants a reason that was not given."""
    given = (reason or "").strip()
    if rule.pattern is not None and re.search(rule.pattern, given) is None:
        raise RefusedBySafetyRule(
            f"{network} wants a reason with {rule.pattern} in it, so the {kind} was not started",
            why=f"{given!r} was given" if given else "none was given",
            next_step=f"Add --reason TEXT, where {rule.pattern} is found in TEXT: "
            "the number of the incident or ticket.",
        )
    if rule.required and not given:
        raise RefusedBySafetyRule(
            f"{network} wants a reason, so the {kind} was not started",
            why="none was given",
            next_step="Add --reason TEXT: why, or the number of the incident or ticket.",
        )


def check_wanted(intention: Intention) -> None:
    """The rules that need no network; what commands ask before they start anything.

    A refusal is audited. Raises RefusedBySafetyRule.
    """
    try:
        _check_wanted(intention)
    except RefusedBySafetyRule as refusal:
        _audit(intention, refusal)
        raise


def _audit(intention: Intention, refusal: RefusedBySafetyRule) -> None:
    if intention.state_folder is None:
        return
    from quri_console.effects.audit import note_refusal

    note_refusal(
        intention.state_folder,
        refusal,
        kind=intention.kind,
        network=intention.network,
        target=intention.canister,
        plan_hash=intention.planned_hash,
    )


def _check_wanted(intention: Intention) -> None:
    require_writable(intention.kind, read_only=intention.read_only)
    if intention.state_folder is not None and not intention.bringing_back:
        require_no_lockdown(intention.state_folder, intention.kind)
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
