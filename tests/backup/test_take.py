from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from quri_console.backup.browse import open_backup
from quri_console.backup.capture import back_up, units
from quri_console.backup.target import BackupTarget
from quri_console.clock import SystemClock
from quri_console.effects.stop import StopTimedOut
from quri_console.errors import Cancelled, UsageError
from quri_console.ic.encoding.principal import Principal
from quri_console.ic.management import change, snapshot_change
from quri_console.ic.management.read import list_canister_snapshots
from quri_console.ic.prepared import perform
from quri_console.localnet.management import Invocation
from quri_console.localnet.messages import Reply
from tests.support.guinea_pig import Laboratory, heap, laboratory, read_back

CLOCK = SystemClock()


@pytest.fixture
async def lab(tmp_path: Path) -> AsyncIterator[Laboratory]:
    async with laboratory(tmp_path) as opened:
        yield opened


def watch(lab: Laboratory) -> list[tuple[str, str]]:
    """Every stop, snapshot and start that the network executes, with the canister's text."""
    management, seen = lab.net.network.management, []
    methods = dict(management._methods)
    for name in ("stop_canister", "take_canister_snapshot", "start_canister"):
        original = methods[name]

        async def handler(invocation: Invocation, name: str = name, method: object = original) -> Reply:
            seen.append((name.split("_", maxsplit=1)[0], Principal(invocation.canister.id).to_str()))
            return await method.handler(invocation)  # type: ignore[attr-defined, no-any-return]

        methods[name] = replace(original, handler=handler)
    management._methods = methods
    return seen


def grouped(lab: Laboratory, *canisters: tuple[Principal, str], **changes: object) -> object:
    request = lab.request(*canisters, **changes)
    return replace(request, targets=tuple(replace(target, group="core") for target in request.targets))


async def test_a_group_is_stopped_together_and_comes_back_in_its_order(lab: Laboratory) -> None:
    first, second = await lab.create(), await lab.create()
    seen = watch(lab)
    request = grouped(lab, (first, "first"), (second, "second"))
    result = await back_up(request, lab.effects, clock=CLOCK, progress=lab.progress)  # type: ignore[arg-type]
    a, b = first.to_str(), second.to_str()
    assert seen == [("stop", a), ("stop", b), ("take", a), ("take", b), ("start", a), ("start", b)]
    (window,) = open_backup(lab.store()).manifest.groups
    assert window.consistent
    assert window.stopped_at is not None
    assert window.started_at is not None
    assert window.stopped_at <= window.started_at
    assert [entry.group for entry in result.captured] == ["core", "core"]
    assert {(await lab.status(canister)).status for canister in (first, second)} == {"running"}


async def test_a_member_that_does_not_stop_brings_all_back_and_the_set_is_not_one_cut(lab: Laboratory) -> None:
    first, second, third = await lab.create(), await lab.create(), await lab.create()
    await lab.occupy(second)
    request = grouped(lab, (first, "first"), (second, "second"), (third, "third"), stop_timeout_seconds=1)
    result = await back_up(request, lab.effects, clock=CLOCK, progress=lab.progress)  # type: ignore[arg-type]
    assert [failure.target.name for failure in result.failures] == ["second"]
    assert isinstance(result.failures[0].error, StopTimedOut)
    backup = open_backup(lab.store())
    assert [entry.name for entry in backup.manifest.canisters] == ["first", "third"]
    (window,) = backup.manifest.groups
    assert not window.consistent
    assert "did not stop" in window.reason
    assert "not one cut" in backup.manifest.canisters[0].warnings[0]
    assert {(await lab.status(canister)).status for canister in (first, second, third)} == {"running"}
    assert await list_canister_snapshots(lab.agent, first) == ()


async def test_a_member_that_was_stopped_stays_stopped(lab: Laboratory) -> None:
    first, second = await lab.create(), await lab.create()
    await perform(lab.agent, change.stop_canister(second))
    request = grouped(lab, (first, "first"), (second, "second"))
    await back_up(request, lab.effects, clock=CLOCK, progress=lab.progress)  # type: ignore[arg-type]
    assert (await lab.status(first)).status == "running"
    assert (await lab.status(second)).status == "stopped"
    assert open_backup(lab.store()).manifest.groups[0].consistent


async def test_an_abort_while_a_group_stands_still_brings_it_back_and_keeps_no_snapshot(
    lab: Laboratory, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = await lab.create(), await lab.create()
    original, calls = lab.effects.take_snapshot, []

    async def take(canister: Principal, **options: object) -> object:
        calls.append(canister)
        if len(calls) == 2:
            raise Cancelled("The backup was aborted")
        return await original(canister, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(lab.effects, "take_snapshot", take)
    request = grouped(lab, (first, "first"), (second, "second"))
    with pytest.raises(Cancelled):
        await back_up(request, lab.effects, clock=CLOCK, progress=lab.progress)  # type: ignore[arg-type]
    assert {(await lab.status(canister)).status for canister in (first, second)} == {"running"}
    assert await list_canister_snapshots(lab.agent, first) == ()
    assert lab.store().set_names() == lab.store().unfinished_names() == ()


async def test_a_snapshot_that_is_there_is_copied_and_left_alone(lab: Laboratory) -> None:
    canister = await lab.create()
    theirs = await perform(lab.agent, snapshot_change.take_canister_snapshot(canister))
    request = lab.request((canister, "pig"), mode="reuse")
    request = replace(request, targets=(replace(request.targets[0], reuse=theirs.id),))
    await back_up(request, lab.effects, clock=CLOCK, progress=lab.progress)
    stored = lab.stored()
    assert (stored.mode, stored.entry.snapshot_id) == ("reuse", theirs.id)
    assert read_back(stored)["wasm_memory"] == heap()
    assert [item.id for item in await list_canister_snapshots(lab.agent, canister)] == [theirs.id]


async def test_a_snapshot_that_is_not_there_is_refused_with_those_that_are(lab: Laboratory) -> None:
    canister = await lab.create()
    theirs = await perform(lab.agent, snapshot_change.take_canister_snapshot(canister))
    request = lab.request((canister, "pig"), mode="reuse")
    request = replace(request, targets=(replace(request.targets[0], reuse=b"another"),))
    with pytest.raises(UsageError, match="has no snapshot") as caught:
        await back_up(request, lab.effects, clock=CLOCK, progress=lab.progress)
    assert theirs.id.hex() in caught.value.why


async def test_metadata_alone_is_kept_of_a_canister_that_somebody_else_controls(lab: Laboratory) -> None:
    canister = await lab.create()
    module_hash = (await lab.status(canister)).module_hash
    await perform(
        lab.agent,
        change.update_settings(canister, change.SettingsChange(controllers=(Principal(b"\x01" * 28 + b"\x02"),))),
    )
    await back_up(lab.request((canister, "pig"), mode="metadata"), lab.effects, clock=CLOCK, progress=lab.progress)
    stored = lab.stored()
    assert (stored.mode, stored.state, stored.status) == ("metadata", None, None)
    assert stored.module_hash == module_hash


async def test_the_newest_snapshots_of_ours_stay_on_chain_as_configured(lab: Laboratory) -> None:
    canister = await lab.create()
    theirs = await perform(lab.agent, snapshot_change.take_canister_snapshot(canister))
    taken = []
    for _ in range(3):
        request = lab.request((canister, "pig"))
        request = replace(request, targets=(replace(request.targets[0], keep_on_chain=1),))
        result = await back_up(request, lab.effects, clock=CLOCK, progress=lab.progress)
        assert not result.leftovers
        taken.append(result.captured[0].snapshot_id)
    assert [item.id for item in await list_canister_snapshots(lab.agent, canister)] == [theirs.id, taken[-1]]


async def test_a_full_list_with_one_of_ours_makes_room_by_replacing_it(lab: Laboratory) -> None:
    canister = await lab.create()
    request = lab.request((canister, "pig"))
    keeping = replace(request, targets=(replace(request.targets[0], keep_on_chain=1),))
    ours = (await back_up(keeping, lab.effects, clock=CLOCK, progress=lab.progress)).captured[0].snapshot_id
    theirs = [(await perform(lab.agent, snapshot_change.take_canister_snapshot(canister))).id for _ in range(9)]
    await lab.back_up((canister, "pig"))
    present = [item.id for item in await list_canister_snapshots(lab.agent, canister)]
    assert present == theirs
    assert ours not in present


async def test_a_module_that_is_stored_already_is_not_read_again(lab: Laboratory) -> None:
    canister = await lab.create()
    await lab.back_up((canister, "pig"))
    management = lab.net.network.management
    method, kinds = management._methods["read_canister_snapshot_data"], []

    async def handler(invocation: Invocation) -> Reply:
        kinds.append(next(iter(invocation.record["kind"])))
        return await method.handler(invocation)

    management._methods = {**management._methods, "read_canister_snapshot_data": replace(method, handler=handler)}
    result = await lab.back_up((canister, "pig"))
    assert set(kinds) == {"wasm_memory", "stable_memory"}
    assert result.captured[0].new_bytes == 0
    assert read_back(lab.stored())["wasm_memory"] == heap()


def test_targets_are_taken_group_by_group_in_the_given_order() -> None:
    def target(number: int, group: str = "") -> BackupTarget:
        return BackupTarget(Principal(bytes([number])), str(number), group=group)

    found = list(units((target(1), target(2, "core"), target(3), target(4, "core"))))
    assert [(name, [member.name for member in members]) for name, members in found] == [
        ("", ["1"]),
        ("core", ["2", "4"]),
        ("", ["3"]),
    ]
