"""The verdict says all that is wrong with the fleet, and nothing else."""

from __future__ import annotations

from dataclasses import replace

import pytest

from quri_console.config import Thresholds
from quri_console.drill.incidents import NAME
from quri_console.drill.judge import Before, lost_entries, unmet, written_entries
from quri_console.drill.sight import Sight

T = 10**12
ENTRIES = frozenset({"DRILL•000", "DRILL•001"})
ENGINE = Sight(
    NAME,
    status="running",
    module_hash=b"\x01" * 32,
    controllers=frozenset({"operator", "colleague"}),
    cycles=5 * T,
    freezing_limit=T // 5,
    idle_burn_per_day=7 * 10**9,
    healthy=True,
    digest=11,
    entries=ENTRIES,
)
REGISTRY = replace(ENGINE, name="registry", digest=None, entries=None)
BEFORE = Before({NAME: ENGINE, "registry": REGISTRY}, backed_up_digest=7, thresholds=Thresholds())


def judged(engine: Sight = ENGINE, registry: Sight = REGISTRY, newcomers: frozenset[str] = frozenset()) -> list[str]:
    return list(unmet(BEFORE, {NAME: engine, "registry": registry}, newcomers=newcomers))


def test_a_fleet_that_is_as_before_or_as_backed_up_is_well() -> None:
    assert judged() == []
    assert judged(replace(ENGINE, digest=7, entries=frozenset())) == []


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"status": "stopped", "healthy": None, "digest": None}, "it is stopped"),
        ({"module_hash": None, "healthy": None, "digest": None}, "it has no code"),
        ({"module_hash": b"\x02" * 32}, "it runs another module than before"),
        ({"controllers": frozenset({"operator", "colleague", "thief"})}, "thief is a controller and was none"),
        ({"controllers": frozenset({"operator"})}, "colleague was a controller and is none"),
        ({"cycles": T // 10}, "it is frozen: 100 B are below its limit of 200 B"),
        ({"cycles": T // 2}, "it has only 500 B, and 1 T are a warning"),
        ({"cycles": T, "freezing_limit": T - 7 * 10**9}, "its cycles last only 1 d"),
        ({"healthy": False}, "its health query says that it is not well"),
        ({"digest": 12}, "its data is neither that of before nor that of the backup"),
        ({"status": None, "problem": "the network knows no such canister"}, "the network knows no such canister"),
        ({"problem": "the canister trapped"}, "the canister trapped"),
    ],
)
def test_each_thing_that_is_wrong_is_said_once(changes: dict[str, object], words: str) -> None:
    assert judged(replace(ENGINE, **changes)) == [f"{NAME}: {words}"]  # type: ignore[arg-type]


def test_damage_to_a_canister_that_was_well_counts() -> None:
    assert judged(registry=replace(REGISTRY, status="stopped")) == ["registry: it is stopped"]


def test_a_new_key_may_take_the_place_of_a_lost_one() -> None:
    taken_on = replace(ENGINE, controllers=frozenset({"new", "colleague"}))
    assert judged(taken_on, newcomers=frozenset({"new"})) == []
    assert judged(taken_on) != []


@pytest.mark.parametrize(
    ("entries", "lost"), [(ENTRIES, 0), (frozenset({"DRILL•001"}), 1), (frozenset(), 2), (None, None)]
)
def test_lost_entries_are_counted_and_unknown_where_nobody_answers(
    entries: frozenset[str] | None, lost: int | None
) -> None:
    assert written_entries(BEFORE) == 2
    assert lost_entries(BEFORE, {NAME: replace(ENGINE, entries=entries)}) == lost
