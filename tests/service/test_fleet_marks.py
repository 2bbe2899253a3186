"""What the picture of the fleet knows beside the newest reading: it comes from history and repository alone."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from quri_console.clock import Clock
from quri_console.console import Console
from quri_console.history import History, Sample
from quri_console.history.alerts import AlertChange, AlertRow
from quri_console.repository.marks import put_mark
from quri_console.service.pictures import picture
from tests.support.backups import AT, NOW, RUNE_ENGINE, repository_in, write_backup
from tests.support.fleets import REGISTRY, RUNE, SECOND, config, write_config

NOW_NS = int(NOW.timestamp()) * SECOND
READING = Sample(
    RUNE,
    NOW_NS - 5 * SECOND,
    origin="query",
    status="running",
    cycles=492_000_000_000,
    memory_bytes=72_770_912,
    module_hash=bytes(range(32)),
    settings='{"controllers":["2vxsx-fae"],"freezing_threshold":1}',
)
GROUP = '[groups.core]\ncanisters = ["rune-engine"]\n'


async def test_changes_readiness_and_alerts_come_from_the_history(tmp_path: Path) -> None:
    loaded = config(tmp_path, extra=GROUP)
    async with await History.open(tmp_path / "history.sqlite") as history:
        before = replace(READING, at_ns=NOW_NS - 20 * 3600 * SECOND, module_hash=bytes(32))
        changed = replace(READING, at_ns=NOW_NS - 19 * 3600 * SECOND)
        await history.add_samples("local", [before, changed, READING])
        await history.duties.succeeded("local", f"ready:{RUNE}", NOW_NS - 60 * SECOND)
        await history.duties.failed("local", f"ready:{REGISTRY}", NOW_NS - 90 * SECOND, "no way")
        async with history.alerts.changing("local") as alerts:
            await alerts.save(
                AlertChange("{}", alerts=(AlertRow(RUNE, "cycles-low", "firing", "warning", NOW_NS, "{}"),))
            )
        fleet = await picture(loaded, loaded.network(None), history, NOW_NS)
    rune, registry = fleet.canisters
    assert rune.module_changed_at_ns == changed.at_ns
    assert (rune.ready, rune.ready_at_ns) == (True, NOW_NS - 60 * SECOND)
    assert (registry.ready, registry.ready_at_ns) == (False, NOW_NS - 90 * SECOND)
    assert (rune.alert, registry.alert) == ("firing", "")
    assert (rune.group, registry.group) == ("core", "")
    assert (rune.settings, registry.settings) == (READING.settings, None)
    assert rune.interval_seconds == 60.0
    # the moment in which a change is an alert is shorter than the day for which it is marked
    assert "module-changed" not in {finding.rule for finding in rune.health.findings}


async def test_the_newest_verified_copy_is_told_from_the_newest(tmp_path: Path) -> None:
    root = tmp_path / "root" / "data" / "repository"
    verified = write_backup(root)
    put_mark(repository_in(root).backend, verified, "verification", NOW_NS, {"ok": True, "scope": "data"})
    write_backup(root, at=AT + timedelta(days=1))
    loaded = config(tmp_path)
    loaded = replace(loaded, canisters=(replace(loaded.canisters[0], id=RUNE_ENGINE.to_str()),))
    async with await History.open(tmp_path / "history.sqlite") as history:
        fleet = await picture(loaded, loaded.network(None), history, NOW_NS)
    view = fleet.canister(RUNE_ENGINE.to_str())
    assert view is not None
    taken_ns = int(AT.timestamp()) * SECOND
    assert (view.verified_at_ns, view.last_backup_at_ns) == (taken_ns, taken_ns + 86_400 * SECOND)


class Standing(Clock):
    """Stands still."""

    def now_ns(self) -> int:
        return NOW_NS

    def monotonic(self) -> float:
        return 0.0

    async def sleep(self, seconds: float) -> None:
        raise AssertionError("nothing here waits")


async def test_the_facts_of_a_canister_are_its_events_and_operations(tmp_path: Path) -> None:
    door = Console.open(config_path=write_config(tmp_path), clock=Standing())
    async with await History.open(door.config.paths.history) as history:
        stopped = replace(READING, status="stopped")
        await history.add_samples("local", [replace(READING, at_ns=NOW_NS - 3600 * SECOND), stopped])
    facts = await door.canister_facts("rune-engine")
    assert [(event.kind, event.before, event.after) for event in facts.events] == [
        ("status-changed", "running", "stopped")
    ]
    assert (facts.canister_id, facts.operations, facts.problem) == (RUNE, (), "")
    assert facts.burn is not None


async def test_facts_that_cannot_be_read_say_why(tmp_path: Path) -> None:
    door = Console.open(config_path=write_config(tmp_path))
    door.config.paths.history.parent.mkdir(parents=True)
    door.config.paths.history.write_bytes(b"no database" * 1000)
    facts = await door.canister_facts(RUNE)
    assert facts.problem
    assert facts.events == ()
