from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from quri_console.effects.attempt import EffectUndecided
from quri_console.effects.calls import INSTALL_CHUNKS, INSTALL_CODE, STORE_CHUNK
from quri_console.effects.code import MAX_DIRECT_BYTES, upgrade_module
from quri_console.effects.perform import Effects
from quri_console.effects.recover import recover
from quri_console.effects.replay import attempts
from quri_console.ic.encoding.principal import Principal
from quri_console.ic.management import change
from quri_console.ic.management.read import stored_chunks
from quri_console.ic.prepared import perform
from quri_console.ic.rejection import Rejected
from tests.support.guinea_pig import Laboratory, laboratory, module, stable_memory
from tests.support.lost_replies import crashed, forget_outcome, lose_outcome

OTHER = module("1.5")
# a custom section of nothing makes a module that does not fit into one message
_NAME = b"\x06filler"
LARGE = OTHER + b"\x00" + b"\xf7\xc2\x98\x01" + _NAME + bytes(2_498_935 - len(_NAME))


@pytest.fixture
async def lab(tmp_path: Path) -> AsyncIterator[Laboratory]:
    async with laboratory(tmp_path) as opened:
        yield opened


def _outcomes(effects: Effects) -> list[str | None]:
    return [attempt.outcome for attempt in attempts(effects.journal.records, INSTALL_CODE, INSTALL_CHUNKS)]


async def _hash(lab: Laboratory, canister: Principal) -> bytes | None:
    return (await lab.status(canister)).module_hash


async def test_an_upgrade_keeps_stable_memory_and_is_not_done_twice(lab: Laboratory) -> None:
    canister = await lab.create()
    assert await upgrade_module(lab.effects, canister, OTHER, keep_main_memory=False)
    assert await _hash(lab, canister) == hashlib.sha256(OTHER).digest()
    instance = lab.net.network.subnet.get(canister.bytes).instance
    assert instance is not None
    assert bytes(instance.capture().stable_memory) == stable_memory()
    assert not await upgrade_module(lab.effects, canister, OTHER, keep_main_memory=False)
    assert _outcomes(lab.effects) == ["done"]


async def test_a_large_module_goes_in_chunks_and_leaves_none_behind(lab: Laboratory) -> None:
    assert len(LARGE) > MAX_DIRECT_BYTES
    canister = await lab.create()
    await upgrade_module(lab.effects, canister, LARGE, keep_main_memory=False)
    assert await _hash(lab, canister) == hashlib.sha256(LARGE).digest()
    assert len(attempts(lab.effects.journal.records, STORE_CHUNK)) == 3
    assert await stored_chunks(lab.agent, canister) == ()


async def test_chunks_of_others_stay_in_the_store(lab: Laboratory) -> None:
    canister = await lab.create()
    theirs = await perform(lab.agent, change.upload_chunk(canister, b"not ours"))
    await upgrade_module(lab.effects, canister, LARGE, keep_main_memory=False)
    assert theirs in await stored_chunks(lab.agent, canister)


@pytest.mark.parametrize("executed", [True, False])
@pytest.mark.parametrize("code", [OTHER, LARGE], ids=["direct", "chunks"])
async def test_after_a_lost_reply_the_module_hash_decides(lab: Laboratory, code: bytes, executed: bool) -> None:
    canister = await lab.create()
    lose_outcome(lab, "install_code" if code is OTHER else "install_chunked_code", executed=executed)
    forget_outcome(lab)
    await upgrade_module(lab.effects, canister, code, keep_main_memory=False)
    assert await _hash(lab, canister) == hashlib.sha256(code).digest()
    assert _outcomes(lab.effects) == (["done"] if executed else ["not executed", "done"])


async def test_of_the_same_module_only_an_unchanged_version_tells(lab: Laboratory) -> None:
    canister = await lab.create()
    lose_outcome(lab, "install_code", executed=False)
    forget_outcome(lab)
    await upgrade_module(lab.effects, canister, module(), keep_main_memory=False)
    assert _outcomes(lab.effects) == ["not executed", "done"]


async def test_of_the_same_module_a_changed_version_stops_the_run_and_asks(lab: Laboratory) -> None:
    canister = await lab.create()
    lose_outcome(lab, "install_code", executed=True)
    forget_outcome(lab)
    with pytest.raises(EffectUndecided, match="upgrade"):
        await upgrade_module(lab.effects, canister, module(), keep_main_memory=False)


@pytest.mark.parametrize("executed", [True, False])
@pytest.mark.parametrize("code", [OTHER, LARGE, module()], ids=["direct", "chunks", "same"])
async def test_a_later_process_settles_it_and_goes_on(lab: Laboratory, code: bytes, executed: bool) -> None:
    canister = await lab.create()
    method = "install_chunked_code" if code is LARGE else "install_code"

    async def upgrade() -> None:
        await upgrade_module(lab.effects, canister, code, keep_main_memory=False)

    later = await crashed(lab, method, upgrade, executed=executed)
    await recover(later)
    assert _outcomes(later) == ["done" if executed else "not executed"]
    assert await upgrade_module(later, canister, code, keep_main_memory=False) is not executed
    assert await _hash(lab, canister) == hashlib.sha256(code).digest()
    later.journal.close()


async def test_the_module_itself_is_not_in_the_journal(lab: Laboratory) -> None:
    canister = await lab.create()
    await upgrade_module(lab.effects, canister, OTHER, keep_main_memory=False)
    (attempt,) = attempts(lab.effects.journal.records, INSTALL_CODE)
    assert "envelope" not in attempt.fields["request"]
    assert "status_envelope" in attempt.fields["request"]


async def test_what_is_no_module_is_refused_and_changes_nothing(lab: Laboratory) -> None:
    canister = await lab.create()
    before = await _hash(lab, canister)
    with pytest.raises(Rejected):
        await upgrade_module(lab.effects, canister, b"\0asm\x01\0\0\0\xff\xff", keep_main_memory=False)
    assert await _hash(lab, canister) == before
    assert _outcomes(lab.effects) == ["rejected"]
