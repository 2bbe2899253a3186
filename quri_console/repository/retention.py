"""Which sets a retention policy keeps and which it lets go, with the reason for each: a pure decision over facts.

Safety comes before policy: what is pinned, held, young, dated in the future, or the last good copy of a subject stays.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import MappingProxyType

from quri_console.errors import UsageError
from quri_console.units import format_duration

_NAMED_SUBJECTS = 3
"""A reason names this many subjects and counts the rest."""


@dataclass(frozen=True, slots=True)
class SetFacts:
    """What is known of one set. `subjects` are what it holds copies of (opaque here), `taken_at` is aware, in UTC."""

    name: str
    taken_at: datetime
    subjects: frozenset[str]
    verified: bool
    pinned: bool
    pin_reason: str
    held: bool
    hold_reason: str


@dataclass(frozen=True, slots=True)
class Policy:
    """How many copies of a subject to keep; a set is kept when any rule wants it.

    Each count is of hours, days, ISO weeks, months or years (in UTC) in which there are sets; the newest set of each
    is kept. `keep_within` reaches back from the subject's newest set, not from now, so that nothing expires while
    backups fail. What is younger than `minimum_age` always stays, although it takes a place in the counts.
    """

    keep_last: int = 0
    keep_hourly: int = 0
    keep_daily: int = 0
    keep_weekly: int = 0
    keep_monthly: int = 0
    keep_yearly: int = 0
    keep_within: timedelta | None = None
    minimum_age: timedelta = timedelta(days=90)

    @property
    def counts(self) -> Mapping[str, int]:
        """How many each counting rule keeps, by the rule's word in reasons."""
        return {
            "last": self.keep_last,
            "hourly": self.keep_hourly,
            "daily": self.keep_daily,
            "weekly": self.keep_weekly,
            "monthly": self.keep_monthly,
            "yearly": self.keep_yearly,
        }


DEFAULT_POLICIES: Mapping[str, Policy] = MappingProxyType(
    {
        "high": Policy(keep_daily=14, keep_weekly=8, keep_monthly=12, keep_yearly=3),
        "medium": Policy(keep_weekly=8, keep_monthly=12, keep_yearly=3),
        "low": Policy(keep_weekly=4, keep_monthly=6),
    }
)
"""By the criticality of what is backed up."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A set that stays, and every reason for it: safety first, then the rules."""

    name: str
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Forgotten:
    """A set that may go, and why."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class Decision:
    """What becomes of each set, newest first. `suspicious` are the kept sets that are dated in the future."""

    keep: tuple[Kept, ...]
    forget: tuple[Forgotten, ...]
    suspicious: tuple[str, ...]


def decide(sets: Sequence[SetFacts], policy_of: Callable[[str], Policy], *, now: datetime) -> Decision:
    """What to keep and what to forget of all the sets there are; `policy_of` gives the policy of a subject.

    `now` is aware. A set dated later than now is kept and otherwise counts for nothing: neither a place in the counts
    nor as the last copy. Raises UsageError when a policy would keep nothing or holds a negative number.
    """
    policies = {subject: policy_of(subject) for subject in sorted({name for item in sets for name in item.subjects})}
    for subject, policy in policies.items():
        _require_rules(subject, policy)
    ordered = sorted(sets, key=lambda item: (item.taken_at, item.name), reverse=True)
    wanted = _wanted([item for item in ordered if item.taken_at <= now], policies)
    reasons = {item.name: _reasons(item, wanted.get(item.name, {}), policies, now) for item in ordered}
    return Decision(
        keep=tuple(Kept(item.name, reasons[item.name]) for item in ordered if reasons[item.name]),
        forget=tuple(
            Forgotten(item.name, f"{format_duration((now - item.taken_at).total_seconds())} old, and no rule keeps it")
            for item in ordered
            if not reasons[item.name]
        ),
        suspicious=tuple(item.name for item in ordered if item.taken_at > now),
    )


def _require_rules(subject: str, policy: Policy) -> None:
    ages = (policy.minimum_age, policy.keep_within or timedelta())
    if min(policy.counts.values()) < 0 or min(ages) < timedelta():
        raise UsageError(
            f"The retention policy of {_own_name(subject)} holds a negative number",
            next_step="Give every count and every duration as zero or more.",
        )
    if not any(policy.counts.values()) and policy.keep_within is None:
        raise UsageError(
            f"The retention policy of {_own_name(subject)} keeps nothing",
            why="Every count is zero, and no time is given within which everything is kept.",
            next_step="Give at least one count, or a time to keep everything within.",
        )


@dataclass(frozen=True, slots=True)
class _Claim:
    """Why a subject wants a set kept. `rank` orders the reasons of a set: 0 for safety, then rule by rule."""

    rank: int
    text: str


def _wanted(past: Sequence[SetFacts], policies: Mapping[str, Policy]) -> Mapping[str, Mapping[_Claim, list[str]]]:
    """By set and claim, the subjects that make it; `past` is newest first."""
    copies: dict[str, list[SetFacts]] = {}
    for item in past:
        for subject in sorted(item.subjects):
            copies.setdefault(subject, []).append(item)
    found: dict[str, dict[_Claim, list[str]]] = {}
    for subject, own in sorted(copies.items()):
        for name, claim in (_last_good(own), *_ruled(own, policies[subject])):
            found.setdefault(name, {}).setdefault(claim, []).append(subject)
    return found


def _last_good(copies: Sequence[SetFacts]) -> tuple[str, _Claim]:
    verified = next((item for item in copies if item.verified), None)
    if verified is None:
        return copies[0].name, _Claim(0, "newest copy (none is verified)")
    return verified.name, _Claim(0, "last verified copy")


def _ruled(copies: Sequence[SetFacts], policy: Policy) -> Iterator[tuple[str, _Claim]]:
    for rank, (word, count) in enumerate(policy.counts.items(), start=1):
        for place, (bucket, item) in enumerate(_newest_of_buckets(copies, word, count), start=1):
            text = f"{word} {place} of {count}"
            yield item.name, _Claim(rank, text if word == "last" else f"{text}: {bucket}")
    within = policy.keep_within
    if within is None:
        return
    for item in copies:
        if copies[0].taken_at - item.taken_at <= within:
            yield item.name, _Claim(len(policy.counts) + 1, f"within {_duration(within)} of the newest")


def _newest_of_buckets(copies: Sequence[SetFacts], word: str, count: int) -> Iterator[tuple[str, SetFacts]]:
    filled: set[str] = set()
    for item in copies:
        if len(filled) == count:
            return
        bucket = item.name if word == "last" else _bucket(word, item.taken_at)
        if bucket not in filled:
            filled.add(bucket)
            yield bucket, item


def _bucket(word: str, moment: datetime) -> str:
    """The hour, day, ISO week, month or year of a moment in UTC, as reasons name it."""
    utc = moment.astimezone(UTC)
    if word == "weekly":
        year, week, _ = utc.isocalendar()
        return f"{year:04d}-W{week:02d}"
    lengths = {"hourly": 13, "daily": 10, "monthly": 7, "yearly": 4}
    text = utc.isoformat(" ")[: lengths[word]]
    return f"{text}:00" if word == "hourly" else text


def _reasons(
    item: SetFacts, claims: Mapping[_Claim, Sequence[str]], policies: Mapping[str, Policy], now: datetime
) -> tuple[str, ...]:
    """Every reason to keep a set; none when it may go."""
    found = []
    if item.pinned:
        found.append(f"pinned: {item.pin_reason}" if item.pin_reason else "pinned")
    if item.held:
        found.append(f"on hold: {item.hold_reason}" if item.hold_reason else "on hold")
    if item.taken_at > now:
        found.append("dated in the future")
        return tuple(found)
    if not item.subjects:
        # its manifest may be unreadable, so that nobody knows whose last copy it holds
        found.append("not known to hold a copy of anything, so that no rule can judge it")
        return tuple(found)
    ranked = sorted(claims.items(), key=lambda entry: entry[0].rank)
    found += [_claim_text(claim, by, of_all=len(by) == len(item.subjects)) for claim, by in ranked]
    minimum_age = max(policies[subject].minimum_age for subject in item.subjects)
    if now - item.taken_at < minimum_age:
        found.append(f"younger than {_duration(minimum_age)}")
    return tuple(found)


def _claim_text(claim: _Claim, subjects: Sequence[str], *, of_all: bool) -> str:
    if claim.rank == 0:
        return f"{claim.text} of {_named(subjects)}"
    return claim.text if of_all else f"{claim.text}, for {_named(subjects)}"


def _named(subjects: Sequence[str]) -> str:
    names = [_own_name(subject) for subject in subjects]
    if len(names) > _NAMED_SUBJECTS:
        names[_NAMED_SUBJECTS:] = [f"{len(names) - _NAMED_SUBJECTS} more"]
    return " and ".join(part for part in (", ".join(names[:-1]), names[-1]) if part)


def _own_name(subject: str) -> str:
    """What people call a subject: the part after its last slash; before that stands where it lives."""
    return subject.rpartition("/")[2] or subject


def _duration(length: timedelta) -> str:
    return format_duration(length.total_seconds())
