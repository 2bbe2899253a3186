"""What health queries answered around the moment of a copy is recorded, and only what did not change meanwhile."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from quri_console.backup.backup_set import BackupRequest
from quri_console.backup.browse import HEALTH_NAME
from quri_console.backup.capture import back_up
from quri_console.backup.extras_record import extras_of
from quri_console.backup.health_replies import HealthReply, argument_of, compared, encode_replies, recorded_replies
from quri_console.backup.target import BackupTarget
from quri_console.clock import SystemClock
from quri_console.config.model import HealthCheck
from quri_console.errors import CorruptionError
from quri_console.ic.encoding.principal import Principal
from quri_console.ic.management import change
from quri_console.ic.prepared import perform
from quri_console.localnet.faults import FaultRule, Refuse
from quri_console.repository.sealed import seal
from quri_console.restore.rehearsal import Rehearsed
from quri_console.restore.rehearse import rehearse
from tests.support.guinea_pig import Laboratory, laboratory
from tests.support.rehearsals import TRUE, module

TIME = """(import "ic0" "time" (func $time (result i64)))"""
CHECKS = (
    HealthCheck("health"),
    HealthCheck("now"),
    HealthCheck("gone"),
    HealthCheck("health", argument="(5"),
)
NOW = """
  (func (export "canister_query now")
    (i64.store (i32.const 512) (call $time)) (call $append (i32.const 512) (i32.const 8)) (call $reply))"""


@pytest.fixture
async def lab(tmp_path: Path) -> AsyncIterator[Laboratory]:
    async with laboratory(tmp_path) as opened:
        yield opened


def code() -> bytes:
    return module(f'(call $yes)) {NOW} (func (export "canister_query unused")', imports=TIME)


async def backed_up(lab: Laboratory, canister: Principal, mode: str = "stop") -> tuple[HealthReply, ...]:
    target = BackupTarget(canister, "pig", health_checks=CHECKS)
    request = replace(lab.request(mode=mode), targets=(target,))
    assert isinstance(request, BackupRequest)
    await back_up(request, lab.effects, clock=SystemClock(), progress=lab.progress)
    return recorded_replies(lab.stored())


@pytest.mark.parametrize("mode", ["stop", "hot"])
async def test_a_steady_reply_is_kept_and_why_another_is_not(lab: Laboratory, mode: str) -> None:
    canister = await lab.create(code=code())
    health, now, gone, wrong = await backed_up(lab, canister, mode)
    assert health == HealthReply("health", argument_of(CHECKS[0]), TRUE, caller=lab.agent.identity.sender.bytes)
    assert (now.reply, "differently" in now.problem) == (None, True)
    assert (gone.reply, "gone" in gone.problem) == (None, True)
    assert (wrong.reply, "not Candid text" in wrong.problem) == (None, True)
    found = extras_of(lab.stored())
    assert found is not None
    assert found.present["health replies"] == HEALTH_NAME


async def test_a_real_copy_answers_as_it_did_when_it_was_taken(lab: Laboratory) -> None:
    await backed_up(lab, await lab.create(code=code()))
    stored = lab.stored()
    found = rehearse(lambda: stored, Rehearsed("pig", "", "not rehearsable"), CHECKS[:2])
    assert found.verdict == "passed"
    assert found.answers[0] == "`health` answered: healthy, the same as when the backup was taken"
    assert "not compared with the time of the backup" in found.answers[1]


async def test_a_stopped_canister_is_not_asked(lab: Laboratory) -> None:
    canister = await lab.create(code=code())
    await perform(lab.agent, change.stop_canister(canister))
    replies = await backed_up(lab, canister)
    assert {reply.problem for reply in replies} == {"it was not running"}


async def test_a_query_that_fails_stops_no_backup(lab: Laboratory) -> None:
    canister = await lab.create(code=code())
    lab.net.faults.add(FaultRule(Refuse(400, text="out of order"), method="health", count=None))
    replies = await backed_up(lab, canister)
    assert replies[0].reply is None
    assert "out of order" in replies[0].problem


async def test_without_configured_queries_nothing_is_recorded(lab: Laboratory) -> None:
    await lab.back_up((await lab.create(), "pig"))
    assert lab.stored().record(HEALTH_NAME) is None
    assert recorded_replies(lab.stored()) == ()


def test_of_two_rounds_only_equal_replies_are_kept() -> None:
    yes, no = HealthReply("a", b"x", b"yes"), HealthReply("a", b"x", b"no")
    failed = HealthReply("a", b"x", None, "why")
    assert compared([yes], [yes]) == (yes,)
    assert compared([yes], [no])[0].reply is None
    assert compared([yes], [failed])[0].problem == compared([failed], [yes])[0].problem == "why"


async def test_a_damaged_record_is_named(lab: Laboratory) -> None:
    await backed_up(lab, await lab.create(code=code()))
    stored = lab.stored()
    for document in ({"queries": [{"method": 5}]}, {"queries": 1}, {}, {"queries": [{"method": "a", "argument": "?"}]}):
        with pytest.raises(CorruptionError, match=HEALTH_NAME):
            recorded_replies(_Says(stored, seal(document)))  # type: ignore[arg-type]
    assert encode_replies(()) == seal({"queries": []})


class _Says:
    """A stored canister whose record is another."""

    def __init__(self, stored: object, data: bytes) -> None:
        self.label = "set/pig"
        self._data = data

    def record(self, name: str) -> bytes:
        return self._data
