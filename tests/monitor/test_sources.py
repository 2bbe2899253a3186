"""Every way to ask for a canister's status, and which one is taken when another is refused."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from quri_console.clock import SystemClock
from quri_console.config.model import PollSource
from quri_console.config.principal_text import principal_text
from quri_console.history import Sample
from quri_console.ic.agent import Agent
from quri_console.ic.encoding.principal import Principal, parse_principal
from quri_console.ic.identity import AnonymousIdentity, identity_from_pem
from quri_console.ic.management import change
from quri_console.ic.prepared import perform
from quri_console.monitor.sources import PollTarget, sample_canister
from tests.support.networks import LocalNetwork, local_network
from tests.support.wasm_canisters import wat

# as ninegua's: it asks the management canister and hands its answer on
FORWARDER = """
(module
  (import "ic0" "call_new" (func $new (param i32 i32 i32 i32 i32 i32 i32 i32)))
  (import "ic0" "call_data_append" (func $data (param i32 i32)))
  (import "ic0" "call_perform" (func $perform (result i32)))
  (import "ic0" "msg_arg_data_size" (func $size (result i32)))
  (import "ic0" "msg_arg_data_copy" (func $copy (param i32 i32 i32)))
  (import "ic0" "msg_reply_data_append" (func $append (param i32 i32)))
  (import "ic0" "msg_reply" (func $reply))
  (import "ic0" "msg_reject" (func $reject (param i32 i32)))
  (memory 1)
  (data (i32.const 0) "canister_statusno controller")
  (table 2 funcref)
  (elem (i32.const 0) $answered $refused)
  (func (export "canister_update canister_status")
    (call $copy (i32.const 1024) (i32.const 0) (call $size))
    (call $new (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 15)
               (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 0))
    (call $data (i32.const 1024) (call $size))
    (drop (call $perform)))
  (func $answered (param i32)
    (call $copy (i32.const 1024) (i32.const 0) (call $size))
    (call $append (i32.const 1024) (call $size)) (call $reply))
  (func $refused (param i32) (call $reject (i32.const 15) (i32.const 13))))
"""


@asynccontextmanager
async def blackholed(*, trusted: bool = True) -> AsyncIterator[tuple[LocalNetwork, str, str]]:
    """A network with a blackhole and a canister that has it as a controller when it is `trusted`."""
    async with local_network() as net:
        mine = net.controller.principal
        hole = net.network.create_canister(controllers=[mine], cycles=10**13)
        controllers = [mine, hole] if trusted else [mine]
        canister = net.network.create_canister(controllers=controllers, cycles=5 * 10**12)
        async with Agent(net.url, root_key=net.root_key, identity=identity_from_pem(net.controller.pem)) as agent:
            await perform(agent, change.install_code(Principal(hole), "install", wat(FORWARDER)))
        yield net, principal_text(hole), principal_text(canister)


async def sampled(
    net: LocalNetwork, canister: str, hole: str, *sources: PollSource, controller: bool = False
) -> Sample:
    identity = identity_from_pem(net.controller.pem) if controller else AnonymousIdentity()
    async with Agent(net.url, root_key=net.root_key, identity=identity) as agent:
        return await sample_canister(agent, PollTarget(canister, sources, hole), SystemClock())


async def test_the_blackhole_tells_anybody_about_a_canister_that_has_it_as_a_controller() -> None:
    async with blackholed() as (net, hole, canister):
        sample = await sampled(net, canister, hole, "query", "blackhole", "public")
    assert (sample.origin, sample.status, sample.error_kind) == ("blackhole", "running", None)
    assert sample.cycles is not None
    assert sample.cycles > 4 * 10**12
    assert hole in (sample.settings or "")
    assert sample.reserved_cycles is None, "it does not tell this"


async def test_where_the_blackhole_is_no_controller_the_next_source_is_asked() -> None:
    async with blackholed(trusted=False) as (net, hole, canister):
        sample = await sampled(net, canister, hole, "blackhole", "public")
    assert (sample.origin, sample.error_kind, sample.cycles) == ("public", "rejected", None)


async def test_the_first_source_that_answers_is_the_only_one_asked() -> None:
    async with blackholed() as (net, hole, canister):
        sample = await sampled(net, canister, hole, "update", "query", controller=True)
        assert sample.origin == "update"
        refused = await sampled(net, canister, hole, "query", "update")
    assert (refused.origin, refused.error_kind) == ("", "not authorised")


async def test_what_is_public_by_choice_is_no_lack_of_rights() -> None:
    async with blackholed() as (net, hole, canister):
        sample = await sampled(net, canister, hole, "public")
    assert (sample.origin, sample.error_kind, sample.error) == ("public", None, None)


async def test_a_canister_that_does_not_exist_is_deleted_by_whatever_source() -> None:
    async with blackholed() as (net, hole, canister):
        known = parse_principal(canister).bytes
        number = int.from_bytes(known[:8]) + 50
        nobody = principal_text(number.to_bytes(8) + known[8:])
        for source in ("query", "update", "public"):
            sample = await sampled(net, nobody, hole, source)
            assert (source, sample.error_kind) == (source, "not found")
