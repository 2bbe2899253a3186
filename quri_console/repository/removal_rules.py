"""What may not be removed, and why: asked before a set is forgotten, and again before prune takes it away for good."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from quri_console.errors import CorruptionError, RefusedBySafetyRule, UsageError
from quri_console.repository.backend import ObjectMissing
from quri_console.repository.catalogue import Catalogue, SetState, read_catalogue
from quri_console.repository.store import Repository


@dataclass(frozen=True, slots=True)
class Objection:
    """A safety rule that forbids a removal; `set_name` is empty when it forbids all."""

    what: str
    why: str
    next_step: str
    set_name: str = ""

    def error(self) -> RefusedBySafetyRule:
        """As the failure that ends a command."""
        return RefusedBySafetyRule(self.what, why=self.why, next_step=self.next_step)


def objections_to_any(catalogue: Catalogue) -> Iterator[Objection]:
    """Why nothing at all may be removed now: a younger backup is still being made."""
    for item in catalogue.in_progress():
        yield Objection(
            f"Nothing is removed while the younger backup {item.name} is unfinished",
            f"It is made by {item.maker}; until it is whole, older backups are all there is.",
            "Resume or abort it first (`quri-console operations list`), or take a new backup.",
        )


def objections_to_future(catalogue: Catalogue, now: datetime) -> Iterator[Objection]:
    """Why no rule may choose what goes: backups dated in the future would pass for the newest."""
    for name in catalogue.future(now):
        yield Objection(
            f"Backup {name} is dated in the future",
            f"Now it is {now:%Y%m%dT%H%M%SZ}: this clock is wrong, or that of the machine that made the backup was.",
            f"Correct the clock; if the backup's own date is wrong, `quri-console forget {name}`.",
        )


def objections_to_set(state: SetState) -> Iterator[Objection]:
    """Why this set may not be removed, whatever else there is: a pin or a hold."""
    stands = state.standing
    if stands.held:
        yield Objection(
            f"Backup {state.name} is on hold",
            stands.hold_reason,
            f'`quri-console pin --hold --undo --reason "…" {state.name}` releases it.'
            if stands.hold_reason != "a mark cannot be read"
            else f"`quri-console check` names the damaged mark below marks/{state.name}.",
            state.name,
        )
    if stands.pinned:
        until = "" if stands.pinned_until is None else f" (until {stands.pinned_until:%Y-%m-%d %H:%M} UTC)"
        yield Objection(
            f"Backup {state.name} is pinned",
            f"{stands.pin_reason}{until}",
            f"`quri-console pin --undo {state.name}` takes the pin away.",
            state.name,
        )


def objections_to_last(
    leaving: Sequence[SetState], staying: Sequence[SetState], *, is_damaged: Callable[[SetState], bool]
) -> Iterator[Objection]:
    """Why these sets may not be removed together: they hold the last verified backup of a subject, or its last one."""
    verified = _subjects(state for state in staying if state.standing.verified_at is not None)
    backed_up = _subjects(state for state in staying if not state.known_damage)
    leaving_verified = _subjects(state for state in leaving if state.standing.verified_at is not None)
    for state in leaving:
        last_verified = () if state.standing.verified_at is None else sorted(state.subjects - verified)
        # where a verified one goes as well, that one is what must stay
        last = () if state.known_damage else sorted(state.subjects - backed_up - leaving_verified)
        if not (last_verified or last) or is_damaged(state):
            continue
        word, subjects = ("last verified", last_verified) if last_verified else ("last", last)
        yield Objection(
            f"Backup {state.name} holds the {word} backup of {', '.join(map(_own_name, subjects))}",
            "Without it there would be nothing left that is known to be whole."
            if last_verified
            else "Without it there would be no copy left.",
            "Take a backup and verify it with `quri-console verify` first; the older one may go then.",
            state.name,
        )


def _own_name(subject: str) -> str:
    """What people call a subject: the part after its last slash; before that stands where it lives."""
    return subject.rpartition("/")[2] or subject


def _subjects(states: Iterator[SetState]) -> frozenset[str]:
    return frozenset(subject for state in states for subject in state.subjects)


def refuse_removal(repository: Repository, names: Sequence[str], *, now: datetime, by_policy: bool) -> frozenset[str]:
    """Raise what forbids to forget these sets; the names of those that may go only because they are damaged.

    Raises RefusedBySafetyRule, UsageError for a name that no set has, NewerFormat, WrongKey, StorageFailed.
    """
    catalogue = read_catalogue(repository, now)
    known = {state.name: state for state in (*catalogue.remaining, *catalogue.forgotten)}
    for name in names:
        if name not in known:
            raise UsageError(f"There is no backup {name}", next_step="`quri-console list` shows the backups.")
    leaving = [state for state in catalogue.remaining if state.name in names]
    staying = [state for state in catalogue.remaining if state.name not in names]

    damaged: set[str] = set()

    def is_damaged(state: SetState) -> bool:
        if by_policy or not damage_of(repository, state):
            return False
        damaged.add(state.name)
        return True

    general = [*objections_to_any(catalogue), *(objections_to_future(catalogue, now) if by_policy else ())]
    own = [objection for state in leaving for objection in objections_to_set(state)]
    for objection in [*general, *own, *objections_to_last(leaving, staying, is_damaged=is_damaged)]:
        raise objection.error()
    return frozenset(damaged)


def damage_of(repository: Repository, state: SetState) -> str:
    """Why a set is damaged, from its manifest, its marks, its records and the index; empty when none of them says so.

    Raises WrongKey, NewerFormat.
    """
    if state.known_damage or state.manifest is None:
        return state.known_damage
    try:
        for file in state.manifest.files:
            if file.is_chunk_list:
                for identifier in repository.chunk_list(state.manifest, file.path).stored_ids:
                    repository.index.find(identifier)
            else:
                repository.record(state.manifest, file.path)
    except (CorruptionError, ObjectMissing) as error:
        return str(error)
    return ""
