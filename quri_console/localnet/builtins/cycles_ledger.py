"""The cycles ledger: balances of principals, withdrawals to canisters, canisters paid from a balance."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from quri_console.clock import NANOSECONDS_PER_SECOND, Clock
from quri_console.ic.encoding.candid import Types
from quri_console.ic.encoding.principal import Principal, parse_principal
from quri_console.localnet.builtins import cycles_ledger_types as types
from quri_console.localnet.builtins.cycles_accounts import Account, CyclesAccounts
from quri_console.localnet.builtins.methods import CandidBuiltin, Method, Result
from quri_console.localnet.messages import BuiltinCall, ErrorCode, Rejection
from quri_console.localnet.network import Network
from quri_console.localnet.settings import principal_bytes
from quri_console.units import TRILLION

CYCLES_LEDGER_ID = bytes(parse_principal("um5iw-rqaaa-aaaaq-qaaba-cai").bytes)
FEE_CYCLES = 100_000_000
CREATION_FEE_CYCLES = 500_000_000_000
TRANSACTION_WINDOW_NS = 24 * 3600 * NANOSECONDS_PER_SECOND
PERMITTED_DRIFT_NS = 60 * NANOSECONDS_PER_SECOND
OPAQUE_ID_ENDING = b"\x01"

# The ledger names reject codes with words.
REJECTION_CODES = {1: "SysFatal", 2: "SysTransient", 3: "DestinationInvalid", 4: "CanisterReject", 5: "CanisterError"}


class LedgerError(Exception):
    """A case of the `Err` variant."""

    def __init__(self, case: str, value: object = None) -> None:
        super().__init__(case)
        self.case = case
        self.value = value


class CyclesLedger(CandidBuiltin):
    """Every principal starts with 1,000 T; what is withdrawn arrives on the network's own accounts."""

    def __init__(self, network: Network, clock: Clock) -> None:
        methods = {
            "icrc1_balance_of": Method([types.ACCOUNT], [Types.Nat], self._balance_of, is_query=True),
            "icrc1_fee": Method([], [Types.Nat], _constant(FEE_CYCLES), is_query=True),
            "icrc1_decimals": Method([], [Types.Nat8], _constant(12), is_query=True),
            "icrc1_symbol": Method([], [Types.Text], _constant("TCYCLES"), is_query=True),
            "withdraw": Method([types.WITHDRAW_ARGUMENT], [types.WITHDRAW_RESULT], _outcome(self._withdraw)),
            "create_canister": Method([types.CREATE_ARGUMENT], [types.CREATE_RESULT], _outcome(self._create)),
            "deposit": Method([types.DEPOSIT_ARGUMENT], [types.DEPOSIT_RESULT], self._deposit),
        }
        super().__init__(CYCLES_LEDGER_ID, types.INTERFACE, methods)
        self._network = network
        self._clock = clock
        self.accounts = CyclesAccounts(1000 * TRILLION)

    async def _balance_of(self, _call: BuiltinCall, arguments: Sequence[Any]) -> Result:
        owner, subaccount = arguments[0]["owner"], arguments[0]["subaccount"]
        return Result([self.accounts.balance(Account.of(principal_bytes(owner), subaccount))])

    async def _deposit(self, call: BuiltinCall, arguments: Sequence[Any]) -> Result:
        if call.cycles < FEE_CYCLES:
            trapped = f"deposit amount {call.cycles} is insufficient: at least {FEE_CYCLES} cycles must be attached"
            raise Rejection(ErrorCode.CANISTER_CALLED_TRAP, trapped)
        to = arguments[0]["to"]
        account = Account.of(principal_bytes(to["owner"]), to["subaccount"])
        block = self.accounts.credit(account, call.cycles - FEE_CYCLES)
        answer = {"balance": self.accounts.balance(account), "block_index": block}
        return Result([answer], cycles_accepted=call.cycles)

    async def _withdraw(self, call: BuiltinCall, argument: Mapping[str, Any]) -> object:
        receiver, amount = principal_bytes(argument["to"]), int(argument["amount"])
        account = Account.of(call.caller, argument["from_subaccount"])
        if not receiver.endswith(OPAQUE_ID_ENDING):
            raise LedgerError("InvalidReceiver", {"receiver": Principal(receiver)})
        block = self._pay(account, amount, argument, ("withdraw", receiver.hex()))
        try:
            self._network.deposit_cycles(receiver, amount)
        except Rejection as rejection:
            fee_block = self.accounts.refund(block, amount)
            raise LedgerError(
                "FailedToWithdraw",
                {
                    "fee_block": [fee_block],
                    "rejection_code": {REJECTION_CODES.get(rejection.reject.code, "Unknown"): None},
                    "rejection_reason": rejection.message,
                },
            ) from rejection
        return block

    async def _create(self, call: BuiltinCall, argument: Mapping[str, Any]) -> object:
        amount = int(argument["amount"])
        account = Account.of(call.caller, argument["from_subaccount"])
        creation = (
            argument["creation_args"][0] if argument["creation_args"] else {"settings": [], "subnet_selection": []}
        )
        block = self._pay(account, amount, argument, ("create", ""))
        try:
            canister = self._create_on_network(call.caller, amount, creation)
        except Rejection as rejection:
            fee_block = self.accounts.refund(block, amount)
            failure = {"fee_block": [block], "refund_block": [fee_block], "error": rejection.message}
            raise LedgerError("FailedToCreate", failure) from rejection
        self.accounts.remember_canister(block, canister)
        return {"block_id": block, "canister_id": Principal(canister)}

    def _create_on_network(self, caller: bytes, amount: int, creation: Mapping[str, Any]) -> bytes:
        settings = creation["settings"][0] if creation["settings"] else {}
        for selection in creation["subnet_selection"]:
            wanted = selection.get("Subnet")
            if wanted is not None and principal_bytes(wanted["subnet"]) != self._network.subnet_id:
                raise Rejection(ErrorCode.CANISTER_REJECTED_MESSAGE, "Subnet does not exist")
        if amount < CREATION_FEE_CYCLES:
            raise Rejection(
                ErrorCode.INSUFFICIENT_CYCLES_FOR_CREATE_CANISTER,
                f"Creating a canister requires a fee of {CREATION_FEE_CYCLES} that is deducted from the canister's "
                f"initial balance but only {amount} cycles were received with the create_canister request.",
            )
        chosen = settings.get("controllers") or [[]]
        controllers = [principal_bytes(item) for item in chosen[0]] or [caller]
        return self._network.create_canister(
            controllers=controllers, cycles=amount - CREATION_FEE_CYCLES, settings=settings or None
        )

    def _pay(self, account: Account, amount: int, argument: Mapping[str, Any], purpose: tuple[str, str]) -> int:
        """Take amount and fee from `account`, once per `created_at_time`; returns the block index."""
        created = argument["created_at_time"]
        key = None
        if created:
            self._check_creation_time(int(created[0]))
            key = (*purpose, account.text, str(amount), str(created[0]))
            self._check_duplicate(key)
        balance = self.accounts.balance(account)
        if balance < amount + FEE_CYCLES:
            raise LedgerError("InsufficientFunds", {"balance": balance})
        return self.accounts.debit(account, amount + FEE_CYCLES, key)

    def _check_creation_time(self, created_ns: int) -> None:
        now_ns = self._clock.now_ns()
        if created_ns > now_ns + PERMITTED_DRIFT_NS:
            raise LedgerError("CreatedInFuture", {"ledger_time": now_ns})
        if created_ns < now_ns - TRANSACTION_WINDOW_NS - PERMITTED_DRIFT_NS:
            raise LedgerError("TooOld")

    def _check_duplicate(self, key: tuple[str, ...]) -> None:
        block = self.accounts.block_of(key)
        if block is None:
            return
        duplicate: dict[str, object] = {"duplicate_of": block}
        if key[0] == "create":
            canister = self.accounts.canister_of(block)
            duplicate["canister_id"] = [] if canister is None else [Principal(canister)]
        raise LedgerError("Duplicate", duplicate)


def _constant(value: object) -> Callable[[BuiltinCall, Sequence[Any]], Awaitable[Result]]:
    async def run(_call: BuiltinCall, _arguments: Sequence[Any]) -> Result:
        return Result([value])

    return run


def _outcome(
    run: Callable[[BuiltinCall, Mapping[str, Any]], Awaitable[object]],
) -> Callable[[BuiltinCall, Sequence[Any]], Awaitable[Result]]:
    async def outcome(call: BuiltinCall, arguments: Sequence[Any]) -> Result:
        try:
            return Result([{"Ok": await run(call, arguments[0])}])
        except LedgerError as error:
            return Result([{"Err": {error.case: error.value}}])

    return outcome
