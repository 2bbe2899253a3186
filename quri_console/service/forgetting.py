"""Forgetting backups by name or by the retention policy: which go, which stay, and why, by the operator's names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial

from quri_console.backup.browse import LATEST, BackupNotFound, find_set
from quri_console.config import CanisterConfig, Config, Criticality
from quri_console.repository.catalogue import Catalogue, SetState, read_catalogue
from quri_console.repository.locks import LockKind
from quri_console.repository.removal_rules import refuse_removal
from quri_console.repository.retention import DEFAULT_POLICIES, Policy, SetFacts, decide
from quri_console.repository.sets import is_set_name, manifest_object
from quri_console.repository.store import Repository
from quri_console.repository.trash import Forgotten, forget, unforget
from quri_console.service.keeping import by_whom, locked, now_of, opened
from quri_console.service.operations import require_writable_session
from quri_console.service.removal_audit import note_brought_back, note_forgotten
from quri_console.service.session import Session

_COUNTS = ("keep_last", "keep_hourly", "keep_daily", "keep_weekly", "keep_monthly", "keep_yearly")
UNKNOWN_CRITICALITY: Criticality = "medium"
"""Of canisters that the configuration does not name any more."""
_RECORDS_ONLY = " (records only)"


@dataclass(frozen=True, slots=True)
class ForgetChoice:
    """One backup that is forgotten or kept: what it holds by the operator's names, and why."""

    name: str
    holds: tuple[str, ...]
    why: str


@dataclass(frozen=True, slots=True)
class ForgetPlan:
    """What is forgotten; by policy also what is kept, both newest first; what was named and forgotten long before."""

    forgotten: tuple[ForgetChoice, ...]
    kept: tuple[ForgetChoice, ...] = ()
    grace_seconds: float = 0
    already: tuple[Forgotten, ...] = ()


def forget_backups(
    session: Session, names: Sequence[str], *, by_policy: bool, reason: str, dry_run: bool, wait_seconds: float = 0
) -> ForgetPlan:
    """Hide backups (whole names, or `latest`), or those that the retention policy keeps no longer; what that came to.

    One that is forgotten already stays as it is. Raises BackupNotFound, RefusedBySafetyRule, UsageError,
    RepositoryLocked, WrongKey, NewerFormat, StorageFailed.
    """
    if not dry_run:
        require_writable_session(session, "forgetting")
    repository, now = opened(session), now_of(session)
    kind: LockKind = "shared" if dry_run else "exclusive"
    with locked(session, repository, kind, "forget", wait_seconds=wait_seconds, optional=dry_run):
        catalogue = read_catalogue(repository, now)
        plan = (
            _policy_plan(session.config, catalogue, now)
            if by_policy
            else _named_plan(session, catalogue, [_meant(repository, name) for name in names], reason)
        )
        chosen = [choice.name for choice in plan.forgotten]
        if plan.already and not chosen:
            return plan
        refuse_removal(repository, chosen, now=now, by_policy=by_policy)
        if not dry_run:
            why = "retention policy" if by_policy and not reason else reason
            forget(repository, chosen, by=by_whom(), reason=why, now=now, by_policy=by_policy)
            note_forgotten(session, chosen, why)
    return plan


def unforget_backups(session: Session, names: Sequence[str], *, wait_seconds: float = 0) -> tuple[str, ...]:
    """Bring forgotten backups (whole names) back; those that had been forgotten.

    Raises BackupNotFound, RefusedBySafetyRule, RepositoryLocked.
    """
    require_writable_session(session, "forgetting")
    repository = opened(session)
    with locked(session, repository, "exclusive", "forget --undo", wait_seconds=wait_seconds):
        for name in names:
            if not is_set_name(name) or repository.backend.head(manifest_object(name)) is None:
                raise BackupNotFound(
                    f"Backup {name} cannot be brought back",
                    why="`prune` has removed it, or there never was one of this name.",
                    next_step="`quri-console list --all` shows the backups that are left, forgotten ones too.",
                )
        back = unforget(repository, names)
        note_brought_back(session, back)
        return back


def _meant(repository: Repository, name: str) -> str:
    """The set to forget: how a name begins is not enough, or the same command would forget another one next time."""
    found = find_set(repository, name)
    written = name.partition("/")[0]
    if written not in (LATEST, found):
        raise BackupNotFound(
            f"There is no backup called {written}",
            why="To be forgotten, a backup is named by its whole name.",
            next_step=f"The one that begins so is {found}.",
        )
    return found


def _named_plan(session: Session, catalogue: Catalogue, names: Sequence[str], reason: str) -> ForgetPlan:
    known = {state.name: state for state in catalogue.remaining}
    marks = {state.name: state.forgotten for state in catalogue.forgotten}
    wanted = sorted(set(names), reverse=True)
    return ForgetPlan(
        tuple(
            ForgetChoice(name, _holds(session.config, known[name]) if name in known else (), reason)
            for name in wanted
            if name not in marks
        ),
        grace_seconds=session.config.retention.grace_seconds,
        already=tuple(mark for name in wanted if (mark := marks.get(name)) is not None),
    )


def _policy_plan(config: Config, catalogue: Catalogue, now: datetime) -> ForgetPlan:
    states = {state.name: state for state in catalogue.remaining}
    decision = decide([_facts(config, state) for state in states.values()], partial(_policy_of, config), now=now)
    return ForgetPlan(
        tuple(ForgetChoice(item.name, _holds(config, states[item.name]), item.reason) for item in decision.forget),
        tuple(
            ForgetChoice(item.name, _holds(config, states[item.name]), "; ".join(item.reasons))
            for item in decision.keep
        ),
        config.retention.grace_seconds,
    )


def _facts(config: Config, state: SetState) -> SetFacts:
    stands = state.standing
    # of what is damaged nobody knows whether it is a copy: it must not take the place of one
    subjects = frozenset() if state.known_damage else state.subjects | _records_only(state)
    return SetFacts(
        name=state.name,
        taken_at=state.taken_at,
        subjects=frozenset(_called(config, subject) for subject in subjects),
        verified=stands.verified_at is not None,
        pinned=stands.pinned,
        pin_reason=stands.pin_reason,
        held=stands.held,
        hold_reason=stands.hold_reason,
    )


def _records_only(state: SetState) -> frozenset[str]:
    """Subjects of which the set holds no content, as others: they must not take the place of a copy in any count."""
    subjects = frozenset() if state.manifest is None else state.manifest.subjects
    return frozenset(f"{subject}{_RECORDS_ONLY}" for subject in subjects - state.subjects)


def _policy_of(config: Config, subject: str) -> Policy:
    """The default policy of the canister's criticality, with what the configuration says instead."""
    canister = _canister(config, subject.removesuffix(_RECORDS_ONLY))
    criticality = UNKNOWN_CRITICALITY if canister is None else canister.criticality
    rules = config.retention.rules(criticality)
    counts = {name: getattr(rules, name) for name in _COUNTS if getattr(rules, name) is not None}
    policy = replace(DEFAULT_POLICIES[criticality], **counts)
    if rules.keep_within_seconds is not None:
        policy = replace(policy, keep_within=timedelta(seconds=rules.keep_within_seconds))
    if rules.minimum_age_seconds is not None:
        policy = replace(policy, minimum_age=timedelta(seconds=rules.minimum_age_seconds))
    return policy


def _called(config: Config, subject: str) -> str:
    """The subject with the canister's name behind it, which reasons then use."""
    canister = _canister(config, subject.removesuffix(_RECORDS_ONLY))
    if canister is None:
        return subject
    suffix = _RECORDS_ONLY if subject.endswith(_RECORDS_ONLY) else ""
    return f"{subject.removesuffix(_RECORDS_ONLY)}/{canister.name}{suffix}"


def _canister(config: Config, subject: str) -> CanisterConfig | None:
    """The configured canister of a subject, `NETWORK/ID` or `NETWORK/ID/NAME`."""
    parts = subject.split("/")
    canister_id = parts[1] if len(parts) > 1 else subject
    return next((canister for canister in config.canisters if canister.id == canister_id), None)


def _holds(config: Config, state: SetState) -> tuple[str, ...]:
    """What a set holds: the configuration's names, the set's own, else ids."""
    names = config.canister_names
    items = () if state.manifest is None else state.manifest.items
    ids = ((item, item.subject.rpartition("/")[2]) for item in items)
    return tuple(names.get(canister_id) or str(item.fields.get("name") or canister_id) for item, canister_id in ids)
