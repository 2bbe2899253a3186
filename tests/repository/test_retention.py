"""Retention: what a policy keeps, what safety keeps whatever the policy says, and that nothing else decides."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta, timezone
from random import Random
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from quri_console.errors import UsageError
from quri_console.repository.retention import DEFAULT_POLICIES, Decision, Forgotten, Kept, Policy, SetFacts, decide

NOW = datetime(2025, 6, 15, 12, tzinfo=UTC)
DAY = timedelta(days=1)
OLD = timedelta()
"""A minimum age that protects nothing, so that the rules alone decide."""


def taken(moment: datetime, *subjects: str, verified: bool = False) -> SetFacts:
    return SetFacts(
        f"{moment.astimezone(UTC):%Y%m%dT%H%M%SZ}",
        moment,
        frozenset(subjects or ("a",)),
        verified,
        False,
        "",
        False,
        "",
    )


def decided(sets: Iterable[SetFacts], policy: Policy, now: datetime = NOW) -> Decision:
    return decide(list(sets), lambda _: policy, now=now)


def names(items: Iterable[SetFacts | Kept | Forgotten]) -> set[str]:
    return {item.name for item in items}


def kept_names(decision: Decision) -> set[str]:
    return names(decision.keep)


def reasons(decision: Decision, item: SetFacts) -> tuple[str, ...]:
    return next((kept.reasons for kept in decision.keep if kept.name == item.name), ())


def test_the_newest_set_of_each_day_fills_its_place() -> None:
    morning, evening = (taken(datetime(2025, 1, 24, hour, tzinfo=UTC), verified=True) for hour in (2, 22))
    days = [taken(datetime(2025, 1, day, 2, tzinfo=UTC)) for day in (20, 26, 29)]
    decision = decided([morning, evening, *days], Policy(keep_daily=3, minimum_age=OLD))
    assert kept_names(decision) == names([evening, *days[1:]])
    assert reasons(decision, evening) == ("last verified copy of a", "daily 3 of 3: 2025-01-24")


@pytest.mark.parametrize(
    ("policy", "reason"),
    [
        (Policy(keep_last=7), "last 1 of 7"),
        (Policy(keep_hourly=7), "hourly 1 of 7: 2024-12-30 23:00"),
        (Policy(keep_daily=7), "daily 1 of 7: 2024-12-30"),
        (Policy(keep_weekly=7), "weekly 1 of 7: 2025-W01"),
        (Policy(keep_monthly=7), "monthly 1 of 7: 2024-12"),
        (Policy(keep_yearly=7), "yearly 1 of 7: 2024"),
        (Policy(keep_within=30 * DAY), "within 30 d of the newest"),
    ],
)
def test_every_rule_names_its_place_in_utc(policy: Policy, reason: str) -> None:
    item = taken(datetime(2024, 12, 31, 1, 30, tzinfo=timezone(timedelta(hours=2))), verified=True)
    assert reasons(decided([item], policy), item) == ("last verified copy of a", reason)


def test_rules_are_joined_and_every_reason_is_recorded_in_their_order() -> None:
    older, newest = taken(NOW - 100 * DAY), taken(NOW - 95 * DAY, verified=True)
    decision = decided([older, newest], Policy(keep_last=1, keep_monthly=1, keep_yearly=2, keep_within=5 * DAY))
    assert reasons(decision, newest) == (
        "last verified copy of a",
        "last 1 of 1",
        "monthly 1 of 1: 2025-03",
        "yearly 1 of 2: 2025",
        "within 5 d of the newest",
    )
    assert reasons(decision, older) == ("within 5 d of the newest",)


def test_what_goes_is_told_with_its_age() -> None:
    decision = decided([taken(NOW - 100 * DAY), taken(NOW - 91 * DAY)], Policy(keep_last=1))
    assert [(item.name, item.reason) for item in decision.forget] == [
        ("20250307T120000Z", "100 d old, and no rule keeps it")
    ]


def test_days_without_a_set_take_no_place() -> None:
    sets = [taken(NOW - age * DAY) for age in (100, 200, 300, 400)]
    assert kept_names(decided(sets, Policy(keep_daily=3))) == names(sets[:3])


def test_keep_within_reaches_back_from_the_newest_set_so_that_nothing_expires_while_backups_fail() -> None:
    sets = [taken(NOW - age * DAY) for age in (1000, 1005, 1011)]
    assert kept_names(decided(sets, Policy(keep_within=10 * DAY))) == names(sets[:2])


def test_keep_within_all_of_time_is_no_overflow() -> None:
    sets = [taken(NOW - age * DAY) for age in (1000, 20000)]
    assert kept_names(decided(sets, Policy(keep_within=timedelta.max))) == names(sets)


def test_nothing_younger_than_the_minimum_age_goes_and_what_is_exactly_as_old_may() -> None:
    young, aged = taken(NOW - 90 * DAY + timedelta(seconds=1)), taken(NOW - 90 * DAY)
    newest = taken(NOW - DAY)
    decision = decided([young, aged, newest], Policy(keep_last=1))
    assert reasons(decision, young) == ("younger than 90 d",)
    assert kept_names(decision) == names([young, newest])


def test_the_most_careful_minimum_age_of_the_subjects_in_a_set_counts() -> None:
    both = taken(NOW - 100 * DAY, "a", "b")
    policies = {"a": Policy(keep_last=1), "b": Policy(keep_last=1, minimum_age=120 * DAY)}
    decision = decide([both, taken(NOW - DAY, "a", "b", verified=True)], policies.__getitem__, now=NOW)
    assert reasons(decision, both) == ("younger than 120 d",)


def test_a_set_goes_only_when_no_subject_in_it_wants_it() -> None:
    both, only_a = taken(NOW - 200 * DAY, "net/a", "net/b"), taken(NOW - 100 * DAY, "net/a")
    decision = decided([both, only_a], Policy(keep_last=1))
    assert reasons(decision, both) == ("newest copy (none is verified) of b", "last 1 of 1, for b")
    assert reasons(decision, only_a) == ("newest copy (none is verified) of a", "last 1 of 1")
    assert kept_names(decided([both, only_a, taken(NOW - DAY, "net/b")], Policy(keep_last=1))) == {
        only_a.name,
        "20250614T120000Z",
    }


def test_each_subject_is_judged_by_its_own_policy() -> None:
    sets = [taken(NOW - age * DAY, subject) for subject, age in (("a", 100), ("b", 101), ("a", 102), ("b", 103))]
    policies = {"a": Policy(keep_last=1), "b": Policy(keep_last=2)}
    assert kept_names(decide(sets, policies.__getitem__, now=NOW)) == names([sets[0], sets[1], sets[3]])


def test_a_reason_names_a_few_subjects_and_counts_the_rest() -> None:
    item = taken(NOW - 100 * DAY, *(f"0123456789abcdef/canister-{number}" for number in range(5)), verified=True)
    assert reasons(decided([item], Policy(keep_last=1)), item)[0] == (
        "last verified copy of canister-0, canister-1, canister-2 and 2 more"
    )


def test_the_last_verified_copy_of_a_subject_stays_although_no_rule_wants_it() -> None:
    verified = [taken(NOW - age * DAY, verified=True) for age in (300, 400)]
    newer = taken(NOW - 100 * DAY)
    decision = decided([*verified, newer], Policy(keep_last=1))
    assert reasons(decision, verified[0]) == ("last verified copy of a",)
    assert kept_names(decision) == names([verified[0], newer])


def test_pinned_and_held_sets_stay_with_their_reasons() -> None:
    pinned = replace(taken(NOW - 300 * DAY), pinned=True, pin_reason="the audit")
    held = replace(taken(NOW - 400 * DAY), held=True, hold_reason="a lawsuit")
    bare = replace(taken(NOW - 500 * DAY), pinned=True, held=True)
    decision = decided([pinned, held, bare, taken(NOW - 100 * DAY)], Policy(keep_last=1))
    assert [reasons(decision, item) for item in (pinned, held, bare)] == [
        ("pinned: the audit",),
        ("on hold: a lawsuit",),
        ("pinned", "on hold"),
    ]
    assert not decision.forget


def test_a_set_dated_in_the_future_is_kept_named_and_takes_no_place() -> None:
    future = [taken(NOW + age * DAY, verified=True) for age in (1, 2, 3)]
    past = [taken(NOW - age * DAY, verified=True) for age in (100, 200)]
    decision = decided([*past, *future], Policy(keep_last=1, keep_within=DAY))
    assert decision.suspicious == tuple(item.name for item in reversed(future))
    assert reasons(decision, future[0]) == ("dated in the future",)
    assert reasons(decision, past[0])[:2] == ("last verified copy of a", "last 1 of 1")
    assert kept_names(decision) == names([*future, past[0]])


def test_a_set_taken_at_this_very_moment_is_not_suspicious() -> None:
    assert not decided([taken(NOW)], Policy(keep_last=1)).suspicious


def test_a_set_of_which_no_subject_is_known_is_kept() -> None:
    unknown = replace(taken(NOW - 1000 * DAY), subjects=frozenset())
    assert kept_names(decided([unknown], Policy(keep_last=1))) == {unknown.name}


def test_a_policy_that_keeps_nothing_is_refused() -> None:
    with pytest.raises(UsageError, match="keeps nothing"):
        decided([taken(NOW, "net/a")], Policy())
    assert decided([taken(NOW)], Policy(keep_within=timedelta())).keep


@pytest.mark.parametrize(
    "policy",
    [
        Policy(keep_last=1, keep_daily=-1),
        Policy(keep_last=1, minimum_age=-DAY),
        Policy(keep_last=1, keep_within=-DAY),
    ],
)
def test_a_policy_with_a_negative_number_is_refused(policy: Policy) -> None:
    with pytest.raises(UsageError, match="negative"):
        decided([taken(NOW)], policy)


def test_no_sets_are_no_decision() -> None:
    assert decided([], Policy()) == Decision((), (), ())


def test_the_defaults_keep_more_of_what_matters_more() -> None:
    sets = [taken(NOW - hours * timedelta(hours=12)) for hours in range(4 * 365 * 2)]
    counts = {
        name: len(decided(sets, replace(policy, minimum_age=OLD)).keep) for name, policy in DEFAULT_POLICIES.items()
    }
    assert list(counts) == ["high", "medium", "low"]
    assert counts["high"] > counts["medium"] > counts["low"]
    assert {policy.minimum_age for policy in DEFAULT_POLICIES.values()} == {90 * DAY}


SUBJECTS = ("a", "b", "c")
COUNTS = tuple(field.name for field in fields(Policy) if field.name not in ("keep_within", "minimum_age"))
ages = st.one_of(st.integers(-72, 24 * 40), st.integers(-72, 24 * 1500)).map(lambda hours: timedelta(hours=hours))
policies = st.builds(
    Policy,
    **{name: st.integers(0, 4) for name in COUNTS},
    keep_within=st.none() | st.integers(0, 100).map(lambda days: timedelta(days=days)),
    minimum_age=st.integers(0, 120).map(lambda days: timedelta(days=days)),
).filter(lambda policy: policy.keep_within is not None or any(policy.counts.values()))
policies_of = st.fixed_dictionaries(dict.fromkeys(SUBJECTS, policies))


@st.composite
def some_sets(draw: st.DrawFn) -> list[SetFacts]:
    facts = st.tuples(ages, st.frozensets(st.sampled_from(SUBJECTS)), *[st.integers(0, 5)] * 3)
    return [
        # two may bear one time: names alone tell them apart
        SetFacts(f"set-{number}", NOW - age, subjects, verified > 3, pinned > 4, "pin", held > 4, "hold")
        for number, (age, subjects, verified, pinned, held) in enumerate(draw(st.lists(facts, max_size=25)))
    ]


def lookup(policies: dict[str, Policy]) -> Callable[[str], Policy]:
    return policies.__getitem__


@given(some_sets(), policies_of)
def test_every_set_is_either_kept_for_a_reason_or_let_go(sets: list[SetFacts], of: dict[str, Policy]) -> None:
    decision = decide(sets, lookup(of), now=NOW)
    staying, going = names(decision.keep), names(decision.forget)
    assert staying | going == names(sets)
    assert len(decision.keep) + len(decision.forget) == len(sets)
    assert all(kept.reasons for kept in decision.keep)


@given(some_sets(), policies_of)
def test_deciding_again_on_what_was_kept_lets_nothing_more_go(sets: list[SetFacts], of: dict[str, Policy]) -> None:
    first = decide(sets, lookup(of), now=NOW)
    second = decide([item for item in sets if item.name in kept_names(first)], lookup(of), now=NOW)
    assert second == replace(first, forget=())


@given(some_sets(), policies_of)
def test_every_subject_keeps_a_verified_copy_and_its_newest(sets: list[SetFacts], of: dict[str, Policy]) -> None:
    staying = kept_names(decide(sets, lookup(of), now=NOW))
    for subject in SUBJECTS:
        past = [item for item in sets if subject in item.subjects and item.taken_at <= NOW]
        verified = [item for item in past if item.verified]
        for copies in (past, verified):
            newest = max((item.taken_at for item in copies), default=None)
            assert not copies or any(item.name in staying for item in copies if item.taken_at == newest)


@given(some_sets(), policies_of)
def test_nothing_pinned_held_young_or_dated_in_the_future_goes(sets: list[SetFacts], of: dict[str, Policy]) -> None:
    decision = decide(sets, lookup(of), now=NOW)
    going = names(decision.forget)
    for item in sets:
        young = any(NOW - item.taken_at < of[subject].minimum_age for subject in item.subjects)
        assert item.name not in going or not (item.pinned or item.held or young or item.taken_at > NOW)
    assert set(decision.suspicious) == names(item for item in sets if item.taken_at > NOW)


@given(some_sets(), policies_of, st.sampled_from(SUBJECTS), st.sampled_from(COUNTS), st.integers(1, 5))
def test_a_higher_count_never_lets_more_go(
    sets: list[SetFacts], of: dict[str, Policy], subject: str, count: str, more: int
) -> None:
    raised: dict[str, Any] = {count: getattr(of[subject], count) + more}
    greater = {**of, subject: replace(of[subject], **raised)}
    assert kept_names(decide(sets, lookup(of), now=NOW)) <= kept_names(decide(sets, lookup(greater), now=NOW))


@given(some_sets(), policies_of, st.randoms(use_true_random=False))
def test_the_order_in_which_sets_are_given_decides_nothing(
    sets: list[SetFacts], of: dict[str, Policy], random: Random
) -> None:
    shuffled = list(sets)
    random.shuffle(shuffled)
    assert decide(shuffled, lookup(of), now=NOW) == decide(sets, lookup(of), now=NOW)


@given(some_sets(), policies_of)
def test_sets_dated_in_the_future_change_nothing_for_the_others(sets: list[SetFacts], of: dict[str, Policy]) -> None:
    assume(any(item.taken_at > NOW for item in sets))
    past = [item for item in sets if item.taken_at <= NOW]
    assert decide(sets, lookup(of), now=NOW).forget == decide(past, lookup(of), now=NOW).forget
