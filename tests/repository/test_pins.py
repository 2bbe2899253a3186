"""Pins and holds: who keeps what until when."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from quri_console.errors import RefusedBySafetyRule, UsageError
from quri_console.repository.marks import Standing, read_marks, standing
from quri_console.repository.pins import hold, pin, release, unpin
from tests.support.kept_sets import DAY, KeptSets

BY = "eva@console"


@pytest.fixture
def kept(tmp_path: Path) -> KeptSets:
    return KeptSets.create(tmp_path / "repository")


def stands(kept: KeptSets, name: str) -> Standing:
    return standing(*read_marks(kept.open().backend, name), kept.now)


def test_a_pin_says_why_and_until_when(kept: KeptSets) -> None:
    name = kept.take({"alpha": "a"})
    pin(kept.open(), name, by=BY, reason="the audit", now=kept.now, expires_at=kept.now + DAY)
    found = stands(kept, name)
    assert (found.pinned, found.pin_reason, found.pinned_until) == (True, "the audit", kept.now + DAY)
    kept.now += DAY
    assert not stands(kept, name).pinned


def test_a_pin_without_an_end_lasts_until_it_is_taken_away(kept: KeptSets) -> None:
    name = kept.take({"alpha": "a"})
    pin(kept.open(), name, by=BY, reason="the audit", now=kept.now)
    kept.now += 3650 * DAY
    assert stands(kept, name).pinned
    unpin(kept.open(), name, by=BY, reason="", now=kept.now)
    assert not stands(kept, name).pinned


def test_a_later_pin_replaces_an_earlier_one(kept: KeptSets) -> None:
    name = kept.take({"alpha": "a"})
    pin(kept.open(), name, by=BY, reason="the audit", now=kept.now)
    pin(kept.open(), name, by=BY, reason="until Monday", now=kept.now, expires_at=kept.now + DAY)
    assert stands(kept, name).pin_reason == "until Monday"


def test_a_pin_in_the_second_of_an_unpin_counts(kept: KeptSets) -> None:
    name = kept.take({"alpha": "a"})
    pin(kept.open(), name, by=BY, reason="one", now=kept.now)
    unpin(kept.open(), name, by=BY, reason="", now=kept.now)
    pin(kept.open(), name, by=BY, reason="two", now=kept.now)
    assert stands(kept, name).pin_reason == "two"


def test_a_hold_counts_although_a_release_bears_a_later_time(kept: KeptSets) -> None:
    name = kept.take({"alpha": "a"})
    hold(kept.open(), name, by=BY, reason="the court", now=kept.now + DAY)
    release(kept.open(), name, by=BY, reason="over", now=kept.now + DAY)
    hold(kept.open(), name, by=BY, reason="again", now=kept.now)
    assert stands(kept, name).hold_reason == "again"


def test_a_hold_outlasts_the_end_of_a_pin(kept: KeptSets) -> None:
    name = kept.take({"alpha": "a"})
    hold(kept.open(), name, by=BY, reason="the court", now=kept.now)
    pin(kept.open(), name, by=BY, reason="the audit", now=kept.now)
    unpin(kept.open(), name, by=BY, reason="", now=kept.now)
    assert stands(kept, name).held


@pytest.mark.parametrize("reason", ["", "  \t"])
def test_a_pin_and_a_hold_need_a_reason(kept: KeptSets, reason: str) -> None:
    name = kept.take({"alpha": "a"})
    for keep in (pin, hold):
        with pytest.raises(UsageError, match="needs a reason"):
            keep(kept.open(), name, by=BY, reason=reason, now=kept.now)
    assert not (kept.root / "marks").exists()


def test_a_pin_that_would_have_ended_already_is_refused(kept: KeptSets) -> None:
    name = kept.take({"alpha": "a"})
    with pytest.raises(UsageError, match="ended already"):
        pin(kept.open(), name, by=BY, reason="late", now=kept.now, expires_at=kept.now - timedelta(seconds=1))


def test_what_is_not_there_cannot_be_pinned_or_taken_away(kept: KeptSets) -> None:
    name = kept.take({"alpha": "a"})
    with pytest.raises(UsageError, match="no backup"):
        pin(kept.open(), "20010101T000000Z", by=BY, reason="why not", now=kept.now)
    with pytest.raises(UsageError, match="not pinned"):
        unpin(kept.open(), name, by=BY, reason="", now=kept.now)
    with pytest.raises(UsageError, match="not on hold"):
        release(kept.open(), name, by=BY, reason="over", now=kept.now)


def test_a_set_with_a_damaged_mark_cannot_be_released(kept: KeptSets) -> None:
    name = kept.take({"alpha": "a"})
    hold(kept.open(), name, by=BY, reason="the court", now=kept.now)
    (mark,) = (kept.root / "marks" / name).iterdir()
    kept.damage(f"marks/{name}/{mark.name}")
    with pytest.raises(RefusedBySafetyRule, match="cannot be released"):
        release(kept.open(), name, by=BY, reason="over", now=kept.now)
