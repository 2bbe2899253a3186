"""The picture takes each value from the sample that knows it, and says how old it is."""

from pathlib import Path

import pytest

from quri_console.history import Sample
from quri_console.monitor.fleet import FleetStatus
from quri_console.monitor.view import Seen, fleet_picture
from tests.support.fleets import NOW_NS, REGISTRY, RUNE, SECOND, config

READING = Sample(
    RUNE,
    NOW_NS - 300 * SECOND,
    origin="query",
    status="running",
    cycles=5 * 10**12,
    reserved_cycles=0,
    idle_burn_per_day=10**10,
    freezing_limit=10**12,
    module_hash=bytes(32),
    settings='{"controllers":["2vxsx-fae"]}',
    latency_ms=3.0,
)
PUBLIC = Sample(
    RUNE,
    NOW_NS - 10 * SECOND,
    origin="public",
    module_hash=bytes([1] * 32),
    settings='{"controllers":["aaaaa-aa"]}',
    error_kind="not authorised",
    error="not a controller",
)
FAILED = Sample(RUNE, NOW_NS - 5 * SECOND, error_kind="unreachable", error="no route")


def picture(folder: Path, *samples: Sample, backups: dict[str, int] | None = None) -> FleetStatus:
    loaded = config(folder)
    newest = {sample.canister_id: sample for sample in samples}
    answers = {sample.canister_id: sample for sample in samples if sample.answered}
    readings = {sample.canister_id: sample for sample in samples if sample.cycles is not None}
    series = {RUNE: ((NOW_NS - 3600 * SECOND, 6 * 10**12), (NOW_NS, 5 * 10**12))}
    seen = Seen(newest, answers, readings, series)
    return fleet_picture(loaded, loaded.networks[0], seen, backups or {}, now_ns=NOW_NS)


def test_the_configured_order_and_what_was_never_seen(tmp_path: Path) -> None:
    fleet = picture(tmp_path)
    assert [(view.name, view.health.level, view.answering) for view in fleet.canisters] == [
        ("rune-engine", "unknown", False),
        ("registry", "unknown", False),
    ]
    assert (fleet.network, fleet.production, fleet.interval_seconds) == ("local", False, 60.0)


def test_values_keep_their_age_when_newer_attempts_failed(tmp_path: Path) -> None:
    view = picture(tmp_path, READING, FAILED).canisters[0]
    assert (view.cycles, view.sampled_at_ns, view.attempted_at_ns) == (5 * 10**12, READING.at_ns, FAILED.at_ns)
    assert (view.stale, view.answering, view.error, view.origin) == (True, False, "no route", "query")


def test_module_and_controllers_come_from_the_youngest_answer(tmp_path: Path) -> None:
    view = picture(tmp_path, READING, PUBLIC).canisters[0]
    assert (view.module_hash, view.controllers) == (PUBLIC.module_hash, ("aaaaa-aa",))
    assert view.cycles == READING.cycles
    assert view.answering


def test_the_burn_goes_by_the_observed_one_when_it_is_higher(tmp_path: Path) -> None:
    view = picture(tmp_path, READING).canisters[0]
    idle = READING.idle_burn_per_day
    assert idle is not None
    # an hour was seen of the nine that an estimate of its own takes
    assert view.burn_per_day == pytest.approx(idle + (24 * 10**12 - idle) / 9)
    assert view.runway_seconds == pytest.approx(4 * 10**12 / view.burn_per_day * 86_400)


def test_backups_find_their_canister(tmp_path: Path) -> None:
    fleet = picture(tmp_path, READING, backups={REGISTRY: 7})
    assert [view.last_backup_at_ns for view in fleet.canisters] == [None, 7]


def test_the_picture_finds_canisters_by_id(tmp_path: Path) -> None:
    fleet = picture(tmp_path)
    assert fleet.canister(REGISTRY) is fleet.canisters[1]
    assert fleet.canister("aaaaa-aa") is None
