"""Plans from every kind of source, against a real network: what they say, and that making them changes nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from quri_console.backup.browse import open_backup
from quri_console.backup.capture import back_up
from quri_console.clock import SystemClock
from quri_console.errors import NotAuthorised, RefusedBySafetyRule
from quri_console.ic.encoding.principal import Principal
from quri_console.ic.management import change, snapshot_change
from quri_console.ic.management.types import SettingsChange
from quri_console.ic.prepared import perform
from quri_console.progress import NoProgress
from quri_console.repository.errors import RepositoryMissing
from quri_console.restore.group_planning import plan_group
from quri_console.restore.plan import RestorePlan
from quri_console.restore.planning import RestoreWish, plan_restore
from tests.support.guinea_pig import module
from tests.support.incidents import NAME, QUIET_NAN, Incident, incident


@pytest.fixture
async def broken(tmp_path: Path) -> AsyncIterator[Incident]:
    async with incident(tmp_path) as opened:
        yield opened


def wish(broken: Incident, **changes: object) -> RestoreWish:
    asked = RestoreWish("local", False, broken.canister, NAME, "latest", 20)
    return replace(asked, **changes)  # type: ignore[arg-type]


async def plan(broken: Incident, **changes: object) -> RestorePlan:
    before = (broken.on_network.version, broken.on_network.snapshots_made, broken.on_network.settings)
    made = await plan_restore(
        broken.lab.agent,
        wish(broken, **changes),
        repository=broken.lab.store(),
        locks=broken.lab.folder / "locks",
        clock=SystemClock(),
        progress=NoProgress(),
    )
    assert (broken.on_network.version, broken.on_network.snapshots_made, broken.on_network.settings) == before
    return made


async def snapshot(broken: Incident, canister: Principal | None = None) -> bytes:
    taken = await perform(broken.lab.agent, snapshot_change.take_canister_snapshot(canister or broken.canister))
    return taken.id


async def test_a_snapshot_on_chain_is_planned_without_an_upload(broken: Incident) -> None:
    identifier = await snapshot(broken)
    for named in (f"snapshot:{identifier.hex()}", f"snapshot:{identifier.hex()[:16]}", "snapshot:latest"):
        made = await plan(broken, source=named)
        assert made.feasible
        assert (made.source.kind, made.source.snapshot_id, made.source.sent_bytes) == ("snapshot", identifier, 0)
        assert made.source.module_hash == made.live.module_hash
        assert "upload" not in [step.text for step in made.steps]
        assert any("sets none, so it stays" in sentence for sentence in made.not_coming_back)


async def test_a_snapshot_that_is_gone_and_one_of_several_are_refused(broken: Incident) -> None:
    await snapshot(broken)
    await snapshot(broken)
    for named in ("snapshot:ff", "snapshot:", "snapshot:00"):
        with pytest.raises(RefusedBySafetyRule, match="snapshot"):
            await plan(broken, source=named)


async def test_without_a_repository_a_snapshot_can_be_restored_and_a_backup_cannot(broken: Incident) -> None:
    await snapshot(broken)

    async def planned(source: str) -> RestorePlan:
        return await plan_restore(
            broken.lab.agent,
            wish(broken, source=source),
            repository=None,
            locks=broken.lab.folder / "locks",
            clock=SystemClock(),
            progress=NoProgress(),
        )

    assert (await planned("snapshot:latest")).feasible
    with pytest.raises(RepositoryMissing):
        await planned("latest")


async def test_what_changed_since_is_told_from_the_newest_copy(broken: Incident) -> None:
    first = open_backup(broken.lab.store()).name
    made = await plan(broken)
    assert made.newest_copy is not None
    assert made.newest_copy.is_source
    await back_up(
        broken.lab.request((broken.canister, NAME)), broken.lab.effects, clock=SystemClock(), progress=NoProgress()
    )
    made = await plan(broken, source=first)
    assert made.newest_copy is not None
    assert not made.newest_copy.is_source
    assert made.newest_copy.taken_at_ns >= made.source.taken_at_ns
    changes = dict(change.split(": ", 1) for change in made.newest_copy.changes)
    assert changes["heap"] == "equal"
    assert changes["module"] == "another"
    assert changes["globals"].startswith("1 of ")


async def test_a_clone_is_left_stopped_unless_it_is_to_be_started(broken: Incident) -> None:
    target = await broken.lab.create(code=b"")
    clone = {"canister": target, "name": "copy", "owner": broken.canister, "owner_name": NAME}
    made = await plan(broken, **clone)
    assert made.clone
    assert (made.source.canister, made.start_after, made.safety_snapshot) == (broken.canister, False, False)
    assert made.newest_copy is None
    assert any("becomes a copy of pig" in warning for warning in made.warnings)
    assert made.feasible
    assert (await plan(broken, start_after=True, **clone)).start_after is True


async def test_another_canisters_snapshot_needs_a_controller_of_both(broken: Incident) -> None:
    target = await broken.lab.create()
    await snapshot(broken)
    clone = {"canister": target, "name": "copy", "owner": broken.canister, "owner_name": NAME}
    made = await plan(broken, source="snapshot:latest", **clone)
    assert made.feasible
    assert made.source.canister == broken.canister
    assert {"controller of the source", "subnet"} <= {check.name for check in made.checks}
    canister = broken.on_network
    canister.settings = replace(canister.settings, controllers=(b"\x04",))
    with pytest.raises(NotAuthorised, match="whose snapshot it is"):
        await plan(broken, source="snapshot:latest", **clone)


async def test_settings_come_back_only_where_they_are_asked_for_and_differ(broken: Incident) -> None:
    made = await plan(broken, with_settings=True)
    assert made.settings is None
    await perform(
        broken.lab.agent, change.update_settings(broken.canister, SettingsChange(freezing_threshold=1_000_000))
    )
    assert (await plan(broken)).settings is None
    made = await plan(broken, with_settings=True)
    assert made.settings == SettingsChange(freezing_threshold=2_592_000)
    assert next(item for item in made.differences if item.name == "freezing threshold").restored
    assert "settings" in [step.text for step in made.steps]


async def test_time_and_downtime_have_a_range_and_an_empty_canister_has_no_way_back(broken: Incident) -> None:
    made = await plan(broken)
    assert 0 < made.downtime_seconds <= made.downtime_high_seconds
    assert made.duration_seconds <= made.duration_high_seconds
    await perform(broken.lab.agent, change.uninstall_code(broken.canister))
    emptied = await plan(broken)
    assert emptied.feasible
    assert not emptied.safety_snapshot
    assert any("no safety snapshot can be taken" in sentence for sentence in emptied.not_coming_back)


async def test_without_a_safety_snapshot_the_plan_says_that_there_is_no_way_back(broken: Incident) -> None:
    made = await plan(broken, no_safety_reason="there is no slot left for it")
    assert not made.safety_snapshot
    assert any("cannot be rolled back" in warning for warning in made.warnings)


async def test_a_group_is_restored_only_from_a_set_in_which_it_is_one_cut(broken: Incident) -> None:
    other = await broken.lab.create(code=module(QUIET_NAN))
    pair = ((broken.canister, NAME), (other, "sow"))
    wishes = [wish(broken), replace(wish(broken), canister=other, name="sow")]

    async def planned() -> object:
        return await plan_group(
            broken.lab.agent,
            "farm",
            wishes,
            repository=broken.lab.store(),
            locks=broken.lab.folder / "locks",
            clock=SystemClock(),
            progress=NoProgress(),
        )

    request = broken.lab.request(*pair)
    await back_up(request, broken.lab.effects, clock=SystemClock(), progress=NoProgress())
    with pytest.raises(RefusedBySafetyRule, match="as one cut"):
        await planned()
    together = replace(request, targets=tuple(replace(target, group="farm") for target in request.targets))
    await back_up(together, broken.lab.effects, clock=SystemClock(), progress=NoProgress())
    made = await planned()
    assert [member.name for member in made.members] == [NAME, "sow"]  # type: ignore[attr-defined]
    assert len({member.source.set_path for member in made.members}) == 1  # type: ignore[attr-defined]
    assert not any(member.warnings for member in made.members)  # type: ignore[attr-defined]
    alone = await plan(broken)
    assert any("will disagree with sow" in warning for warning in alone.warnings)
