"""A copy in the sandbox passes only where it was asked and answered as it should, and nothing is blamed that was not
tried."""

from __future__ import annotations

import gzip
import random
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from quri_console.backup.browse import StoredCanister, open_backup
from quri_console.backup.health_replies import HealthReply, argument_of
from quri_console.config.model import HealthCheck
from quri_console.errors import CorruptionError
from quri_console.progress import NoProgress
from quri_console.repository.store import Repository
from quri_console.restore.rehearsal import Rehearsed, SetRehearsal
from quri_console.restore.rehearse import rehearse
from quri_console.restore.sandbox import Sandbox
from quri_console.units import GIB, WASM_PAGE_BYTES
from tests.support.backups import repository_in
from tests.support.rehearsals import FALSE, TRUE, MadeUpCopy, first_page, module, store, stored
from tests.support.repositories import flip_byte
from tests.support.wasm_canisters import wat

HEALTH = (HealthCheck("health"),)
YES = module("(call $yes)")


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return repository_in(tmp_path / "repository")


def tried(canister: StoredCanister, checks: tuple[HealthCheck, ...] = HEALTH, **changes: object) -> Rehearsed:
    subject = Rehearsed(canister.name, canister.canister.to_str(), "not rehearsable")
    return rehearse(lambda: canister, subject, checks, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize("pointer", ["i32", "i64"])
@pytest.mark.parametrize("squeeze", [bytes, gzip.compress])
def test_a_module_of_either_width_plain_or_gzipped_passes(
    repository: Repository, pointer: str, squeeze: Callable[[bytes], bytes]
) -> None:
    found = tried(stored(repository, MadeUpCopy(squeeze(module("(call $yes)", pointer=pointer)))))
    assert (found.verdict, found.answers, found.reason) == ("passed", ("`health` answered: healthy",), "")


def test_a_module_without_memory_and_with_empty_stable_memory_passes(repository: Repository) -> None:
    text = '(module (import "ic0" "msg_reply" (func $r)) (func (export "canister_query health") (call $r)))'
    found = tried(stored(repository, MadeUpCopy(wat(text), heap=b"", globals=())))
    assert (found.verdict, found.answers) == ("passed", ("`health` answered, though not in Candid",))


def test_heap_and_globals_are_those_of_the_copy_and_the_start_function_does_not_run(repository: Repository) -> None:
    query = """
      (if (i32.and (i64.eq (global.get $count) (i64.const 7))
                   (i32.eq (i32.load (i32.const 1024)) (i32.const 0x6b6f6f6c)))
        (then (call $yes)) (else (call $no)))"""
    right = MadeUpCopy(module(query), heap=first_page(b"look"), count=7)
    assert tried(stored(repository, right)).verdict == "passed"
    wrong = tried(stored(repository, MadeUpCopy(module(query), heap=first_page(b"look"), count=8)))
    assert wrong.verdict == "failed"
    assert "says that it is not healthy" in wrong.reason


def test_of_a_large_stable_memory_only_the_touched_pages_are_read(repository: Repository) -> None:
    last = 8 * GIB // WASM_PAGE_BYTES - 1
    query = f"""
      (call $stable_read (i64.const 2048) (i64.const {last * WASM_PAGE_BYTES}) (i64.const 4))
      (call $stable_read (i64.const 2052) (i64.const {5 * WASM_PAGE_BYTES - 2}) (i64.const 4))
      (if (i32.and (i32.eq (i32.load (i32.const 2048)) (i32.const 0x74736166))
                   (i32.eq (i32.load (i32.const 2052)) (i32.const 0x66650000)))
        (then (call $yes)) (else (call $no)))"""
    pages = {page: bytes([page % 251 + 1]) * WASM_PAGE_BYTES for page in range(100, 200)}
    pages |= {5: b"ef" + bytes(WASM_PAGE_BYTES - 2), last: b"fast" + bytes(WASM_PAGE_BYTES - 4)}
    copy = MadeUpCopy(module(query), stable_pages=last + 1, stable=pages)
    found = tried(stored(repository, copy))
    assert (found.verdict, found.reason, found.stable_bytes) == ("passed", "", 8 * GIB)
    assert found.stable_pages_read == 2


def test_a_reply_that_was_recorded_otherwise_fails_and_both_are_shown(repository: Repository) -> None:
    argument = argument_of(HEALTH[0])
    same = stored(repository, MadeUpCopy(YES), replies=[HealthReply("health", argument, TRUE)])
    assert tried(same).answers == ("`health` answered: healthy, the same as when the backup was taken",)
    other = stored(repository, MadeUpCopy(YES), replies=[HealthReply("health", argument, FALSE)])
    found = tried(other)
    assert found.verdict == "failed"
    assert "answers otherwise than when the backup was taken: then (false), now (true)" in found.reason


def test_what_changed_while_the_copy_was_taken_is_not_compared(repository: Repository) -> None:
    unsteady = HealthReply("health", argument_of(HEALTH[0]), None, "it answered differently")
    found = tried(stored(repository, MadeUpCopy(YES), replies=[unsteady]))
    assert found.verdict == "passed"
    assert "not compared with the time of the backup: it answered differently" in found.answers[0]


def test_the_caller_is_who_asked_when_the_backup_was_taken(repository: Repository) -> None:
    imports = '(import "ic0" "msg_caller_size" (func $size (result i32)))'
    query = "(if (i32.eq (call $size) (i32.const 3)) (then (call $yes)) (else (call $no)))"
    copy = MadeUpCopy(module(query, imports=imports))
    assert tried(stored(repository, copy)).verdict == "failed"
    replies = [HealthReply("health", argument_of(HEALTH[0]), TRUE, caller=b"abc")]
    assert tried(stored(repository, copy, replies=replies)).verdict == "passed"


@pytest.mark.parametrize(
    ("imports", "query", "lacks"),
    [
        ('(import "ic0" "brand_new" (func $f))', "(call $f)", "needs ic0.brand_new, which the sandbox does not have"),
        ('(import "ic0" "subnet_self_node_count" (func $f (result i32)))', "(drop (call $f))", "number of its subnet"),
        ('(import "ic0" "data_certificate_size" (func $f (result i32)))', "(drop (call $f))", "a data certificate"),
    ],
)
def test_a_query_that_needs_what_the_sandbox_lacks_is_not_blamed(
    repository: Repository, imports: str, query: str, lacks: str
) -> None:
    found = tried(stored(repository, MadeUpCopy(module(query, imports=imports))))
    assert found.verdict == "not rehearsable"
    assert lacks in found.reason


def test_a_composite_query_that_asks_others_is_not_rehearsable(repository: Repository) -> None:
    text = """
    (module
      (import "ic0" "call_new" (func $call (param i32 i32 i32 i32 i32 i32 i32 i32)))
      (import "ic0" "call_perform" (func $perform (result i32)))
      (memory 1) (table 1 funcref)
      (func (export "canister_composite_query health")
        (call $call (i32.const 0) (i32.const 0) (i32.const 16) (i32.const 4)
          (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0))
        (drop (call $perform))))"""
    found = tried(stored(repository, MadeUpCopy(wat(text), globals=())))
    assert (found.verdict, "other canisters" in found.reason) == ("not rehearsable", True), found


@pytest.mark.parametrize("body", ["(loop $again (br $again))", "(loop $again (drop (call $time)) (br $again))"])
def test_a_query_that_never_ends_is_ended(repository: Repository, body: str) -> None:
    imports = '(import "ic0" "time" (func $time (result i64)))'
    code = module(body, imports=imports)
    started = time.monotonic()
    found = tried(stored(repository, MadeUpCopy(code)), (HealthCheck("health", timeout_seconds=0.3),))
    assert found.verdict == "failed"
    assert "did not end within the time allowed" in found.reason
    assert time.monotonic() - started < 20


def test_a_loop_that_reads_much_stable_memory_is_ended_too(repository: Repository) -> None:
    query = "(loop $a (call $stable_read (i64.const 0) (i64.const 0) (i64.const 65536)) (br $a))"
    pages = {page: bytes([page + 1]) * WASM_PAGE_BYTES for page in range(3)}
    copy = MadeUpCopy(module(query), stable_pages=3, stable=pages)
    found = tried(stored(repository, copy), (HealthCheck("health", timeout_seconds=0.3),))
    assert (found.verdict, "time allowed" in found.reason) == ("failed", True)


def test_without_anything_to_ask_it_never_passes(repository: Repository) -> None:
    found = tried(stored(repository, MadeUpCopy(YES)), ())
    assert found.verdict == "not rehearsable"
    assert "nothing to ask" in found.reason
    assert "health_query" in found.next_step


def test_a_method_that_is_not_there_and_a_trap_fail(repository: Repository) -> None:
    copy = stored(repository, MadeUpCopy(module("(unreachable)")))
    assert "no query method 'wellbeing'" in tried(copy, (HealthCheck("wellbeing"),)).reason
    found = tried(copy)
    assert (found.verdict, "unreachable" in found.reason) == ("failed", True)


def test_one_bad_answer_of_several_fails(repository: Repository) -> None:
    checks = (HealthCheck("health", expect="(true)"), HealthCheck("health", matches="false"))
    found = tried(stored(repository, MadeUpCopy(YES)), checks)
    assert (found.verdict, found.answers) == ("failed", ("`health` answered as expected",))
    assert "expected /false/ in it, it answered (true)" in found.reason


def test_a_reply_that_is_too_large_fails(repository: Repository) -> None:
    found = tried(stored(repository, MadeUpCopy(YES)), (HealthCheck("health", max_reply_bytes=3),))
    assert (found.verdict, "its reply has 8 bytes, and 3 are allowed" in found.reason) == ("failed", True)


def test_damage_in_what_is_read_fails(repository: Repository, tmp_path: Path) -> None:
    copy = MadeUpCopy(YES, heap=first_page(b"damage me"))
    name = store(repository, {"pig": copy})
    for pack in (tmp_path / "repository" / "packs").rglob("*"):
        if pack.is_file():
            flip_byte(pack, pack.stat().st_size // 2)
    fresh = repository_in(tmp_path / "repository")
    found = tried(open_backup(fresh, name).canister("pig"))
    assert (found.verdict, "packs/" in found.reason) == ("failed", True), found


def test_damage_in_a_page_that_a_query_touches_is_found(repository: Repository, tmp_path: Path) -> None:
    query = f"(call $stable_read (i64.const 4096) (i64.const {99 * WASM_PAGE_BYTES}) (i64.const 4)) (call $yes)"
    made_up = random.Random(1)
    pages = {page: made_up.randbytes(WASM_PAGE_BYTES) for page in range(100)}
    copy = stored(repository, MadeUpCopy(module(query), stable_pages=100, stable=pages))
    sandbox = Sandbox.open(copy, NoProgress())
    for pack in (tmp_path / "repository" / "packs").rglob("*"):
        if pack.is_file():
            pack.write_bytes(bytes(pack.stat().st_size))
    with pytest.raises(CorruptionError):
        sandbox.query("health", argument_of(HEALTH[0]), seconds=5)


def test_queries_that_were_configured_when_it_was_taken_are_asked_where_none_are_now(repository: Repository) -> None:
    argument = argument_of(HealthCheck("health", "(5 : nat64)"))
    recorded = [HealthReply("health", argument, TRUE), HealthReply("gone", b"", None, "it failed")]
    found = tried(stored(repository, MadeUpCopy(YES), replies=recorded), ())
    assert (found.verdict, found.answers) == (
        "passed",
        ("`health` answered: healthy, the same as when the backup was taken",),
    )


def test_another_module_than_the_backup_names_fails(repository: Repository) -> None:
    found = tried(stored(repository, MadeUpCopy(YES), module_hash=bytes(32)))
    assert (found.verdict, "The module in" in found.reason) == ("failed", True)


def test_a_module_that_ran_on_the_network_and_not_here_is_not_blamed(repository: Repository) -> None:
    found = tried(stored(repository, MadeUpCopy(wat("(module (memory 1) (memory 1))"), globals=())))
    assert (found.verdict, "the sandbox cannot run its module" in found.reason) == ("not rehearsable", True)


def test_a_state_that_does_not_fit_its_module_fails(repository: Repository) -> None:
    found = tried(stored(repository, MadeUpCopy(YES, globals=())))
    assert (found.verdict, "does not fit its module" in found.reason) == ("failed", True)


def test_a_global_that_the_network_could_not_tell_is_not_rehearsable(repository: Repository) -> None:
    assert tried(stored(repository, MadeUpCopy(YES, globals=(None,)))).verdict == "not rehearsable"


def test_a_heap_larger_than_this_machine_is_not_loaded(repository: Repository) -> None:
    found = tried(stored(repository, MadeUpCopy(YES)), free_bytes=lambda: 1 << 20)
    assert (found.verdict, "too little memory" in found.reason) == ("not rehearsable", True)


def test_a_query_leaves_no_trace_for_the_next(repository: Repository) -> None:
    query = "(global.set $count (i64.const 1)) (i64.store (i32.const 0) (i64.const 0)) (call $no)"
    sandbox = Sandbox.open(stored(repository, MadeUpCopy(module(query))), NoProgress())
    first = sandbox.query("health", b"DIDL\0\0", seconds=5)
    again = sandbox.query("health", b"DIDL\0\0", seconds=5)
    assert first.reply == again.reply == FALSE


def test_the_worst_of_the_canisters_is_the_verdict_of_the_set() -> None:
    def of(*verdicts: str) -> str:
        canisters = tuple(Rehearsed("x", "y", verdict) for verdict in verdicts)  # type: ignore[arg-type]
        return SetRehearsal("set", canisters, 2, 0.0).verdict

    assert of("passed", "passed") == "passed"
    assert of("passed", "not rehearsable") == "not rehearsable"
    assert of("failed", "not rehearsable") == "failed"
    assert of() == "not rehearsable"


@pytest.mark.parametrize(
    ("interface", "verdict"),
    [
        ("service : { health : () -> (bool) query }", "passed"),
        ("service : { health : () -> (bool) }", "not rehearsable"),
        ("service : { health : (nat) -> (bool) query }", "not rehearsable"),
    ],
)
def test_the_query_of_its_own_interface_is_asked_where_none_is_configured(
    repository: Repository, interface: str, verdict: str
) -> None:
    section = f'(@custom "icp:public candid:service" "{interface}")'
    found = tried(stored(repository, MadeUpCopy(module("(call $yes)", imports=section))), ())
    assert found.verdict == verdict


def test_what_an_imported_copy_does_not_tell_is_not_made_up(repository: Repository) -> None:
    imports = '(import "ic0" "canister_cycle_balance128" (func $f (param i32)))'
    copy = stored(repository, MadeUpCopy(module("(call $f (i32.const 512)) (call $yes)", imports=imports)))
    assert tried(copy).verdict == "passed"
    found = tried(replace(copy, status=None))
    assert (found.verdict, "its cycles, which this backup does not tell" in found.reason) == ("not rehearsable", True)
