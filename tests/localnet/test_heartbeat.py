"""Heartbeats: about one a second, for canisters that run and can pay."""

from __future__ import annotations

import pytest
from wasmtime import wat2wasm

from tests.support.direct import settle_loop

BEATING = wat2wasm("""
(module
  (import "ic0" "msg_reply" (func $reply))
  (import "ic0" "msg_reply_data_append" (func $append (param i32 i32)))
  (memory 1)
  (func (export "canister_heartbeat") (i64.store (i32.const 0) (i64.add (i64.load (i32.const 0)) (i64.const 1))))
  (func (export "canister_query beats") (call $append (i32.const 0) (i32.const 8)) (call $reply)))
""")


@pytest.fixture
async def beating(alice):
    return await alice.install(BEATING)


async def pass_seconds(clock, seconds):
    for _ in range(seconds):
        await settle_loop()
        await clock.advance(1)
    await settle_loop()


async def test_a_running_canister_beats_each_second_and_pays(alice, network, clock, beating):
    before = network.subnet.get(beating).consumed["instructions"]
    await pass_seconds(clock, 3)
    assert await alice.number(beating, "beats", query=True) == 3
    assert network.subnet.get(beating).consumed["instructions"] - before >= 3 * 5_000_000


async def test_a_stopped_canister_does_not_beat_and_nothing_waits_for_it(alice, clock, beating):
    await alice.call("stop_canister", {"canister_id": beating})
    await pass_seconds(clock, 3)
    assert not clock.sleeping
    await alice.call("start_canister", {"canister_id": beating})
    assert await alice.number(beating, "beats", query=True) == 0
    await pass_seconds(clock, 2)
    assert await alice.number(beating, "beats", query=True) == 2


async def test_a_frozen_canister_beats_again_once_it_can_pay(alice, clock, beating):
    freeze = {"canister_id": beating, "settings": {"freezing_threshold": [10**17]}}
    await alice.call("update_settings", freeze)
    await pass_seconds(clock, 3)
    assert not clock.sleeping
    await alice.call("update_settings", {**freeze, "settings": {"freezing_threshold": [1]}})
    assert await alice.number(beating, "beats", query=True) == 0
    await pass_seconds(clock, 1)
    assert await alice.number(beating, "beats", query=True) == 1


async def test_a_canister_without_its_code_does_not_beat(alice, clock, beating):
    await alice.call("uninstall_code", {"canister_id": beating})
    await pass_seconds(clock, 1)
    assert not clock.sleeping
