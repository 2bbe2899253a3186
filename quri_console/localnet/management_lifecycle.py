"""Create, settings, start, stop, delete, uninstall, cycles: management methods that need no Wasm."""

from __future__ import annotations

import asyncio
import os

from quri_console.localnet import management_types as types
from quri_console.localnet import words
from quri_console.localnet.allocations import check_settings
from quri_console.localnet.canister import Canister, RunState, Use
from quri_console.localnet.management import EMPTY_REPLY, Invocation, reply
from quri_console.localnet.messages import MANAGEMENT_CANISTER, ErrorCode, Rejection, Reply
from quri_console.localnet.settings import Settings, principal_bytes, updated
from quri_console.localnet.subnet import FIRST_LOCAL_ID, LAST_LOCAL_ID, canister_id
from quri_console.units import TRILLION

PROVISIONAL_CYCLES = 100 * TRILLION
STOP_TIMEOUT_SECONDS = 300.0


async def provisional_create(call: Invocation) -> Reply:
    """provisional_create_canister_with_cycles: a canister out of nothing, on development networks only."""
    wanted = principal_bytes(call.record["specified_id"][0]) if call.record["specified_id"] else None
    if wanted is not None:
        _check_specified_id(wanted)
    amount = call.record["amount"][0] if call.record["amount"] else PROVISIONAL_CYCLES
    canister = call.subnet.create(
        origin=call.origin, cycles=amount, settings=_initial_settings(call, amount), identifier=wanted
    )
    return reply(types.CANISTER_ID_RESULT, {"canister_id": canister.id})


async def create(call: Invocation) -> Reply:
    """create_canister, paid with the cycles attached by the calling canister."""
    fee = call.subnet.prices.creation
    if call.cycles < fee:
        raise Rejection(
            ErrorCode.INSUFFICIENT_CYCLES_FOR_CREATE_CANISTER,
            f"Creating a canister requires a fee of {fee} that is deducted from the canister's initial balance "
            f"but only {call.cycles} cycles were received with the create_canister request.",
        )
    settings = _initial_settings(call, call.cycles - fee)
    canister = call.subnet.create(origin=call.origin, cycles=call.cycles, settings=settings)
    call.subnet.accounts.consume(canister, fee, Use.CREATION)
    answer = reply(types.CANISTER_ID_RESULT, {"canister_id": canister.id})
    return Reply(answer.argument, cycles_accepted=call.cycles)


def _initial_settings(call: Invocation, cycles: int) -> Settings:
    changes = call.record["settings"][0] if call.record["settings"] else {}
    settings = updated(Settings(controllers=(call.sender,)), changes)
    now_ns = call.subnet.clock.now_ns()
    empty = Canister(id=MANAGEMENT_CANISTER, created_at_ns=now_ns, charged_until_ns=now_ns, cycles=cycles)
    check_settings(call.subnet, empty, settings)
    return settings


def _check_specified_id(identifier: bytes) -> None:
    if canister_id(FIRST_LOCAL_ID) <= identifier <= canister_id(LAST_LOCAL_ID):
        raise Rejection(
            ErrorCode.INVALID_MANAGEMENT_PAYLOAD,
            f"The `specified_id` {words.text_of(identifier)} is invalid because it belongs to the canister "
            "allocation ranges of the test environment.",
        )
    if len(identifier) != 10 or not identifier.endswith(b"\x01\x01"):
        raise Rejection(
            ErrorCode.INVALID_MANAGEMENT_PAYLOAD,
            f"The `specified_id` {words.text_of(identifier)} is not the id of a canister.",
        )


async def provisional_top_up(call: Invocation) -> Reply:
    """provisional_top_up_canister: cycles out of nothing, for anybody."""
    call.canister.cycles += call.record["amount"]
    call.executor.timers.arm(call.canister)
    return EMPTY_REPLY


async def deposit_cycles(call: Invocation) -> Reply:
    """deposit_cycles: what the calling canister attached goes to the canister."""
    call.canister.cycles += call.cycles
    call.executor.timers.arm(call.canister)
    return Reply(EMPTY_REPLY.argument, cycles_accepted=call.cycles)


async def update_settings(call: Invocation) -> Reply:
    """update_settings: check all, then apply all; a change of controllers enters the history."""
    canister = call.canister
    changes = call.record["settings"]
    settings = updated(canister.settings, changes)
    check_settings(call.subnet, canister, settings)
    canister.settings = settings
    canister.version += 1
    call.subnet.state_version += 1
    canister.log.shrink(settings.log_memory_limit)
    if changes.get("controllers"):
        details = {"controllers_change": {"controllers": list(settings.controllers)}}
        canister.record_change(call.subnet.clock.now_ns(), call.origin, details)
    call.executor.timers.arm(canister)
    return EMPTY_REPLY


async def start_canister(call: Invocation) -> Reply:
    """start_canister: also cancels a stop that is waiting."""
    canister = call.canister
    canister.run_state = RunState.RUNNING
    waiters, canister.stop_waiters = canister.stop_waiters, []
    for waiter in waiters:
        if not waiter.done():
            waiter.set_exception(words.stop_cancelled(canister.id))
    call.executor.timers.arm(canister)
    return EMPTY_REPLY


async def stop_canister(call: Invocation) -> Reply:
    """stop_canister: answers when the last open call has ended, or after five minutes with IC0206."""
    canister = call.canister
    if canister.run_state is RunState.RUNNING:
        canister.run_state = RunState.STOPPING
    call.subnet.finish_stop(canister)
    if canister.run_state is RunState.STOPPED:
        return EMPTY_REPLY
    waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    canister.stop_waiters.append(waiter)
    expiry = call.subnet.spawn(_expire(call, canister, waiter))
    try:
        await waiter
    finally:
        expiry.cancel()
    return EMPTY_REPLY


async def _expire(call: Invocation, canister: Canister, waiter: asyncio.Future[None]) -> None:
    await call.subnet.clock.sleep(STOP_TIMEOUT_SECONDS)
    if waiter in canister.stop_waiters:
        canister.stop_waiters.remove(waiter)
    if not waiter.done():
        waiter.set_exception(words.stop_timed_out(canister.id))


async def delete_canister(call: Invocation) -> Reply:
    """delete_canister: the canister must be stopped; its cycles are lost, its snapshots gone."""
    async with call.locked() as canister:
        if canister.run_state is not RunState.STOPPED:
            raise words.not_stopped(canister.id)
        call.executor.timers.disarm(canister)
        call.subnet.canisters.pop(canister.id, None)
        call.subnet.deleted.add(canister.id)
        call.subnet.state_version += 1
    return EMPTY_REPLY


async def uninstall_code(call: Invocation) -> Reply:
    """uninstall_code: the canister becomes empty, keeping id, controllers, cycles and snapshots."""
    async with call.locked() as canister:
        call.subnet.uninstall(canister, call.origin)
        call.executor.timers.disarm(canister)
    return EMPTY_REPLY


async def raw_rand(call: Invocation) -> Reply:
    """raw_rand: 32 random bytes, for canisters."""
    return reply(types.BLOB, os.urandom(32))
