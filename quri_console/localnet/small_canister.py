"""The module of the demo network's further canisters: a health query and a counter, in a few hundred bytes."""

from __future__ import annotations

from functools import cache

from quri_console.ic.encoding import candid, leb128
from quri_console.ic.encoding.candid import Types
from quri_console.localnet.subnet import canister_id

_PLACEHOLDER = canister_id(0x5151_5151_5151_5151)
_WAT = r"""
(module
  (import "ic0" "msg_reply" (func $reply))
  (import "ic0" "msg_reply_data_append" (func $append (param i32 i32)))
  (import "ic0" "canister_self_copy" (func $self (param i32 i32 i32)))
  (memory 1)
  (global $count (mut i64) (i64.const 0))
  (data (i32.const 0) "HEALTH")
  (data (i32.const 512) "DIDL\00\01\78")
  (func $answer_count
    (i64.store (i32.const 519) (global.get $count))
    (call $append (i32.const 512) (i32.const 15))
    (call $reply))
  (func (export "canister_query health")
    (call $self (i32.const ID_AT) (i32.const 0) (i32.const 10))
    (call $append (i32.const 0) (i32.const HEALTH_SIZE))
    (call $reply))
  (func (export "canister_update count")
    (global.set $count (i64.add (global.get $count) (i64.const 1)))
    (call $answer_count))
  (func (export "canister_query counted") (call $answer_count))
)
"""
_INTERFACE = """service : {
  health : () -> (record { canister_id : principal; healthy : bool }) query;
  count : () -> (nat64);
  counted : () -> (nat64) query;
}
"""


@cache
def small_module() -> bytes:
    """The module, put together once."""
    from wasmtime import wat2wasm  # heavy, and only whoever asks for further canisters needs it

    kind = Types.Record({"canister_id": Types.Principal, "healthy": Types.Bool})
    health = candid.encode([kind], [{"canister_id": _PLACEHOLDER, "healthy": True}])
    text = _WAT.replace("HEALTH_SIZE", str(len(health))).replace("ID_AT", str(health.index(_PLACEHOLDER)))
    escaped = "".join(f"\\{byte:02x}" for byte in health)
    return bytes(wat2wasm(text.replace("HEALTH", escaped))) + _custom_section("icp:public candid:service", _INTERFACE)


def _custom_section(name: str, content: str) -> bytes:
    payload = leb128.encode_unsigned(len(name)) + name.encode() + content.encode()
    return b"\x00" + leb128.encode_unsigned(len(payload)) + payload
