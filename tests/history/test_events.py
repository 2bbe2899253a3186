"""Events follow from samples alone, whatever order these come in."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quri_console.history import History, Sample
from quri_console.history.events import Event
from quri_console.history.retention import Periods

RUNE, REGISTRY = "pkrpq-5qaaa-aaaah-aroda-cai", "pnqje-qiaaa-aaaah-arodq-cai"
SECOND = 1_000_000_000
DAY = 86_400 * SECOND
NOW = 1_750_032_000 * SECOND
OLD, NEW = b"\x01" * 32, b"\x02" * 32


def document(controllers: Sequence[str] = ("a",), **more: int) -> str:
    return json.dumps({"controllers": list(controllers), **more}, sort_keys=True, separators=(",", ":"))


def seen(second: int, **facts: object) -> Sample:
    defaults: dict[str, object] = {
        "origin": "query",
        "status": "running",
        "cycles": 1000 - second,
        "module_hash": OLD,
        "settings": document(freezing_threshold=30),
    }
    return Sample(RUNE, NOW + second * SECOND, **(defaults | facts))  # type: ignore[arg-type]


def failed(second: int, kind: str = "unreachable") -> Sample:
    return Sample(RUNE, NOW + second * SECOND, error_kind=kind, error="no")  # type: ignore[arg-type]


def public(second: int, controllers: Sequence[str] = ("a",), module: bytes | None = OLD) -> Sample:
    settings = document(controllers)
    return Sample(RUNE, NOW + second * SECOND, origin="public", module_hash=module, settings=settings)


def event(
    second: int, kind: str, before: str | None = None, after: str | None = None, cycles: int | None = None
) -> Event:
    return Event(RUNE, NOW + second * SECOND, kind, before, after, cycles)  # type: ignore[arg-type]


async def events_of(folder: Path, *rounds: Sequence[Sample]) -> tuple[Event, ...]:
    async with await History.open(folder / "h.sqlite") as history:
        for samples in rounds:
            await history.add_samples("ic", samples)
        return await history.events.of("ic", RUNE)


async def test_a_node_that_lags_behind_another_tops_nothing_up(tmp_path: Path) -> None:
    first = [seen(0)]
    assert await events_of(tmp_path / "lag", first, [seen(1, cycles=1012, idle_burn_per_day=10**6)]) == ()
    assert await events_of(tmp_path / "more", first, [seen(1, cycles=9000, idle_burn_per_day=10**6)])


@pytest.mark.parametrize("together", [True, False])
@pytest.mark.parametrize(
    ("second", "expected"),
    [
        (seen(1, settings=document(("a", "b"), freezing_threshold=30)), ("controllers-changed", '["a"]', '["a","b"]')),
        (
            seen(1, settings=document(freezing_threshold=9)),
            ("settings-changed", '{"freezing_threshold":30}', '{"freezing_threshold":9}'),
        ),
        (seen(1, module_hash=NEW), ("module-changed", OLD.hex(), NEW.hex())),
        (seen(1, module_hash=None), ("module-changed", OLD.hex(), None)),
        (seen(1, module_hash=None, cycles=0), ("emptied", OLD.hex(), None)),
        (seen(1, status="stopped"), ("status-changed", "running", "stopped")),
        (seen(1, cycles=1 << 80), ("topped-up", "1000", str(1 << 80), (1 << 80) - 1000)),
        (failed(1, "not found"), ("deleted",)),
        (public(1, ("b",)), ("controllers-changed", '["a"]', '["b"]')),
    ],
)
async def test_a_difference_is_an_event(
    tmp_path: Path, second: Sample, expected: tuple[object, ...], together: bool
) -> None:
    rounds = [[seen(0), second]] if together else [[seen(0)], [second]]
    assert await events_of(tmp_path, *rounds) == (event(1, *expected),)  # type: ignore[arg-type]


async def test_what_was_never_known_has_not_changed(tmp_path: Path) -> None:
    blackhole = Sample(RUNE, NOW + SECOND, origin="blackhole", status="running", cycles=5, module_hash=OLD)
    assert await events_of(tmp_path, [failed(-1), public(0)], [blackhole], [seen(2, cycles=4)]) == ()


async def test_the_last_known_counts_across_failures_and_sources_that_tell_less(tmp_path: Path) -> None:
    rounds = [[seen(0)], [failed(1)], [public(2)], [failed(3)], [seen(4, status="stopped", cycles=2000)]]
    assert await events_of(tmp_path, *rounds) == (
        event(4, "status-changed", "running", "stopped"),
        event(4, "topped-up", "1000", "2000", 1000),
    )


async def test_a_canister_that_comes_back_appears_again(tmp_path: Path) -> None:
    rounds = [[seen(0)], [failed(1, "not found")], [failed(2, "not found")], [seen(3)]]
    assert await events_of(tmp_path, *rounds) == (event(1, "deleted"), event(3, "appeared"))


async def test_an_imported_balance_says_nothing_but_the_balance(tmp_path: Path) -> None:
    imported = Sample(RUNE, NOW + SECOND, origin="imported", cycles=999)
    assert await events_of(tmp_path, [seen(0)], [imported], [seen(2)]) == ()
    async with await History.open(tmp_path / "h.sqlite") as history:
        await history.add_samples("ic", [Sample(REGISTRY, NOW, origin="imported", cycles=5)])
        assert REGISTRY not in await history.newest_readings("ic")
        assert REGISTRY not in await history.newest_answers("ic")
        assert REGISTRY not in await history.newest_samples("ic")


async def test_a_sample_written_twice_makes_no_second_event(tmp_path: Path) -> None:
    once = await events_of(tmp_path, [seen(0)], [seen(1, module_hash=NEW)])
    assert await events_of(tmp_path, [seen(1, module_hash=NEW)], [seen(0)]) == once


facts = st.builds(
    lambda second, kind, cycles, module, controllers, status: {
        "query": lambda: seen(
            second, cycles=cycles, module_hash=module, settings=document(controllers, x=1), status=status
        ),
        "public": lambda: public(second, controllers, module),
        "failed": lambda: failed(second),
        "gone": lambda: failed(second, "not found"),
        "imported": lambda: Sample(RUNE, NOW + second * SECOND, origin="imported", cycles=cycles),
    }[kind](),
    second=st.integers(0, 1000),
    kind=st.sampled_from(["query", "query", "public", "failed", "gone", "imported"]),
    cycles=st.integers(0, 3),
    module=st.sampled_from([None, OLD, NEW]),
    controllers=st.sampled_from([("a",), ("a", "b")]),
    status=st.sampled_from(["running", "stopped"]),
)


@given(st.lists(facts, max_size=12, unique_by=lambda one: one.at_ns), st.randoms(use_true_random=False))
@settings(max_examples=40)
async def test_any_order_of_arrival_gives_the_same_events(
    tmp_path_factory: pytest.TempPathFactory, samples: list[Sample], chance: object
) -> None:
    in_order = sorted(samples, key=lambda one: one.at_ns)
    shuffled = list(samples)
    chance.shuffle(shuffled)  # type: ignore[attr-defined]
    half = len(samples) // 2
    straight = await events_of(tmp_path_factory.mktemp("a"), in_order)
    assert await events_of(tmp_path_factory.mktemp("b"), *([one] for one in shuffled)) == straight
    assert await events_of(tmp_path_factory.mktemp("c"), shuffled[half:], shuffled[:half]) == straight


async def test_newest_events_come_by_canister_and_network(tmp_path: Path) -> None:
    async with await History.open(tmp_path / "h.sqlite") as history:
        await history.add_samples("ic", [seen(0), seen(1, module_hash=NEW), seen(2), Sample(REGISTRY, NOW)])
        await history.add_samples("local", [seen(0), seen(1, status="stopped")])
        newest = await history.events.newest("ic", NOW)
        assert {canister: [one.at_ns - NOW for one in found] for canister, found in newest.items()} == {
            RUNE: [2 * SECOND, SECOND]
        }
        assert await history.events.newest("ic", NOW + 3 * SECOND) == {}
        assert [one.kind for one in await history.events.of("local", RUNE)] == ["status-changed"]


async def test_late_samples_from_before_what_is_kept_change_no_event(tmp_path: Path) -> None:
    async with await History.open(tmp_path / "h.sqlite") as history:
        await history.add_samples("ic", [seen(0), seen(20 * 86_400, module_hash=NEW)])
        before = await history.events.of("ic", RUNE)
        await history.rollups.update("ic", NOW + 21 * DAY)
        await history.retention.prune("ic", NOW + 21 * DAY, Periods())
        await history.add_samples("ic", [seen(5, cycles=10**9, module_hash=NEW)])
        assert await history.events.of("ic", RUNE) == before
