"""Cycles ledger, CMC and blackhole as clients see them: through signed calls over HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from quri_console.clock import NANOSECONDS_PER_SECOND, ManualClock
from quri_console.ic.certificates import CertificateVerifier
from quri_console.ic.encoding import candid, cbor
from quri_console.ic.encoding.candid import Types
from quri_console.ic.encoding.principal import Principal
from quri_console.ic.encoding.request_id import request_id
from quri_console.localnet.builtins import BLACKHOLE_ID, CYCLES_LEDGER_ID, CYCLES_MINTING_ID, blackhole
from quri_console.localnet.builtins import cycles_ledger_types as types
from quri_console.localnet.builtins.cycles_accounts import Account, CyclesAccounts
from quri_console.localnet.messages import BuiltinCall, Reject, Reply
from quri_console.units import TRILLION
from tests.support.direct import complete
from tests.support.networks import LocalNetwork, local_network
from tests.support.raw_client import RawClient, key_from_pem

FEE = 100_000_000
ACCOUNT = types.ACCOUNT


class Caller:
    """Calls a built-in and decodes what it says; a reject is returned as its code and text."""

    def __init__(self, net: LocalNetwork, client: RawClient) -> None:
        self.net = net
        self.client = client

    async def update(self, canister: bytes, method: str, kinds: list[Any], values: list[Any], result: Any) -> Any:
        content = self.client.call_content(canister, method, candid.encode(kinds, values))
        response = await self.client.send(content)
        verifier = CertificateVerifier(self.net.root_key, self.net.server.clock)
        data = cbor.decode(response.content)["certificate"]
        certificate = verifier.verify_for_canister(data, Principal(canister))
        status = [b"request_status", request_id(content)]
        reply = certificate.value([*status, b"reply"])
        if reply is None:
            return certificate.value([*status, b"error_code"]), certificate.value([*status, b"reject_message"])
        return candid.decode(reply, [result])[0]

    async def query(self, canister: bytes, method: str, kinds: list[Any], values: list[Any], result: Any) -> Any:
        answer = cbor.decode((await self.client.query(canister, method, candid.encode(kinds, values))).content)
        if answer["status"] == "rejected":
            return answer["error_code"]
        return candid.decode(answer["reply"]["arg"], [result])[0]

    async def balance(self, owner: bytes | None = None, subaccount: bytes | None = None) -> int:
        account = {"owner": Principal(owner or self.client.sender), "subaccount": [subaccount] if subaccount else []}
        return await self.query(CYCLES_LEDGER_ID, "icrc1_balance_of", [ACCOUNT], [account], Types.Nat)

    async def withdraw(self, to: bytes, amount: int, created_ns: int | None = None) -> Any:
        argument = {
            "amount": amount,
            "from_subaccount": [],
            "to": Principal(to),
            "created_at_time": [] if created_ns is None else [created_ns],
        }
        kinds = [types.WITHDRAW_ARGUMENT]
        return await self.update(CYCLES_LEDGER_ID, "withdraw", kinds, [argument], types.WITHDRAW_RESULT)

    async def create(self, amount: int, created_ns: int | None = None, **creation: Any) -> Any:
        argument = {
            "amount": amount,
            "from_subaccount": [],
            "created_at_time": [] if created_ns is None else [created_ns],
            "creation_args": [{"settings": [], "subnet_selection": [], **creation}] if creation else [],
        }
        kinds = [types.CREATE_ARGUMENT]
        return await self.update(CYCLES_LEDGER_ID, "create_canister", kinds, [argument], types.CREATE_RESULT)

    async def cycles(self, canister: bytes) -> int:
        status = await self.net.network.canister_status(canister, caller=canister)
        return int(status["cycles"])


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def caller(clock: ManualClock) -> AsyncIterator[Caller]:
    async with (
        local_network(clock=clock) as net,
        RawClient(net.url, key_from_pem(net.controller.pem), clock) as client,
    ):
        yield Caller(net, client)


@pytest.fixture
def canister(caller: Caller) -> bytes:
    return caller.net.network.create_canister(controllers=[caller.client.sender], cycles=TRILLION)


class TestCyclesLedger:
    async def test_facts(self, caller: Caller) -> None:
        ledger = CYCLES_LEDGER_ID
        assert await caller.query(ledger, "icrc1_fee", [], [], Types.Nat) == FEE
        assert await caller.query(ledger, "icrc1_decimals", [], [], Types.Nat8) == 12
        assert await caller.query(ledger, "icrc1_symbol", [], [], Types.Text) == "TCYCLES"
        assert await caller.update(ledger, "icrc1_fee", [], [], Types.Nat) == FEE

    async def test_every_principal_starts_with_a_thousand_t(self, caller: Caller) -> None:
        assert await caller.balance() == 1000 * TRILLION
        assert await caller.balance(b"\x04") == 1000 * TRILLION
        assert await caller.balance(subaccount=b"\1" * 32) == 0
        assert await caller.balance(subaccount=bytes(32)) == 1000 * TRILLION

    async def test_a_withdrawal_arrives_and_costs_the_fee(self, caller: Caller, canister: bytes) -> None:
        before = await caller.cycles(canister)
        assert await caller.withdraw(canister, 3 * TRILLION) == {"Ok": 0}
        assert await caller.cycles(canister) == before + 3 * TRILLION
        assert await caller.balance() == 997 * TRILLION - FEE
        assert await caller.withdraw(canister, 1) == {"Ok": 1}

    async def test_a_repeated_withdrawal_is_a_duplicate(
        self, caller: Caller, canister: bytes, clock: ManualClock
    ) -> None:
        created_ns = clock.now_ns()
        assert await caller.withdraw(canister, TRILLION, created_ns) == {"Ok": 0}
        assert await caller.withdraw(canister, TRILLION, created_ns) == {"Err": {"Duplicate": {"duplicate_of": 0}}}
        assert await caller.balance() == 999 * TRILLION - FEE
        assert await caller.withdraw(canister, TRILLION + 1, created_ns) == {"Ok": 1}

    async def test_a_withdrawal_has_its_time(self, caller: Caller, canister: bytes, clock: ManualClock) -> None:
        now_ns = clock.now_ns()
        minute_ns = 60 * NANOSECONDS_PER_SECOND
        future = await caller.withdraw(canister, 1, now_ns + minute_ns + 1)
        assert future == {"Err": {"CreatedInFuture": {"ledger_time": now_ns}}}
        assert await caller.withdraw(canister, 1, now_ns + minute_ns) == {"Ok": 0}
        old = await caller.withdraw(canister, 1, now_ns - 24 * 60 * minute_ns - minute_ns - 1)
        assert old == {"Err": {"TooOld": None}}

    async def test_nobody_withdraws_more_than_there_is(self, caller: Caller, canister: bytes) -> None:
        short = await caller.withdraw(canister, 1000 * TRILLION)
        assert short == {"Err": {"InsufficientFunds": {"balance": 1000 * TRILLION}}}
        assert await caller.withdraw(canister, 1000 * TRILLION - FEE) == {"Ok": 0}
        assert await caller.balance() == 0

    async def test_cycles_go_to_canisters_only(self, caller: Caller) -> None:
        receiver = Principal(caller.client.sender)
        refused = await caller.withdraw(caller.client.sender, 1)
        assert refused["Err"]["InvalidReceiver"]["receiver"].bytes == receiver.bytes

    async def test_a_withdrawal_to_nobody_is_refunded_without_its_fee(self, caller: Caller, clock: ManualClock) -> None:
        nobody, created_ns = bytes.fromhex("80000000001fffff0101"), clock.now_ns()
        for _ in range(2):  # a failed withdrawal may be tried again
            failed = (await caller.withdraw(nobody, TRILLION, created_ns))["Err"]["FailedToWithdraw"]
            assert failed["rejection_code"] == {"DestinationInvalid": None}
            assert "not found" in failed["rejection_reason"]
        assert await caller.balance() == 1000 * TRILLION - 2 * FEE

    async def test_a_canister_is_created_for_its_payer(self, caller: Caller, clock: ManualClock) -> None:
        created = (await caller.create(2 * TRILLION, clock.now_ns()))["Ok"]
        canister = bytes(created["canister_id"].bytes)
        assert caller.net.network.is_controller(canister, caller.client.sender)
        assert await caller.cycles(canister) == 2 * TRILLION - 500_000_000_000
        again = (await caller.create(2 * TRILLION, clock.now_ns()))["Err"]["Duplicate"]
        assert again["duplicate_of"] == created["block_id"]
        assert again["canister_id"][0].bytes == canister
        assert await caller.balance() == 998 * TRILLION - FEE

    async def test_a_canister_gets_the_settings_asked_for(self, caller: Caller) -> None:
        other = Principal(b"\x07" * 28 + b"\x02")
        wanted = {"controllers": [[other]], "freezing_threshold": [999]}
        settings = complete(types.CANISTER_SETTINGS, wanted)
        subnet = {"Subnet": {"subnet": Principal(caller.net.server.subnet_id)}}
        created = await caller.create(TRILLION, settings=[settings], subnet_selection=[subnet])
        canister = bytes(created["Ok"]["canister_id"].bytes)
        assert caller.net.network.is_controller(canister, other.bytes)
        assert not caller.net.network.is_controller(canister, caller.client.sender)
        status = await caller.net.network.canister_status(canister, caller=canister)
        assert status["settings"]["freezing_threshold"] == 999

    @pytest.mark.parametrize("creation", [{}, {"subnet_selection": [{"Subnet": {"subnet": Principal(b"\x01")}}]}])
    async def test_a_failed_creation_is_refunded(self, caller: Caller, creation: dict[str, Any]) -> None:
        amount = TRILLION if creation else 10**11
        failed = (await caller.create(amount, **creation))["Err"]["FailedToCreate"]
        assert ("Subnet" if creation else "500000000000") in failed["error"]
        assert await caller.balance() == 1000 * TRILLION - FEE

    async def test_a_deposit_keeps_what_is_attached(self, caller: Caller) -> None:
        ledger = caller.net.ledger
        owner = Principal(caller.client.sender)
        argument = candid.encode([types.DEPOSIT_ARGUMENT], [{"to": {"owner": owner, "subaccount": []}, "memo": []}])
        reply = await ledger.update(BuiltinCall(b"\x01", "deposit", argument, cycles=TRILLION))
        assert isinstance(reply, Reply)
        assert reply.cycles_accepted == TRILLION
        assert await caller.balance() == 1001 * TRILLION - FEE
        assert isinstance(await ledger.update(BuiltinCall(b"\x01", "deposit", argument, cycles=1)), Reject)

    async def test_what_it_does_not_know(self, caller: Caller) -> None:
        code, message = await caller.update(CYCLES_LEDGER_ID, "mint", [], [], Types.Nat)
        assert code == b"IC0536"
        assert b"has no update method 'mint'" in message
        assert await caller.query(CYCLES_LEDGER_ID, "withdraw", [], [], Types.Nat) == "IC0536"
        code, message = await caller.update(CYCLES_LEDGER_ID, "withdraw", [Types.Nat], [1], Types.Nat)
        assert code == b"IC0503"

    def test_accounts_survive_their_file(self) -> None:
        import json

        accounts = CyclesAccounts(10)
        account = Account(b"\x01", bytes(32))
        block = accounts.debit(account, 4, ("create", "key"))
        accounts.remember_canister(block, b"\x02")
        again = CyclesAccounts(10)
        again.load_json(json.loads(json.dumps(accounts.to_json())))
        assert again.balance(account) == 6
        assert again.block_of(("create", "key")) == block
        assert again.canister_of(block) == b"\x02"
        assert again.credit(account, 1) == block + 1


async def test_the_cmc_names_the_subnet(caller: Caller) -> None:
    subnets = await caller.query(CYCLES_MINTING_ID, "get_default_subnets", [], [], Types.Vec(Types.Principal))
    assert [subnet.bytes for subnet in subnets] == [caller.net.server.subnet_id]


class TestBlackhole:
    async def ask(self, caller: Caller, canister: bytes) -> Any:
        argument = Types.Record({"canister_id": Types.Principal})
        values = [{"canister_id": Principal(canister)}]
        return await caller.update(BLACKHOLE_ID, "canister_status", [argument], values, blackhole.STATUS)

    async def test_it_tells_the_status_where_it_controls(self, caller: Caller) -> None:
        controllers = [BLACKHOLE_ID, caller.client.sender]
        canister = caller.net.network.create_canister(controllers=controllers, cycles=TRILLION)
        status = await self.ask(caller, canister)
        assert status["status"] == {"running": None}
        assert status["cycles"] == TRILLION
        assert {item.bytes for item in status["settings"]["controllers"]} == set(controllers)

    async def test_it_tells_nothing_where_it_does_not(self, caller: Caller, canister: bytes) -> None:
        code, message = await self.ask(caller, canister)
        assert code == b"IC0406"
        assert b"Only the controllers" in message
