"""Burn over time, freezing, running dry: judged on a clock that the test moves."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quri_console.localnet import management_types as types
from quri_console.localnet.charges import Prices, freezing_limit, idle_cycles_burned_per_day
from quri_console.localnet.network import Network
from quri_console.units import DAY_SECONDS, GIB
from tests.support.direct import Direct
from tests.support.modules import counter_module


def cycles_of(alice, canister):
    """The balance without asking the management canister, which costs."""
    return alice.network.subnet.get(canister).cycles


def test_a_gibibyte_costs_what_the_documentation_says():
    assert idle_cycles_burned_per_day(Prices(), GIB, 0) == 127_000 * DAY_SECONDS
    assert idle_cycles_burned_per_day(Prices(), 0, 1) == 10_000_000 * DAY_SECONDS
    assert freezing_limit(127_000 * DAY_SECONDS, 30 * DAY_SECONDS) == 30 * 127_000 * DAY_SECONDS


@given(st.integers(0, 2**40), st.integers(0, 100), st.integers(1, 10**6))
def test_scaled_time_multiplies_the_cost_of_a_day(stored, compute, scale):
    plain = idle_cycles_burned_per_day(Prices(), stored, compute)
    scaled = idle_cycles_burned_per_day(Prices(time_scale=Fraction(scale)), stored, compute)
    assert plain * scale <= scaled < (plain + 1) * scale


async def test_a_day_burns_exactly_the_idle_figure_however_often_one_looks(alice, clock):
    canister = await alice.create(memory_allocation=GIB, compute_allocation=1, cycles=10**15)
    before = cycles_of(alice, canister)
    for _ in range(1_000):
        await clock.advance(DAY_SECONDS / 1_000)
        cycles_of(alice, canister)
    idle = (127_000 + 10_000_000) * DAY_SECONDS
    assert abs(before - cycles_of(alice, canister) - idle) <= 1
    assert (await alice.status(canister))["idle_cycles_burned_per_day"] == idle


async def test_consumption_is_told_apart_by_use(alice, clock):
    canister = await alice.create(memory_allocation=GIB, compute_allocation=1, cycles=10**15)
    await clock.advance(DAY_SECONDS)
    consumed = alice.network.subnet.get(canister).consumed
    assert consumed["memory"] == 127_000 * DAY_SECONDS
    assert consumed["compute_allocation"] == 10_000_000 * DAY_SECONDS


async def test_a_canister_freezes_at_the_limit_of_its_own_status(alice, clock):
    canister = await alice.create(memory_allocation=10 * GIB, cycles=40 * 10**12)
    status = await alice.status(canister)
    limit = status["idle_cycles_burned_per_day"] * status["settings"]["freezing_threshold"] // DAY_SECONDS
    days_left = (cycles_of(alice, canister) - limit) / status["idle_cycles_burned_per_day"]
    accounts, held = alice.network.subnet.accounts, alice.network.subnet.get
    await clock.advance((days_left - 0.01) * DAY_SECONDS)
    assert not accounts.is_frozen(held(canister))
    await clock.advance(0.02 * DAY_SECONDS)
    assert accounts.is_frozen(held(canister))
    snapshot = await alice.reject(
        "upload_canister_snapshot_metadata",
        {
            "canister_id": canister,
            "wasm_module_size": 1,
            "globals": [],
            "wasm_memory_size": 0,
            "stable_memory_size": 0,
            "certified_data": b"",
        },
    )
    assert snapshot.error_code == "IC0207"
    for method in ("stop_canister", "start_canister"):
        await alice.call(method, {"canister_id": canister})
    await alice.call("provisional_top_up_canister", {"canister_id": canister, "amount": 10**13})
    assert not accounts.is_frozen(held(canister))


async def test_running_dry_empties_the_canister_but_keeps_who_controls_it(alice, clock):
    canister = await alice.create(memory_allocation=GIB, cycles=10**12)
    uploaded = {
        "canister_id": canister,
        "wasm_module_size": 8,
        "globals": [],
        "wasm_memory_size": 65_536,
        "stable_memory_size": 0,
        "certified_data": b"",
    }
    await alice.call("upload_canister_snapshot_metadata", uploaded)
    await alice.call("upload_chunk", {"canister_id": canister, "chunk": b"chunk"})
    await clock.advance(100 * DAY_SECONDS)
    held = alice.network.subnet.get(canister)
    assert (held.cycles, held.snapshots, held.chunk_store, held.module_hash) == (0, {}, {}, None)
    assert held.settings.memory_allocation == 0
    assert held.settings.controllers == (alice.caller,)
    await alice.call("provisional_top_up_canister", {"canister_id": canister, "amount": 10**12})
    assert (await alice.status(canister))["cycles"] > 9 * 10**11


async def test_a_snapshot_raises_idle_burn_while_it_exists(alice):
    canister = await alice.create(cycles=10**14)
    before = await alice.status(canister)
    uploaded = {
        "canister_id": canister,
        "wasm_module_size": 1,
        "globals": [],
        "wasm_memory_size": 64 << 20,
        "stable_memory_size": 0,
        "certified_data": b"",
    }
    made = await alice.call("upload_canister_snapshot_metadata", uploaded, types.UPLOAD_SNAPSHOT_METADATA_RESULT)
    with_snapshot = await alice.status(canister)
    assert with_snapshot["memory_metrics"]["snapshots_size"] >= 64 << 20
    grown = with_snapshot["idle_cycles_burned_per_day"] - before["idle_cycles_burned_per_day"]
    assert grown == pytest.approx(127_000 * DAY_SECONDS / 16, rel=0.001)
    await alice.call("delete_canister_snapshot", {"canister_id": canister, "snapshot_id": made["snapshot_id"]})
    after = await alice.status(canister)
    assert after["idle_cycles_burned_per_day"] == before["idle_cycles_burned_per_day"]


async def test_time_scale_changes_costs_and_not_the_clock(clock):
    network = Network(clock, time_scale=1_000)
    alice = Direct(network)
    canister = await alice.create(memory_allocation=GIB, cycles=10**15)
    before, now_ns = cycles_of(alice, canister), clock.now_ns()
    await clock.advance(86.4)
    assert before - cycles_of(alice, canister) == pytest.approx(127_000 * DAY_SECONDS, rel=1e-6)
    assert clock.now_ns() - now_ns == 86_400_000_000
    await network.aclose()


async def test_a_canister_with_code_that_runs_dry_is_empty_and_can_be_installed_again(alice, counter, network, clock):
    await alice.call("take_canister_snapshot", {"canister_id": counter}, types.SNAPSHOT)
    version = network.state_version
    network.subnet.get(counter).cycles = 10**6
    await clock.advance(7 * DAY_SECONDS)
    assert network.state_version > version
    assert b"module_hash" not in network.canister_tree(counter)
    held = network.subnet.get(counter)
    assert (held.instance, held.snapshots, held.history.changes) == (None, {}, [])
    await alice.call("provisional_top_up_canister", {"canister_id": counter, "amount": 10**13})
    assert (await alice.refusal(counter, "inc")).error_code == "IC0537"
    assert await alice.call("list_canister_snapshots", {"canister_id": counter}, types.SNAPSHOTS) == []
    await alice.install(counter_module(), canister=counter)
    assert await alice.number(counter, "inc") == 101
