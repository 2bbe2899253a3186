"""Settings that limit what a canister does: Wasm memory, cycles that calls must bring, allocations."""

from __future__ import annotations

import pytest

from quri_console.localnet import management_types as types
from quri_console.localnet.messages import Reply
from quri_console.units import GIB, MIB
from tests.support.direct import complete, settle_loop
from tests.support.modules import counter_module


def relay(callee: bytes, method: str, *, cycles: int = 0) -> bytes:
    return callee + b"\0" + cycles.to_bytes(8, "little") + method.encode()


async def change(alice, canister, **settings):
    wanted = {name: [value] for name, value in settings.items()}
    await alice.call("update_settings", {"canister_id": canister, "settings": wanted})


async def test_an_update_that_grows_beyond_the_memory_limit_is_undone(alice, counter):
    await change(alice, counter, wasm_memory_limit=MIB)
    reject = await alice.refusal(counter, "grow")
    assert (reject.code, reject.error_code) == (5, "IC0539")
    assert f"memory limit of {MIB} bytes. The peak Wasm memory usage was {17 * 65_536} bytes" in reject.message
    assert (await alice.status(counter))["memory_metrics"]["wasm_memory_size"] == 65_536
    await change(alice, counter, wasm_memory_limit=0)
    assert await alice.number(counter, "grow") == 17


async def test_below_the_memory_limit_updates_fail_and_queries_do_not(alice, counter):
    await change(alice, counter, wasm_memory_limit=1)
    assert (await alice.refusal(counter, "inc")).error_code == "IC0539"
    assert await alice.number(counter, "get", query=True) == 100


async def test_a_timer_above_the_memory_limit_does_not_run(alice, counter, clock):
    assert isinstance(await alice.ask(counter, "in_ten_seconds"), Reply)
    await change(alice, counter, wasm_memory_limit=1)
    await clock.advance(11)
    await settle_loop()
    assert await alice.number(counter, "ticks", query=True) == 0


@pytest.mark.parametrize("mode", [{"install": None}, {"reinstall": None}, {"upgrade": []}])
async def test_no_code_is_installed_above_the_memory_limit(alice, counter, mode):
    target = await alice.create() if "install" in mode else counter
    before = (await alice.status(target))["module_hash"]
    await change(alice, target, wasm_memory_limit=1)
    record = {"mode": mode, "canister_id": target, "wasm_module": counter_module(inspecting=True), "arg": b""}
    assert (await alice.reject("install_code", record)).error_code == "IC0539"
    assert (await alice.status(target))["module_hash"] == before


async def test_a_call_with_fewer_cycles_than_the_callee_wants_is_rejected_and_refunded(alice, counter, network):
    other = await alice.install(counter_module(), minimum_incoming_canister_call_cycles=10**9)
    before = network.subnet.get(counter).cycles
    assert (await alice.refusal(counter, "relay", relay(other, "inc", cycles=10**9 - 1))).message == "no!"
    assert before - network.subnet.get(counter).cycles < 10**8
    assert isinstance(await alice.ask(counter, "relay", relay(other, "inc", cycles=10**9)), Reply)
    assert await alice.number(other, "get", query=True) == 101


async def test_the_subnet_gives_no_more_compute_than_it_has(alice):
    for _ in range(2):
        await alice.create(10**17, compute_allocation=100)
    last = await alice.create(10**17)
    refused = await alice.reject("update_settings", {"canister_id": last, "settings": {"compute_allocation": [100]}})
    assert (refused.code, refused.error_code) == (1, "IC0101")
    assert "remaining compute capacity is 99%" in refused.message
    await change(alice, last, compute_allocation=99)


async def test_the_subnet_gives_no_more_memory_than_it_has_without_reserving_cycles(alice):
    await alice.create(10**17, memory_allocation=700 * GIB)
    last = await alice.create(10**17)
    settings = {"memory_allocation": [51 * GIB]}
    assert (await alice.reject("update_settings", {"canister_id": last, "settings": settings})).error_code == "IC0101"
    await change(alice, last, memory_allocation=49 * GIB)
    assert (await alice.status(last))["reserved_cycles"] == 0


@pytest.mark.parametrize(
    ("settings", "error_code"),
    [({"compute_allocation": [50]}, "IC0530"), ({"memory_allocation": [500 * GIB]}, "IC0531")],
)
async def test_nothing_is_created_with_allocations_it_cannot_pay(alice, network, settings, error_code):
    record = {"amount": [10**12], "settings": [complete(types.CANISTER_SETTINGS, settings)]}
    refused = await alice.reject("provisional_create_canister_with_cycles", record)
    assert refused.error_code == error_code
    assert not network.subnet.canisters
