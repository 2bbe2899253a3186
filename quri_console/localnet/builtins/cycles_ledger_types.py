"""Candid types of the cycles ledger, as far as it is modelled."""

from __future__ import annotations

from quri_console.ic.encoding.candid import Types
from quri_console.localnet.management_types import CANISTER_SETTINGS

T = Types
BLOB = T.Vec(T.Nat8)
ACCOUNT = T.Record({"owner": T.Principal, "subaccount": T.Opt(BLOB)})
REJECTION_CODE = T.Variant(
    {
        "NoError": T.Null,
        "CanisterError": T.Null,
        "SysTransient": T.Null,
        "DestinationInvalid": T.Null,
        "Unknown": T.Null,
        "SysFatal": T.Null,
        "CanisterReject": T.Null,
    }
)
COMMON_ERRORS = {
    "GenericError": T.Record({"message": T.Text, "error_code": T.Nat}),
    "TemporarilyUnavailable": T.Null,
    "CreatedInFuture": T.Record({"ledger_time": T.Nat64}),
    "TooOld": T.Null,
    "InsufficientFunds": T.Record({"balance": T.Nat}),
}
WITHDRAW_ARGUMENT = T.Record(
    {"amount": T.Nat, "from_subaccount": T.Opt(BLOB), "to": T.Principal, "created_at_time": T.Opt(T.Nat64)}
)
WITHDRAW_RESULT = T.Variant(
    {
        "Ok": T.Nat,
        "Err": T.Variant(
            {
                **COMMON_ERRORS,
                "FailedToWithdraw": T.Record(
                    {"fee_block": T.Opt(T.Nat), "rejection_code": REJECTION_CODE, "rejection_reason": T.Text}
                ),
                "Duplicate": T.Record({"duplicate_of": T.Nat}),
                "BadFee": T.Record({"expected_fee": T.Nat}),
                "InvalidReceiver": T.Record({"receiver": T.Principal}),
            }
        ),
    }
)
CREATE_ARGUMENT = T.Record(
    {
        "from_subaccount": T.Opt(BLOB),
        "created_at_time": T.Opt(T.Nat64),
        "amount": T.Nat,
        "creation_args": T.Opt(
            T.Record(
                {
                    "settings": T.Opt(CANISTER_SETTINGS),
                    "subnet_selection": T.Opt(
                        T.Variant(
                            {
                                "Subnet": T.Record({"subnet": T.Principal}),
                                "Filter": T.Record({"subnet_type": T.Opt(T.Text)}),
                            }
                        )
                    ),
                }
            )
        ),
    }
)
CREATE_RESULT = T.Variant(
    {
        "Ok": T.Record({"block_id": T.Nat, "canister_id": T.Principal}),
        "Err": T.Variant(
            {
                **COMMON_ERRORS,
                "Duplicate": T.Record({"duplicate_of": T.Nat, "canister_id": T.Opt(T.Principal)}),
                "FailedToCreate": T.Record({"fee_block": T.Opt(T.Nat), "refund_block": T.Opt(T.Nat), "error": T.Text}),
            }
        ),
    }
)
DEPOSIT_ARGUMENT = T.Record({"to": ACCOUNT, "memo": T.Opt(BLOB)})
DEPOSIT_RESULT = T.Record({"balance": T.Nat, "block_index": T.Nat})

INTERFACE = b"""type Account = record { owner : principal; subaccount : opt vec nat8 };
type RejectionCode = variant {
  NoError; CanisterError; SysTransient; DestinationInvalid; Unknown; SysFatal; CanisterReject;
};
type WithdrawError = variant {
  GenericError : record { message : text; error_code : nat };
  TemporarilyUnavailable;
  FailedToWithdraw : record { fee_block : opt nat; rejection_code : RejectionCode; rejection_reason : text };
  Duplicate : record { duplicate_of : nat };
  BadFee : record { expected_fee : nat };
  InvalidReceiver : record { receiver : principal };
  CreatedInFuture : record { ledger_time : nat64 };
  TooOld;
  InsufficientFunds : record { balance : nat };
};
service : {
  deposit : (record { to : Account; memo : opt vec nat8 }) -> (record { balance : nat; block_index : nat });
  icrc1_balance_of : (Account) -> (nat) query;
  icrc1_decimals : () -> (nat8) query;
  icrc1_fee : () -> (nat) query;
  icrc1_symbol : () -> (text) query;
  withdraw : (record {
    amount : nat; from_subaccount : opt vec nat8; to : principal; created_at_time : opt nat64;
  }) -> (variant { Ok : nat; Err : WithdrawError });
}"""
