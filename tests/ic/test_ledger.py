"""The cycles ledger: balances, top-ups, and every reason to refuse one."""

from __future__ import annotations

from typing import Any

import pytest

from quri_console.ic import ledger
from quri_console.ic.agent import Agent
from quri_console.ic.encoding.candid import MalformedCandid, Types, encode
from quri_console.ic.encoding.principal import ANONYMOUS, MANAGEMENT, Principal
from quri_console.ic.identity import identity_from_pem
from quri_console.ic.management import change, read
from quri_console.ic.prepared import perform
from tests.support.networks import local_network

ANY_ID = Principal(bytes.fromhex("80000000001000000101"))
AMOUNT = 10**12


async def test_a_top_up_moves_cycles_once_for_each_time_of_creation() -> None:
    async with (
        local_network() as net,
        Agent(net.url, root_key=net.root_key, identity=identity_from_pem(net.controller.pem)) as agent,
    ):
        canister = await change.perform(agent, change.provisional_create_canister_with_cycles(ANY_ID, amount=AMOUNT))
        before = await ledger.balance_of(agent, agent.identity.sender)
        call = ledger.withdraw(canister, AMOUNT, created_at_ns=net.server.clock.now_ns())
        first = await perform(agent, call)
        assert first == ledger.Withdrawal(first.block_index)
        assert await perform(agent, call) == ledger.Withdrawal(first.block_index, duplicate=True)
        after = await ledger.balance_of(agent, agent.identity.sender)
        assert before - after == AMOUNT + ledger.WITHDRAWAL_FEE_CYCLES
        assert (await read.canister_status(agent, canister)).cycles > 2 * AMOUNT - 10**9


async def test_more_than_the_balance_is_refused() -> None:
    async with (
        local_network() as net,
        Agent(net.url, root_key=net.root_key, identity=identity_from_pem(net.controller.pem)) as agent,
    ):
        balance = await ledger.balance_of(agent, agent.identity.sender)
        with pytest.raises(ledger.WithdrawalRefused) as caught:
            await perform(agent, ledger.withdraw(ANY_ID, balance))
        assert caught.value.kind == "InsufficientFunds"
        assert f"{balance:,}" in caught.value.why
        assert await ledger.balance_of(agent, ANONYMOUS, bytes(31) + b"\x01") >= 0


def _answer(case: str, kind: Any, value: Any) -> bytes:
    refusal = Types.Variant({case: kind})
    return encode([Types.Variant({"Ok": Types.Nat, "Err": refusal})], [{"Err": {case: value}}])


@pytest.mark.parametrize(
    ("case", "kind", "value", "words"),
    [
        ("InsufficientFunds", Types.Record({"balance": Types.Nat}), {"balance": 1234}, "1,234"),
        ("BadFee", Types.Record({"expected_fee": Types.Nat}), {"expected_fee": 5678}, "5,678"),
        ("FailedToWithdraw", Types.Record({"rejection_reason": Types.Text}), {"rejection_reason": "gone"}, "gone"),
        ("InvalidReceiver", Types.Record({"receiver": Types.Principal}), {"receiver": MANAGEMENT}, "aaaaa-aa"),
        ("GenericError", Types.Record({"message": Types.Text}), {"message": "because"}, "because"),
        ("TemporarilyUnavailable", Types.Null, None, "not available"),
        ("TooOld", Types.Null, None, "too long ago"),
        ("CreatedInFuture", Types.Record({"ledger_time": Types.Nat64}), {"ledger_time": 1}, "in the future"),
        ("Invented", Types.Null, None, "does not know"),
    ],
)
def test_each_refusal_says_why(case: str, kind: Any, value: Any, words: str) -> None:
    with pytest.raises(ledger.WithdrawalRefused) as caught:
        ledger.withdraw(ANY_ID, 1).decode(_answer(case, kind, value))
    assert caught.value.kind in (case, "unknown")
    assert words in caught.value.why


def test_an_answer_that_is_neither_is_malformed() -> None:
    with pytest.raises(MalformedCandid):
        ledger.withdraw(ANY_ID, 1).decode(encode([Types.Variant({"Maybe": Types.Null})], [{"Maybe": None}]))
