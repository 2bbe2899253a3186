"""A group that an operation left between two states: everything says so, and what ends it ends it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest
import pytest_asyncio

from quri_console.errors import ExitCode
from quri_console.ic.management import change
from quri_console.ic.prepared import perform
from quri_console.render.operation_list import what_now
from quri_console.service.doctor import examine
from quri_console.service.following import OperationHandle
from quri_console.service.interrupted import interrupted_notice
from quri_console.service.pictures import first_picture
from quri_console.service.resuming import abort, resume
from tests.support.fault_cells import FAULTS, RESTORE, ROLLBACK
from tests.support.group_stage import GROUP, GroupStage, group_stage
from tests.support.mortal import Mishap

WORDS = "not fit together"


@asynccontextmanager
async def half_way(
    folder: Path, monkeypatch: pytest.MonkeyPatch, operation: str
) -> AsyncIterator[tuple[GroupStage, OperationHandle]]:
    """The machine died right after the first canister of the group had been loaded, before the second."""
    async with group_stage(folder, monkeypatch) as opened:
        undone = (await opened.done(RESTORE)).id if operation == ROLLBACK else ""
        fault = cast("Mishap", FAULTS["rebooted before"])
        opened.runners.mishap = replace(fault, method="load_canister_snapshot", first=2)
        handle = await opened.start(operation, undone)
        assert await opened.ended() is None
        assert opened.states[0] != opened.states[1]
        yield opened, handle


@pytest_asyncio.fixture
async def half(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[tuple[GroupStage, OperationHandle]]:
    """A restore that is half-way."""
    async with half_way(tmp_path, monkeypatch, RESTORE) as found:
        yield found


async def test_status_doctor_and_the_list_name_the_canisters_and_the_command(
    half: tuple[GroupStage, OperationHandle],
) -> None:
    opened, handle = half
    session = opened.console.session
    command = f"quri-console operations resume {handle.id}"
    notice = interrupted_notice(session.config, "local", session.clock.now_ns() + 60 * 10**9)
    assert WORDS in notice
    assert notice.count(command) == 2
    fleet = await first_picture(session)
    assert WORDS in fleet.notice
    summary = handle.summary()
    assert summary.open
    assert summary.mixed is not None
    assert {*summary.mixed.new, *summary.mixed.old, *summary.mixed.unsure} == {"pig", "hen"}
    assert what_now(summary) == f"{summary.mixed.words}; to end that: {command}"
    found = [item for item in await opened.in_time(examine(session)) if item.what == "operations"]
    assert [item.level for item in found if WORDS in item.text] == ["critical"]
    assert any(command in item.next_step for item in found)


async def test_resuming_it_ends_that_and_nothing_says_it_any_more(half: tuple[GroupStage, OperationHandle]) -> None:
    opened, handle = half
    resume(opened.console.session, handle.id)
    outcome = await opened.ended()
    assert outcome is not None
    assert outcome.ok
    assert opened.states == [opened.good, opened.good]
    assert handle.summary().mixed is None
    assert WORDS not in (await first_picture(opened.console.session)).notice


@pytest.mark.parametrize("operation", [RESTORE, ROLLBACK])
async def test_aborting_it_brings_all_of_them_the_state_from_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, operation: str
) -> None:
    async with half_way(tmp_path, monkeypatch, operation) as (opened, handle):
        abort(opened.console.session, handle.id)
        outcome = await opened.ended()
        assert outcome is not None
        assert outcome.exit_code == ExitCode.CANCELLED
        before = opened.good if operation == ROLLBACK else opened.bad
        assert opened.states == [before, before]
        assert opened.all_run
        assert handle.summary().mixed is None


async def test_aborting_needs_no_repository(half: tuple[GroupStage, OperationHandle]) -> None:
    opened, handle = half
    repository = opened.console.config.repository.path
    repository.rename(repository.with_name("taken-away"))
    abort(opened.console.session, handle.id)
    outcome = await opened.ended()
    assert outcome is not None
    assert outcome.exit_code == ExitCode.CANCELLED, outcome
    assert opened.states == [opened.bad, opened.bad]
    assert opened.all_run
    assert handle.summary().mixed is None


async def test_one_that_somebody_else_changed_meanwhile_is_not_left_stopped_by_aborting(
    half: tuple[GroupStage, OperationHandle],
) -> None:
    opened, handle = half
    states = opened.states
    loaded = (opened.canister, *opened.others)[states.index(opened.good)]
    await opened.in_time(perform(opened.agent, change.take_canister_snapshot(loaded)))
    abort(opened.console.session, handle.id)
    outcome = await opened.ended()
    assert outcome is not None
    assert "somebody else changed" in outcome.what + outcome.why
    assert opened.states == states
    assert opened.all_run
    summary = handle.summary()
    assert summary.left_stopped == ()
    assert summary.mixed is not None


async def test_marked_resolved_it_is_said_no_more_and_can_be_rolled_back(
    half: tuple[GroupStage, OperationHandle],
) -> None:
    opened, handle = half
    shown = await opened.in_time(opened.console.plan_resolution(handle.id))
    assert sorted(item.loaded for item in shown.canisters) != ["new", "new"]
    await opened.in_time(opened.console.resolve(handle.id, reason="INC-42"))
    assert handle.summary().state == "resolved"
    assert WORDS not in (await first_picture(opened.console.session)).notice
    assert opened.all_run
    await opened.in_time(opened.console.start_rollback(handle.id, confirmation=f"local/{GROUP}"))
    outcome = await opened.ended()
    assert outcome is not None
    assert outcome.ok, outcome
    assert opened.states == [opened.bad, opened.bad]


async def test_a_later_restore_of_the_whole_group_puts_it_right(half: tuple[GroupStage, OperationHandle]) -> None:
    opened, handle = half
    await opened.in_time(opened.console.resolve(handle.id, reason="INC-42"))
    (opened.console.follow(handle.id).directory / "outcome.json").unlink()
    again = await opened.start(RESTORE)
    outcome = await opened.ended()
    assert outcome is not None
    assert outcome.ok, outcome
    assert again.summary().mixed is None
    assert handle.summary().mixed is None
