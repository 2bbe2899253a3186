from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from quri_console.backup.resume import delete_own_snapshots
from quri_console.clock import ManualClock
from quri_console.effects.attempt import EffectUndecided
from quri_console.effects.calls import EFFECTS, LOAD_SNAPSHOT, STOP, TAKE_SNAPSHOT
from quri_console.effects.gate import Permit
from quri_console.effects.journal import Journal
from quri_console.effects.perform import Effects
from quri_console.effects.recover import recover
from quri_console.effects.replay import CHECK, attempts, left_stopped, own_snapshots, snapshots_made, status_before
from quri_console.effects.stop import StopTimedOut
from quri_console.errors import NetworkError, RefusedBySafetyRule
from quri_console.ic.envelope import SignedCall
from quri_console.ic.management import change, snapshot_change
from quri_console.ic.management.read import list_canister_snapshots
from quri_console.ic.outcome import CallUndecided, RequestStatus
from quri_console.ic.prepared import perform
from quri_console.ic.rejection import Rejected
from tests.support.guinea_pig import Laboratory, laboratory
from tests.support.passing_time import while_time_passes

Send = Callable[..., Awaitable[bytes]]


@pytest.fixture
async def lab(tmp_path: Path) -> AsyncIterator[Laboratory]:
    async with laboratory(tmp_path) as opened:
        yield opened


def _lose_outcome(lab: Laboratory, method: str, *, executed: bool) -> None:
    """The client cannot learn what became of the first call of `method`."""
    send: Send = lab.agent.send

    async def lossy(call: SignedCall, **options: bool) -> bytes:
        if call.method != method:
            return await send(call, **options)
        lab.agent.send = send  # type: ignore[method-assign]
        if executed:
            await send(call, **options)
        raise CallUndecided(call, "the connection broke")

    lab.agent.send = lossy  # type: ignore[method-assign]


def _forget_outcome(lab: Laboratory) -> None:
    """The network does not keep what became of requests."""

    async def outlive(call: SignedCall) -> RequestStatus:
        return RequestStatus("done", 0)

    lab.effects.attempts.outlive = outlive  # type: ignore[method-assign]


def _outcomes(effects: Effects) -> list[tuple[str, str | None]]:
    return [(attempt.kind.name, attempt.outcome) for attempt in attempts(effects.journal.records)]


async def test_an_intent_with_its_signed_request_is_on_disk_before_anything_is_sent(lab: Laboratory) -> None:
    canister = await lab.create()
    send: Send = lab.agent.send
    seen = []

    async def watched(call: SignedCall, **options: bool) -> bytes:
        if call.method == "take_canister_snapshot":
            text = lab.effects.journal.path.read_text().splitlines()[-1]
            seen.append((call.request_id.hex() in text, '"event":"intent"' in text))
            assert SignedCall.from_json(lab.effects.journal.records[-1].fields["request"]) == call
        return await send(call, **options)

    lab.agent.send = watched  # type: ignore[method-assign]
    await lab.effects.take_snapshot(canister)
    assert seen == [(True, True)]
    assert _outcomes(lab.effects) == [("take snapshot", "done")]


async def test_a_late_answer_is_taken_from_the_request_status(lab: Laboratory) -> None:
    canister = await lab.create()
    _lose_outcome(lab, "take_canister_snapshot", executed=True)
    taken = await lab.effects.take_snapshot(canister)
    assert [snapshot.id for snapshot in await list_canister_snapshots(lab.agent, canister)] == [taken.id]
    assert _outcomes(lab.effects) == [("take snapshot", "done")]


async def test_the_one_new_snapshot_is_ours(lab: Laboratory) -> None:
    canister = await lab.create()
    older = await perform(lab.agent, snapshot_change.take_canister_snapshot(canister))
    _lose_outcome(lab, "take_canister_snapshot", executed=True)
    _forget_outcome(lab)
    taken = await lab.effects.take_snapshot(canister)
    present = {snapshot.id for snapshot in await list_canister_snapshots(lab.agent, canister)}
    assert present == {older.id, taken.id}
    assert snapshots_made(lab.effects.journal.records, TAKE_SNAPSHOT) == (taken.id,)


async def test_without_a_new_snapshot_it_is_taken_again(lab: Laboratory) -> None:
    canister = await lab.create()
    _lose_outcome(lab, "take_canister_snapshot", executed=False)
    _forget_outcome(lab)
    taken = await lab.effects.take_snapshot(canister)
    assert [snapshot.id for snapshot in await list_canister_snapshots(lab.agent, canister)] == [taken.id]
    assert _outcomes(lab.effects) == [("take snapshot", "not executed"), ("take snapshot", "done")]


async def test_two_new_snapshots_stop_the_run_and_ask(lab: Laboratory) -> None:
    canister = await lab.create()
    _lose_outcome(lab, "take_canister_snapshot", executed=True)

    async def outlive(call: SignedCall) -> RequestStatus:
        await perform(lab.agent, snapshot_change.take_canister_snapshot(canister))
        return RequestStatus("done", 0)

    lab.effects.attempts.outlive = outlive  # type: ignore[method-assign]
    with pytest.raises(EffectUndecided, match="not known whether `take snapshot`") as failure:
        await lab.effects.take_snapshot(canister)
    assert "2 new snapshots exist" in failure.value.why
    assert _outcomes(lab.effects) == [("take snapshot", None)]


@pytest.mark.parametrize("executed", [True, False])
async def test_repeatable_effects_are_sent_anew(lab: Laboratory, executed: bool) -> None:
    canister = await lab.create()
    snapshot = await lab.effects.take_snapshot(canister)
    _forget_outcome(lab)
    for method, effect in (
        ("load_canister_snapshot", lambda: lab.effects.load_snapshot(canister, snapshot.id)),
        ("delete_canister_snapshot", lambda: lab.effects.delete_snapshot(canister, snapshot.id)),
        ("start_canister", lambda: lab.effects.start_canister(canister)),
    ):
        _lose_outcome(lab, method, executed=executed)
        await effect()
    assert await list_canister_snapshots(lab.agent, canister) == ()
    assert snapshots_made(lab.effects.journal.records, TAKE_SNAPSHOT) == ()


async def test_a_rejection_is_journalled_and_raised(lab: Laboratory) -> None:
    canister = await lab.create()
    with pytest.raises(Rejected) as rejection:
        await lab.effects.load_snapshot(canister, bytes(8) + canister.bytes)
    assert rejection.value.error_code == "IC0305"
    assert _outcomes(lab.effects) == [("load snapshot", "rejected")]


async def test_a_stop_by_somebody_else_is_not_touched(lab: Laboratory) -> None:
    canister = await lab.create()
    await lab.occupy(canister)
    signed = change.stop_canister(canister)
    stop = lab.agent.sign_update(signed.canister, signed.method, signed.argument, effective_canister=canister)
    sending = asyncio.ensure_future(lab.agent.send(stop))
    async with asyncio.timeout(20):
        while (await lab.status(canister)).status != "stopping":
            pass
    with pytest.raises(RefusedBySafetyRule, match="being stopped by somebody else"):
        await lab.effects.stop_canister(canister)
    assert _outcomes(lab.effects) == []
    sending.cancel()
    await asyncio.gather(sending, return_exceptions=True)


async def test_a_stop_that_times_out_is_started_at_once_and_disarmed(lab: Laboratory) -> None:
    canister = await lab.create()
    await lab.occupy(canister)
    with pytest.raises(StopTimedOut):
        await lab.effects.stop_canister(canister, timeout_seconds=0.5)
    assert (await lab.status(canister)).status == "running"
    assert _outcomes(lab.effects) == [("stop", "rejected"), ("start", "done")]
    assert left_stopped(lab.effects.journal.records) == ()
    assert lab.effects._guards == {}


async def test_the_status_before_is_that_of_the_first_stop(lab: Laboratory) -> None:
    canister = await lab.create()
    await perform(lab.agent, change.stop_canister(canister))
    await lab.effects.stop_canister(canister)
    await lab.effects.bring_back(canister)
    assert status_before(lab.effects.journal.records, canister.to_str()) == "stopped"
    assert (await lab.status(canister)).status == "stopped"
    await perform(lab.agent, change.start_canister(canister))
    await lab.effects.stop_canister(canister)
    assert status_before(lab.effects.journal.records, canister.to_str()) == "stopped"
    await lab.effects.start_canister(canister)


async def test_effects_refuse_another_network(lab: Laboratory, tmp_path: Path) -> None:
    with pytest.raises(RefusedBySafetyRule, match="another network"):
        Effects(lab.agent, Journal(tmp_path / "other.jsonl"), Permit("backup", bytes(32)))


async def test_start_outlasts_a_network_that_is_gone_for_a_minute(lab: Laboratory) -> None:
    canister = await lab.create()
    await perform(lab.agent, change.stop_canister(canister))
    clock = ManualClock(lab.effects.clock.now_ns())
    effects = Effects(lab.agent, lab.effects.journal, lab.effects.permit, clock=clock)
    send: Send = lab.agent.send
    back_at = clock.monotonic() + 60

    async def gone(call: SignedCall, **options: bool) -> bytes:
        if clock.monotonic() < back_at:
            raise NetworkError("no connection")
        return await send(call, **options)

    lab.agent.send = gone  # type: ignore[method-assign]
    await while_time_passes(clock, effects.start_canister(canister), 2.0)
    assert (await lab.status(canister)).status == "running"


async def _crashed(lab: Laboratory, method: str, work: Callable[[], Awaitable[object]], *, executed: bool) -> Effects:
    """The process dies while a call is under way; what a later process opens."""
    send: Send = lab.agent.send

    async def dying(call: SignedCall, **options: bool) -> bytes:
        if call.method != method:
            return await send(call, **options)
        lab.agent.send = send  # type: ignore[method-assign]
        if executed:
            await send(call, **options)
        raise KeyboardInterrupt

    lab.agent.send = dying  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        await work()
    return Effects(lab.agent, Journal(lab.effects.journal.path), lab.effects.permit)


@pytest.mark.parametrize("executed", [True, False])
async def test_a_snapshot_under_way_is_made_once_over_a_crash(lab: Laboratory, executed: bool) -> None:
    canister = await lab.create()
    later = await _crashed(
        lab, "take_canister_snapshot", lambda: lab.effects.take_snapshot(canister), executed=executed
    )
    await recover(later)
    present = [snapshot.id for snapshot in await list_canister_snapshots(lab.agent, canister)]
    assert len(present) == 1
    assert snapshots_made(later.journal.records, TAKE_SNAPSHOT) == tuple(present)
    later.journal.close()


@pytest.mark.parametrize("executed", [True, False])
async def test_a_deletion_under_way_is_made_up_for_by_who_goes_on(lab: Laboratory, executed: bool) -> None:
    canister = await lab.create()
    snapshot = await lab.effects.take_snapshot(canister)
    check = await lab.effects.take_snapshot(canister, purpose=CHECK)
    later = await _crashed(
        lab, "delete_canister_snapshot", lambda: lab.effects.delete_snapshot(canister, check.id), executed=executed
    )
    await recover(later)
    records = later.journal.records
    assert snapshots_made(records, TAKE_SNAPSHOT) == (snapshot.id,), "one that may be gone is relied on"
    assert own_snapshots(records) == (check.id,), "one that may be there is forgotten"
    await delete_own_snapshots(later)
    assert await list_canister_snapshots(lab.agent, canister) == ()
    assert own_snapshots(later.journal.records) == ()
    later.journal.close()


async def test_a_load_under_way_is_never_sent_again_by_itself(lab: Laboratory) -> None:
    canister = await lab.create()
    snapshot = await lab.effects.take_snapshot(canister)
    later = await _crashed(
        lab, "load_canister_snapshot", lambda: lab.effects.load_snapshot(canister, snapshot.id), executed=True
    )
    await recover(later)
    loads = attempts(later.journal.records, LOAD_SNAPSHOT)
    assert [load.outcome for load in loads] == ["done"]
    later.journal.close()


async def test_what_was_left_stopped_is_started_first(lab: Laboratory) -> None:
    canister = await lab.create()
    await lab.effects.stop_canister(canister)
    later = Effects(lab.agent, Journal(lab.effects.journal.path), lab.effects.permit)
    assert left_stopped(later.journal.records) == (canister.to_str(),)
    assert await recover(later) == (f"started {canister.to_str()}, which this operation had stopped",)
    assert (await lab.status(canister)).status == "running"
    assert left_stopped(later.journal.records) == ()
    assert await recover(later) == ()
    later.journal.close()
    await lab.effects.start_canister(canister)  # lets the first process's guard go home


def test_the_table_says_of_every_effect_how_it_is_settled() -> None:
    assert {kind.name for kind in EFFECTS.values() if not kind.repeatable} == {
        "take snapshot",
        "upload metadata",
        "update settings",
        "upgrade",
        "upgrade from chunks",
    }
    decided = [kind for kind in EFFECTS.values() if not kind.repeatable or kind is STOP]
    assert all(kind.keeps_request or kind.must_expire for kind in decided)
