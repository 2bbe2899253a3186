"""Damage by real calls, a restore, and the data read back by real queries: the kinds of canister that are special."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

from tests.support.fault_cells import FROM_CHAIN, RESTORE, ROLLBACK
from tests.support.fault_stage import Stage, stage

TIMER_SECONDS = 1000
_TEXT = """
(module
  (import "ic0" "msg_reply" (func $reply))
  (import "ic0" "msg_reply_data_append" (func $append (param W W)))
  (import "ic0" "global_timer_set" (func $set_timer (param i64) (result i64)))
  (import "ic0" "time" (func $time (result i64)))
  (memory KIND PAGES)
  (func $answer (param $at W) (call $append (local.get $at) (W.const 8)) (call $reply))
  (func $bump (param $at W)
    (i64.store (local.get $at) (i64.add (i64.load (local.get $at)) (i64.const 1))))
  (func (export "canister_update inc") (call $bump (W.const 64)) (call $reply))
  (func (export "canister_query get") (call $answer (W.const 64)))
  (func (export "canister_query ticks") (call $answer (W.const 72)))
  (func (export "canister_query last") (call $answer (W.const LAST)))
  (func (export "canister_update mark_last") (call $bump (W.const LAST)) (call $reply))
  (func (export "canister_update fill") (local $at W)
    (loop $next
      (local.set $at (W.add (local.get $at) (W.const 65536)))
      (W.store (local.get $at) (local.get $at))
      (br_if $next (W.lt_u (local.get $at) (W.const FILLED))))
    (call $reply))
  (func (export "canister_update arm")
    (drop (call $set_timer (i64.add (call $time) (i64.const TIMER)))) (call $reply))
  (func (export "canister_update disarm") (drop (call $set_timer (i64.const 0))) (call $reply))
  (func (export "canister_global_timer") (call $bump (W.const 72))))
"""


@cache
def _meter(width: str, pages: int = 2, filled_pages: int = 1) -> bytes:
    """Counts in its heap, and in another place whenever its timer fires; has no stable memory."""
    import wasmtime

    text = _TEXT.replace("KIND", "i64" if width == "i64" else "").replace("PAGES", str(pages))
    text = text.replace("LAST", str((pages << 16) - 8)).replace("FILLED", str((filled_pages - 1) << 16))
    text = text.replace("TIMER", str(TIMER_SECONDS * 10**9)).replace("W", width)
    return bytes(wasmtime.wat2wasm(text))


async def _asked(opened: Stage, method: str) -> int:
    """What the canister itself answers."""
    return int.from_bytes(await opened.agent.query(opened.canister, method, b""), "little")


@pytest.mark.parametrize("width", ["i32", "i64"], ids=["wasm32", "wasm64"])
async def test_a_timer_that_was_switched_off_fires_again_after_an_upload(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, width: str
) -> None:
    filled, damaged = ("inc", "inc", "inc", "arm"), ("inc", "disarm")
    async with stage(tmp_path, monkeypatch, code=_meter(width), filled_by=filled, damaged_by=damaged) as opened:
        assert await _asked(opened, "get") == 4
        handle = await opened.done(RESTORE)
        assert opened.state == opened.good
        assert opened.state.stable_memory == b""
        assert (await _asked(opened, "get"), await _asked(opened, "ticks")) == (3, 0)
        await opened.clock.advance(TIMER_SECONDS + 1)
        assert await _asked(opened, "ticks") == 1
        await opened.done(ROLLBACK, handle.id)
        assert (await _asked(opened, "get"), await _asked(opened, "ticks")) == (4, 0)


async def test_a_snapshot_on_chain_brings_the_data_back_but_not_the_timer_and_the_plan_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled, damaged = ("inc", "arm"), ("inc", "disarm")
    async with stage(tmp_path, monkeypatch, code=_meter("i32"), filled_by=filled, damaged_by=damaged) as opened:
        (kept,) = opened.of_backup
        plan = await opened.in_time(opened.console.plan_restore("pig", f"snapshot:{kept.hex()}"))
        assert any("timer" in sentence for sentence in plan.not_coming_back), plan.not_coming_back
        await opened.done(FROM_CHAIN)
        assert (await _asked(opened, "get"), await _asked(opened, "ticks")) == (1, 0)
        await opened.clock.advance(TIMER_SECONDS + 1)
        assert await _asked(opened, "ticks") == 0


@pytest.mark.sweep
@pytest.mark.timeout(600)
async def test_a_heap_of_three_hundred_megabytes_comes_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A quarter of it has data in every page, and its very end."""
    code = _meter("i32", pages=4800, filled_pages=1200)
    async with stage(
        tmp_path, monkeypatch, code=code, filled_by=("fill", "inc", "mark_last"), damaged_by=("mark_last", "inc")
    ) as opened:
        handle = await opened.done(RESTORE)
        assert len(opened.state.heap) == 4800 << 16
        assert opened.state == opened.good
        assert (await _asked(opened, "get"), await _asked(opened, "last")) == (1, 1)
        outcome = handle.outcome()
        assert outcome is not None
        # what is all zero is not sent
        assert int(str(outcome.result["skipped_bytes"])) > 200 << 20
