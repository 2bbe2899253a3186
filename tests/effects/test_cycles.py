from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from quri_console.clock import NANOSECONDS_PER_SECOND
from quri_console.effects.attempt import EffectUndecided
from quri_console.effects.calls import CREATE_CANISTER, WITHDRAW
from quri_console.effects.cycles import create_canister, top_up
from quri_console.effects.perform import Effects
from quri_console.effects.recover import recover
from quri_console.effects.replay import attempts
from quri_console.ic.encoding.principal import Principal
from quri_console.ic.ledger import CreationRefused, WithdrawalRefused, balance_of
from quri_console.ic.management.types import SettingsChange
from quri_console.localnet.subnet import canister_id
from tests.support.guinea_pig import Laboratory, laboratory
from tests.support.lost_replies import crashed, lose_outcome

TRILLION = 10**12
FEE = 100_000_000


@pytest.fixture
async def lab(tmp_path: Path) -> AsyncIterator[Laboratory]:
    async with laboratory(tmp_path) as opened:
        yield opened


def _now(lab: Laboratory) -> int:
    return lab.effects.clock.now_ns()


async def _balance(lab: Laboratory) -> int:
    return await balance_of(lab.agent, lab.agent.identity.sender)


def _outcomes(effects: Effects) -> list[str | None]:
    return [attempt.outcome for attempt in attempts(effects.journal.records, WITHDRAW, CREATE_CANISTER)]


async def test_a_top_up_is_paid_once_for_each_time_it_was_planned(lab: Laboratory) -> None:
    canister, at, before = await lab.create(), _now(lab), await _balance(lab)
    first = await top_up(lab.effects, canister, TRILLION, created_at_ns=at)
    again = await top_up(lab.effects, canister, TRILLION, created_at_ns=at)
    assert (first.duplicate, again.duplicate, again.block_index) == (False, True, first.block_index)
    assert await _balance(lab) == before - TRILLION - FEE
    assert not (await top_up(lab.effects, canister, TRILLION, created_at_ns=at + 1)).duplicate
    assert await _balance(lab) == before - 2 * (TRILLION + FEE)


@pytest.mark.parametrize("executed", [True, False])
async def test_a_lost_reply_does_not_pay_twice(lab: Laboratory, executed: bool) -> None:
    canister, before = await lab.create(), await _balance(lab)
    lose_outcome(lab, "withdraw", executed=executed)
    paid = await top_up(lab.effects, canister, TRILLION, created_at_ns=_now(lab))
    assert paid.duplicate is executed
    assert await _balance(lab) == before - TRILLION - FEE
    assert _outcomes(lab.effects) == ["unknown", "done"]


@pytest.mark.parametrize("executed", [True, False])
async def test_a_later_process_does_not_pay_twice(lab: Laboratory, executed: bool) -> None:
    canister, before, at = await lab.create(), await _balance(lab), _now(lab)
    later = await crashed(
        lab, "withdraw", lambda: top_up(lab.effects, canister, TRILLION, created_at_ns=at), executed=executed
    )
    await recover(later)
    await top_up(later, canister, TRILLION, created_at_ns=at)
    assert await _balance(lab) == before - TRILLION - FEE
    later.journal.close()


async def test_a_refusal_of_the_ledger_is_journalled_as_one(lab: Laboratory) -> None:
    canister = await lab.create()
    with pytest.raises(WithdrawalRefused, match="balance is"):
        await top_up(lab.effects, canister, 10**18, created_at_ns=_now(lab))
    assert _outcomes(lab.effects) == ["rejected"]
    absent = Principal(canister_id(0x8000_0000_001A_0000))
    with pytest.raises(WithdrawalRefused) as refusal:
        await top_up(lab.effects, absent, TRILLION, created_at_ns=_now(lab))
    assert refusal.value.kind == "FailedToWithdraw"


async def test_a_day_later_nobody_knows_and_the_run_asks(lab: Laboratory) -> None:
    canister = await lab.create()
    long_ago = _now(lab) - 25 * 3600 * NANOSECONDS_PER_SECOND
    with pytest.raises(WithdrawalRefused) as refusal:
        await top_up(lab.effects, canister, TRILLION, created_at_ns=long_ago)
    assert refusal.value.kind == "TooOld"
    lose_outcome(lab, "withdraw", executed=False)
    with pytest.raises(EffectUndecided, match="it is not known"):
        await top_up(lab.effects, canister, TRILLION, created_at_ns=long_ago)


@pytest.mark.parametrize("executed", [True, False])
async def test_a_canister_is_created_once_over_a_lost_reply(lab: Laboratory, executed: bool) -> None:
    before, made = await _balance(lab), set(lab.net.network.canister_ids())
    lose_outcome(lab, "create_canister", executed=executed)
    settings = SettingsChange(controllers=(lab.agent.identity.sender,), freezing_threshold=40 * 86_400)
    created = await create_canister(lab.effects, 2 * TRILLION, created_at_ns=_now(lab), settings=settings)
    assert set(lab.net.network.canister_ids()) - made == {created.canister.bytes}
    assert created.duplicate is executed
    assert await _balance(lab) == before - 2 * TRILLION - FEE
    assert (await lab.status(created.canister)).settings.freezing_threshold == 40 * 86_400


async def test_what_the_journal_says_was_paid_is_not_asked_for_again(lab: Laboratory) -> None:
    at = _now(lab)
    canister, made = await lab.create(), await create_canister(lab.effects, 2 * TRILLION, created_at_ns=at)
    paid = await top_up(lab.effects, canister, TRILLION, created_at_ns=at)

    async def forgotten(*_: object, **__: object) -> bytes:
        raise AssertionError("the ledger was asked again, which remembers requests for a day only")

    lab.agent.send = forgotten  # type: ignore[method-assign]
    again = await create_canister(lab.effects, 2 * TRILLION, created_at_ns=at)
    assert (again.canister, again.block_index, again.duplicate) == (made.canister, made.block_index, True)
    assert (await top_up(lab.effects, canister, TRILLION, created_at_ns=at)).block_index == paid.block_index


async def test_too_little_for_a_canister_is_refused_and_given_back(lab: Laboratory) -> None:
    before = await _balance(lab)
    with pytest.raises(CreationRefused) as refusal:
        await create_canister(lab.effects, TRILLION // 10, created_at_ns=_now(lab))
    assert refusal.value.kind == "FailedToCreate"
    assert before - await _balance(lab) <= 2 * FEE
    assert _outcomes(lab.effects) == ["rejected"]
