"""Functions of `ic0`, called from hand-written modules with 32-bit and 64-bit pointers."""

from __future__ import annotations

from typing import Any

import pytest

from quri_console.wasm.instance import Call, CanisterInstance, Outcome, TrapKind
from quri_console.wasm.signatures import ONLY_32_BIT, SIGNATURES
from quri_console.wasm.system_api import HANDLERS
from tests.support.wasm_canisters import CANISTER, CONTROLLER, Surroundings, create

UNSUPPORTED = {
    "cost_http_request",
    "cost_http_request_v2",
    "cost_sign_with_ecdsa",
    "cost_sign_with_schnorr",
    "cost_vetkd_derive_key",
}


def module(name: str, body: str, *, pointer: str = "i32", entry: str = "canister_update run") -> str:
    """A module whose entry point runs `body`, in which `$f` is the function and `P` the pointer type.

    `(call $reply_i64 …)` and `(call $reply_bytes at size)` answer.
    """
    signature = SIGNATURES[name]
    parameters, results = signature.types(is_64_bit=pointer == "i64")
    kind = f"(param {' '.join(parameters)})" + (f"(result {results[0]})" if results else "")
    text = f"""
    (module
      (import "ic0" "{name}" (func $f {kind}))
      (import "ic0" "msg_reply" (func $reply))
      (import "ic0" "msg_reply_data_append" (func $append (param P P)))
      (memory {pointer if pointer == "i64" else ""} 1)
      (data (P.const 512) "a quick brown fox")
      (func $reply_bytes (param P P) (call $append (local.get 0) (local.get 1)) (call $reply))
      (func $reply_i64 (param i64)
        (i64.store (P.const 8) (local.get 0))
        (call $reply_bytes (P.const 8) (P.const 8)))
      (func (export "{entry}") {body}))
    """
    return text.replace("P.const", f"{pointer}.const").replace("param P P", f"param {pointer} {pointer}")


def run(text: str, call: Call | None = None, surroundings: Surroundings | None = None) -> Outcome:
    return create(text, surroundings).execute(call or Call("update", "run"))


def number(outcome: Outcome) -> int:
    assert outcome.reply is not None, outcome
    return int.from_bytes(outcome.reply, "little")


def test_every_function_of_the_specification_is_handled_or_named_as_unsupported() -> None:
    assert set(SIGNATURES) - set(HANDLERS) == UNSUPPORTED
    assert set(HANDLERS) <= set(SIGNATURES)


@pytest.mark.parametrize("pointer", ["i32", "i64"])
def test_every_function_links_with_both_widths(pointer: str) -> None:
    for name in SIGNATURES:
        if pointer == "i64" and name in ONLY_32_BIT:
            continue
        create(module(name, "", pointer=pointer))


@pytest.mark.parametrize("name", sorted(UNSUPPORTED))
def test_what_is_not_supported_traps_with_its_name(name: str) -> None:
    parameters, results = SIGNATURES[name].types(is_64_bit=False)
    arguments = " ".join(f"({kind}.const 0)" for kind in parameters)
    body = f"(call $f {arguments})"
    outcome = run(module(name, f"(drop {body})" if results else body))
    assert outcome.trap is not None
    assert outcome.trap.kind is TrapKind.CONTRACT_VIOLATION
    assert f"ic0.{name} " in outcome.trap.message


def test_a_function_nobody_knows_links_and_traps_only_when_called() -> None:
    text = """(module (import "ic0" "from_the_future" (func $f (param f32 i64) (result f64)))
      (func (export "canister_update safe"))
      (func (export "canister_update run") (drop (call $f (f32.const 1) (i64.const 2)))))"""
    canister = create(text)
    assert canister.execute(Call("update", "safe")).trap is None
    outcome = canister.execute(Call("update", "run"))
    assert outcome.trap is not None
    assert "ic0.from_the_future" in outcome.trap.message


BLOBS: list[tuple[str, str, bytes, Call]] = [
    ("msg_arg_data", "update", b"argument bytes", Call("update", "run", argument=b"argument bytes")),
    ("msg_caller", "update", b"caller", Call("update", "run", caller=b"caller")),
    ("canister_self", "update", CANISTER, Call("update", "run")),
    ("subnet_self", "update", b"subnet id", Call("update", "run")),
    ("root_key", "update", b"root key", Call("update", "run")),
    (
        "data_certificate",
        "query",
        b"certificate",
        Call("query", "run", replicated=False, data_certificate=b"certificate"),
    ),
]


@pytest.mark.parametrize("pointer", ["i32", "i64"])
@pytest.mark.parametrize(("name", "entry", "content", "call"), BLOBS, ids=[blob[0] for blob in BLOBS])
def test_blobs_are_copied_in_slices(name: str, entry: str, content: bytes, call: Call, pointer: str) -> None:
    copy = f"(call $f ({pointer}.const 100) ({pointer}.const 2) ({pointer}.const {len(content) - 3}))"
    body = f"{copy} (call $reply_bytes ({pointer}.const 100) ({pointer}.const {len(content) - 3}))"
    text = module(f"{name}_copy", body, pointer=pointer, entry=f"canister_{entry} run")
    assert run(text, call).reply == content[2:-1]
    size = "(call $f)" if pointer == "i64" else "(i64.extend_i32_u (call $f))"
    text = module(f"{name}_size", f"(call $reply_i64 {size})", pointer=pointer, entry=f"canister_{entry} run")
    assert number(run(text, call)) == len(content)


@pytest.mark.parametrize(
    ("to", "start", "size"), [(0, 0, 15), (0, 14, 1), (65_530, 0, 14), (2**32 - 1, 0, 14), (0, 2**32 - 1, 2**32 - 1)]
)
def test_a_copy_beyond_either_end_traps(to: int, start: int, size: int) -> None:
    text = module("msg_arg_data_copy", f"(call $f (i32.const {to}) (i32.const {start}) (i32.const {size}))")
    outcome = run(text, Call("update", "run", argument=b"fourteen bytes"))
    assert outcome.trap is not None
    assert outcome.trap.kind is TrapKind.WASM
    assert "ic0.msg_arg_data_copy" in outcome.trap.message


NUMBERS: list[tuple[str, str, int]] = [
    ("time", "(call $f)", 1_700_000_000_000_000_000),
    ("canister_version", "(call $f)", 4),
    ("canister_status", "(i64.extend_i32_u (call $f))", 1),
    ("subnet_self_node_count", "(i64.extend_i32_u (call $f))", 13),
    ("canister_cycle_balance", "(call $f)", 3 * 10**12),
    ("msg_cycles_available", "(call $f)", 500),
    ("msg_deadline", "(call $f)", 12),
    ("in_replicated_execution", "(i64.extend_i32_u (call $f))", 1),
    ("stable64_size", "(call $f)", 0),
    ("stable_size", "(i64.extend_i32_u (call $f))", 0),
    ("env_var_count", "(i64.extend_i32_u (call $f))", 2),
    ("env_var_name_size", "(i64.extend_i32_u (call $f (i32.const 1)))", 5),
    ("env_var_name_exists", "(i64.extend_i32_u (call $f (i32.const 514) (i32.const 5)))", 1),
    ("env_var_name_exists", "(i64.extend_i32_u (call $f (i32.const 514) (i32.const 4)))", 0),
    ("env_var_value_size", "(i64.extend_i32_u (call $f (i32.const 514) (i32.const 5)))", 3),
    ("is_controller", "(i64.extend_i32_u (call $f (i32.const 514) (i32.const 5)))", 0),
    ("data_certificate_present", "(i64.extend_i32_u (call $f))", 0),
    ("global_timer_set", "(drop (call $f (i64.const 5))) (call $f (i64.const 6))", 5),
    ("msg_caller_info_data_size", "(i64.extend_i32_u (call $f))", 0),
]


@pytest.mark.parametrize(("name", "expression", "expected"), NUMBERS)
def test_numbers(name: str, expression: str, expected: int) -> None:
    surroundings = Surroundings(variables=[("empty", ""), ("quick", "ly!")])
    first, _, last = expression.rpartition(") (call")
    body = f"{first}) (call $reply_i64 (call{last})" if first else f"(call $reply_i64 {expression})"
    call = Call("update", "run", cycles_available=500, deadline_ns=12)
    assert number(run(module(name, body), call, surroundings)) == expected


def test_a_call_may_name_the_version_that_it_sees() -> None:
    outcome = run(module("canister_version", "(call $reply_i64 (call $f))"), Call("update", "run", canister_version=9))
    assert number(outcome) == 9


@pytest.mark.parametrize(
    ("name", "arguments", "expected"),
    [
        ("canister_cycle_balance128", "", 3 * 10**12),
        ("canister_liquid_cycle_balance128", "", 2 * 10**12),
        ("msg_cycles_available128", "", 2**70),
        ("msg_cycles_accept128", "(i64.const 16) (i64.const 5)", 16 * 2**64 + 5),
        ("msg_cycles_accept128", "(i64.const -1) (i64.const -1)", 2**70),
        ("cycles_burn128", "(i64.const 0) (i64.const 77)", 77),
        ("cycles_burn128", "(i64.const 1) (i64.const 0)", 2 * 10**12),
        ("cost_call", "(i64.const 3) (i64.const 4)", 267_000),
        ("cost_create_canister", "", 500_000_000_000),
    ],
)
def test_amounts_of_128_bits(name: str, arguments: str, expected: int) -> None:
    body = f"(call $f {arguments} (i32.const 32)) (call $reply_bytes (i32.const 32) (i32.const 16))"
    outcome = run(module(name, body), Call("update", "run", cycles_available=2**70))
    assert number(outcome) == expected
    assert outcome.cycles_burned == (expected if name == "cycles_burn128" else 0)
    assert outcome.cycles_accepted == (expected if "accept" in name else 0)


def test_an_amount_that_does_not_fit_into_64_bits_traps() -> None:
    outcome = run(module("msg_cycles_available", "(drop (call $f))"), Call("update", "run", cycles_available=2**64))
    assert outcome.trap is not None
    assert "msg_cycles_available128" in outcome.trap.message


def test_logs_and_instructions_survive_a_trap() -> None:
    body = "(call $f (i32.const 514) (i32.const 5)) (call $f (i32.const 520) (i32.const 5)) unreachable"
    outcome = run(module("debug_print", body))
    assert outcome.logs == (b"quick", b"brown")
    assert outcome.trap is not None
    assert outcome.instructions > 0


def test_the_performance_counter_counts_what_this_message_used() -> None:
    body = """(local $i i32) (loop $l (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br_if $l (i32.lt_u (local.get $i) (i32.const 1000)))) (call $reply_i64 (call $f (i32.const 0)))"""
    canister = create(module("performance_counter", body))
    outcomes = [canister.execute(Call("update", "run")) for _ in range(2)]
    counts = [number(outcome) for outcome in outcomes]
    assert counts[0] == counts[1]
    assert 4_000 < counts[0] <= outcomes[0].instructions


def test_certified_data_is_limited_to_32_bytes() -> None:
    canister = create(module("certified_data_set", "(call $f (i32.const 512) (i32.const 17))"))
    canister.execute(Call("update", "run"))
    assert canister.certified_data == b"a quick brown fox"
    outcome = run(module("certified_data_set", "(call $f (i32.const 512) (i32.const 33))"))
    assert outcome.trap is not None


def test_stable_memory_grows_reads_and_ends() -> None:
    text = """(module
      (import "ic0" "stable64_grow" (func $grow (param i64) (result i64)))
      (import "ic0" "stable_grow" (func $grow32 (param i32) (result i32)))
      (import "ic0" "stable_write" (func $write (param i32 i32 i32)))
      (import "ic0" "stable64_read" (func $read (param i64 i64 i64)))
      (import "ic0" "stable64_write" (func $write64 (param i64 i64 i64)))
      (import "ic0" "stable_size" (func $size (result i32)))
      (import "ic0" "msg_reply" (func $reply))
      (import "ic0" "msg_reply_data_append" (func $append (param i32 i32)))
      (memory 1) (data (i32.const 0) "hello")
      (func (export "canister_update run")
        (if (i32.ne (call $grow32 (i32.const 2)) (i32.const 0)) (then unreachable))
        (call $write (i32.const 65534) (i32.const 0) (i32.const 5))
        (call $read (i64.const 100) (i64.const 65533) (i64.const 7))
        (call $append (i32.const 100) (i32.const 7)) (call $reply))
      (func (export "canister_update beyond") (call $write64 (i64.const 131070) (i64.const 0) (i64.const 3)))
      (func (export "canister_update too_much")
        (if (i64.ne (call $grow (i64.const 9000000)) (i64.const -1)) (then unreachable)) (call $reply))
      (func (export "canister_update large") (drop (call $grow (i64.const 70000))))
      (func (export "canister_update old") (drop (call $size))))"""
    canister = create(text)
    assert canister.execute(Call("update", "run")).reply == b"\0hello\0"
    assert canister.execute(Call("update", "too_much")).reply == b""
    beyond = canister.execute(Call("update", "beyond")).trap
    assert beyond is not None
    assert "ic0.stable64_write" in beyond.message
    assert canister.execute(Call("update", "large")).trap is None
    assert canister.stable_bytes == 70_002 * 65_536
    old = canister.execute(Call("update", "old")).trap
    assert old is not None
    assert "4 GiB" in old.message


ANSWERS: list[tuple[str, dict[str, Any]]] = [
    (
        "(call $append (i32.const 0) (i32.const 2)) (call $append (i32.const 4) (i32.const 2)) (call $reply)",
        {"reply": b"heo "},
    ),
    ("(call $append (i32.const 0) (i32.const 2))", {"reply": None}),
    ("(call $reject (i32.const 0) (i32.const 5))", {"reject": "hello"}),
]


def answering(body: str) -> CanisterInstance:
    return create(
        f"""(module
        (import "ic0" "msg_reply" (func $reply))
        (import "ic0" "msg_reply_data_append" (func $append (param i32 i32)))
        (import "ic0" "msg_reject" (func $reject (param i32 i32)))
        (memory 40) (data (i32.const 0) "hello world\\ff")
        (func (export "canister_update run") {body})
        (func (export "canister_query run_query") {body}))"""
    )


@pytest.mark.parametrize(("body", "expected"), ANSWERS)
def test_answers(body: str, expected: dict[str, Any]) -> None:
    outcome = answering(body).execute(Call("update", "run"))
    assert outcome.trap is None
    for name, value in expected.items():
        assert getattr(outcome, name) == value


@pytest.mark.parametrize(
    "body",
    [
        "(call $reply) (call $reply)",
        "(call $reply) (call $reject (i32.const 0) (i32.const 1))",
        "(call $reject (i32.const 0) (i32.const 1)) (call $append (i32.const 0) (i32.const 1))",
        "(call $reject (i32.const 8) (i32.const 4))",
        "(call $append (i32.const 0) (i32.const 2097153))",
    ],
)
def test_what_may_not_be_answered_traps(body: str) -> None:
    trap = answering(body).execute(Call("update", "run")).trap
    assert trap is not None
    assert trap.kind is TrapKind.CONTRACT_VIOLATION


def test_a_query_may_answer_more_than_an_update() -> None:
    canister = answering("(call $append (i32.const 0) (i32.const 2200000)) (call $reply)")
    query = canister.execute(Call("query", "run_query", replicated=False))
    assert query.reply is not None
    assert len(query.reply) == 2_200_000
    assert canister.execute(Call("query", "run_query", replicated=True)).trap is not None


def test_a_call_already_answered_cannot_be_answered_again() -> None:
    trap = answering("(call $reply)").execute(Call("update", "run", needs_reply=False)).trap
    assert trap is not None
    assert "already replied" in trap.message


@pytest.mark.parametrize(
    ("name", "entry", "call"),
    [
        ("call_perform", "canister_query run", Call("query", "run", replicated=False)),
        ("msg_reply", "canister_init", Call("init")),
        ("msg_arg_data_size", "canister_heartbeat", Call("heartbeat")),
        ("data_certificate_size", "canister_update run", Call("update", "run")),
        ("accept_message", "canister_update run", Call("update", "run")),
        ("certified_data_set", "canister_query run", Call("query", "run", replicated=False)),
        ("global_timer_set", "canister_composite_query run", Call("composite_query", "run", replicated=False)),
        ("msg_reject_code", "canister_update run", Call("update", "run")),
    ],
)
def test_a_function_called_from_where_it_may_not_be_traps_with_its_name(name: str, entry: str, call: Call) -> None:
    parameters, results = SIGNATURES[name].types(is_64_bit=False)
    arguments = " ".join(f"({kind}.const 0)" for kind in parameters)
    body = f"(drop (call $f {arguments}))" if results else f"(call $f {arguments})"
    text = f"""(module (import "ic0" "{name}" (func $f (param {" ".join(parameters)})
      {f"(result {results[0]})" if results else ""})) (memory 1) (func (export "{entry}") {body}))"""
    trap = create(text).execute(call).trap
    assert trap is not None
    assert trap.kind is TrapKind.CONTRACT_VIOLATION
    assert name in trap.message


def test_inspection_accepts_by_saying_so_and_sees_the_method() -> None:
    text = """(module
      (import "ic0" "accept_message" (func $accept))
      (import "ic0" "msg_method_name_size" (func $size (result i32)))
      (memory 1)
      (func (export "canister_inspect_message")
        (if (i32.eq (call $size) (i32.const 4)) (then (call $accept)))))"""
    canister = create(text)
    assert canister.execute(Call("inspect", "good")).accepted_message
    assert not canister.execute(Call("inspect", "other")).accepted_message
    assert create("(module)").execute(Call("inspect", "anything")).accepted_message


@pytest.mark.parametrize("kind", ["init", "pre_upgrade", "post_upgrade", "timer", "heartbeat", "low_memory"])
def test_absent_hooks_do_nothing(kind: Any) -> None:
    assert create("(module)").execute(Call(kind)) == Outcome()


def test_an_absent_method_says_so() -> None:
    trap = create("(module)").execute(Call("update", "nothing")).trap
    assert trap is not None
    assert (trap.kind, "'nothing'" in trap.message) == (TrapKind.METHOD_NOT_FOUND, True)


def test_the_caller_may_be_a_controller() -> None:
    text = """(module
      (import "ic0" "msg_caller_copy" (func $caller (param i32 i32 i32)))
      (import "ic0" "msg_caller_size" (func $size (result i32)))
      (import "ic0" "is_controller" (func $is (param i32 i32) (result i32)))
      (import "ic0" "msg_reply" (func $reply))
      (memory 1)
      (func (export "canister_update guarded")
        (call $caller (i32.const 0) (i32.const 0) (call $size))
        (if (i32.eqz (call $is (i32.const 0) (call $size))) (then unreachable))
        (call $reply)))"""
    canister = create(text)
    assert canister.execute(Call("update", "guarded", caller=CONTROLLER)).reply == b""
    assert canister.execute(Call("update", "guarded", caller=b"\4")).trap is not None
