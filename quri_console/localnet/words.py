"""Error texts of the replica, as close to its own as known, so that tools that search them find them."""

from __future__ import annotations

from collections.abc import Sequence

from quri_console.ic.encoding.principal import Principal
from quri_console.localnet.messages import ErrorCode, Rejection


def text_of(principal: bytes) -> str:
    """Textual form of a principal's bytes."""
    return str(Principal(principal).to_str())


def not_found(canister: bytes) -> Rejection:
    return Rejection(ErrorCode.CANISTER_NOT_FOUND, f"Canister {text_of(canister)} not found")


def not_controller(canister: bytes, controllers: Sequence[bytes], sender: bytes) -> Rejection:
    listed = " ".join(text_of(controller) for controller in sorted(controllers))
    return Rejection(
        ErrorCode.CANISTER_INVALID_CONTROLLER,
        f"Only the controllers of the canister {text_of(canister)} can control it.\n"
        f"Canister's controllers: {listed}\n"
        f"Sender's ID: {text_of(sender)}",
    )


def stopped(canister: bytes) -> Rejection:
    return Rejection(ErrorCode.CANISTER_STOPPED, f"Canister {text_of(canister)} is stopped")


def stopping(canister: bytes) -> Rejection:
    return Rejection(ErrorCode.CANISTER_STOPPING, f"Canister {text_of(canister)} is stopping")


def stop_cancelled(canister: bytes) -> Rejection:
    return Rejection(
        ErrorCode.CANISTER_STOPPING_CANCELLED, f"Canister {text_of(canister)}'s stop request was cancelled."
    )


def stop_timed_out(canister: bytes) -> Rejection:
    return Rejection(
        ErrorCode.STOP_CANISTER_REQUEST_TIMEOUT, f"Stop canister request timed out: {text_of(canister)} has open calls"
    )


def not_stopped(canister: bytes) -> Rejection:
    return Rejection(
        ErrorCode.CANISTER_NOT_STOPPED, f"Canister {text_of(canister)} must be stopped before it is deleted."
    )


def out_of_cycles(canister: bytes, missing: int, doing: str = "") -> Rejection:
    sentence = (
        f"Canister {text_of(canister)} is out of cycles: "
        f"please top up the canister with at least {missing} additional cycles"
    )
    message = f"{doing} failed with: `{sentence}`" if doing else sentence
    return Rejection(ErrorCode.CANISTER_OUT_OF_CYCLES, message)


def frozen_query(canister: bytes) -> Rejection:
    return Rejection(
        ErrorCode.CANISTER_OUT_OF_CYCLES,
        f"Canister {text_of(canister)} is unable to process query calls because it's frozen. "
        "Please top up the canister with cycles and try again.",
    )


def no_module(canister: bytes) -> Rejection:
    return Rejection(
        ErrorCode.CANISTER_WASM_MODULE_NOT_FOUND,
        f"Error from Canister {text_of(canister)}: Attempted to execute a message, "
        "but the canister contains no Wasm module.",
    )


def no_method(canister: bytes, kind: str, method: str) -> Rejection:
    return Rejection(
        ErrorCode.CANISTER_METHOD_NOT_FOUND,
        f"Error from Canister {text_of(canister)}: Canister has no {kind} method '{method}'.",
    )


def no_management_method(method: str) -> Rejection:
    return Rejection(ErrorCode.CANISTER_METHOD_NOT_FOUND, f"Management canister has no method '{method}'")


def only_canisters(method: str) -> Rejection:
    return Rejection(ErrorCode.CANISTER_REJECTED_MESSAGE, f"Only canisters can call ic00 method {method}")


def bad_payload(reason: str) -> Rejection:
    return Rejection(ErrorCode.INVALID_MANAGEMENT_PAYLOAD, f"Error decoding candid: {reason}")


def did_not_reply(canister: bytes) -> Rejection:
    return Rejection(
        ErrorCode.CANISTER_DID_NOT_REPLY,
        f"Error from Canister {text_of(canister)}: Canister did not produce a response",
    )


def snapshot_not_found(canister: bytes, snapshot_id: bytes) -> Rejection:
    return Rejection(
        ErrorCode.CANISTER_SNAPSHOT_NOT_FOUND,
        f"Could not find the snapshot ID {snapshot_id.hex()} for canister {text_of(canister)}.",
    )


def snapshot_limit(canister: bytes, limit: int) -> Rejection:
    return Rejection(
        ErrorCode.CANISTER_REJECTED_MESSAGE,
        f"Canister {text_of(canister)} has reached the maximum number of snapshots allowed: {limit}.",
    )


def snapshot_of_empty_canister(canister: bytes) -> Rejection:
    return Rejection(
        ErrorCode.CANISTER_REJECTED_MESSAGE, f"Failed to create snapshot for empty canister {text_of(canister)}"
    )


def snapshot_of_another(canister: bytes, snapshot_id: bytes) -> Rejection:
    return Rejection(
        ErrorCode.CANISTER_REJECTED_MESSAGE,
        f"The snapshot {snapshot_id.hex()} does not belong to canister {text_of(canister)}.",
    )


def snapshot_not_yours(canister: bytes, snapshot_id: bytes, sender: bytes) -> Rejection:
    return Rejection(
        ErrorCode.CANISTER_REJECTED_MESSAGE,
        f"Only a controller of the canister that snapshot {snapshot_id.hex()} belongs to can load it "
        f"on canister {text_of(canister)}. Sender: {text_of(sender)}.",
    )


def snapshot_immutable() -> Rejection:
    return Rejection(
        ErrorCode.CANISTER_SNAPSHOT_IMMUTABLE, "Only canister snapshots created by metadata upload can be mutated."
    )


def snapshot_inconsistent(reason: str) -> Rejection:
    return Rejection(ErrorCode.INVALID_MANAGEMENT_PAYLOAD, reason)


def chunk_store_error(reason: str) -> Rejection:
    return Rejection(ErrorCode.CANISTER_CONTRACT_VIOLATION, f"Error from Wasm chunk store: {reason}.")


def message_refused(canister: bytes) -> Rejection:
    return Rejection(
        ErrorCode.CANISTER_REJECTED_MESSAGE,
        f"Error from Canister {text_of(canister)}: The canister's inspect_message refused the message",
    )


def too_many_nested_queries(canister: bytes) -> Rejection:
    return Rejection(
        ErrorCode.QUERY_CALL_GRAPH_TOO_DEEP,
        f"Canister {text_of(canister)} cannot be called because the depth of the query call graph exceeded the limit",
    )


def slice_too_large(size: int, allowed: int) -> Rejection:
    return Rejection(ErrorCode.INVALID_MANAGEMENT_PAYLOAD, f"Requested slice too large: {size} > {allowed}")


def invalid_slice(offset: int, size: int) -> Rejection:
    return Rejection(
        ErrorCode.INVALID_MANAGEMENT_PAYLOAD,
        f"Invalid subslice into wasm module / main memory / stable memory: offset: {offset}, size: {size}",
    )


def subnet_full(requested: int, available: int) -> Rejection:
    return Rejection(
        ErrorCode.SUBNET_OVERSUBSCRIBED,
        f"Canister requested {requested} bytes of memory but only {available} bytes are available in the subnet",
    )


def no_compute_capacity(requested: int, available: int) -> Rejection:
    return Rejection(
        ErrorCode.SUBNET_OVERSUBSCRIBED,
        f"Canister requested a compute allocation of {requested}% which cannot be satisfied because the Subnet's "
        f"remaining compute capacity is {available}%.",
    )


def too_few_cycles(canister: bytes, minimum: int, attached: int) -> Rejection:
    return Rejection(
        ErrorCode.INSUFFICIENT_CYCLES_IN_CALL,
        f"Canister {text_of(canister)} requires at least {minimum} transferred cycles, but the call has {attached}.",
    )


def deadline_expired() -> Rejection:
    return Rejection(ErrorCode.DEADLINE_EXPIRED, "Call deadline has expired.")


def invalid_module(canister: bytes, error: Exception) -> Rejection:
    return Rejection(
        ErrorCode.CANISTER_INVALID_WASM,
        f"Error from Canister {text_of(canister)}: Canister's Wasm module is not valid: {error}",
    )


def not_empty(canister: bytes) -> Rejection:
    return Rejection(
        ErrorCode.CANISTER_NON_EMPTY,
        f"Canister {text_of(canister)} cannot be installed because the canister is not empty. "
        "Try installing with mode='reinstall' instead.",
    )


def missing_persistence_option() -> Rejection:
    return Rejection(
        ErrorCode.CANISTER_CONTRACT_VIOLATION,
        "Missing upgrade option: Enhanced orthogonal persistence requires the `wasm_memory_persistence` upgrade "
        "option.",
    )
