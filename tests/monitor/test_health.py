"""Each rule fires where it should, the worst wins, and none hides another."""

import json
from dataclasses import dataclass, replace

import pytest

from quri_console.config import Thresholds
from quri_console.history import Sample
from quri_console.monitor.fleet import Health
from quri_console.monitor.health import Evidence, judge
from quri_console.units import GIB, MIB

DAY = 86_400.0
WELL = Sample(
    "pkrpq-5qaaa-aaaah-aroda-cai",
    1,
    origin="query",
    status="running",
    cycles=5 * 10**12,
    freezing_limit=10**9,
    module_hash=bytes(32),
)
GOOD = Evidence(WELL, WELL, 90 * DAY, 10.0, False)


def health(evidence: Evidence) -> Health:
    return judge(evidence, Thresholds())


def reading(**changes: object) -> Health:
    sample = replace(WELL, **changes)
    return health(replace(GOOD, reading=sample, attempt=sample))


def attempt(kind: str) -> Health:
    return health(replace(GOOD, attempt=Sample(WELL.canister_id, 2, error_kind=kind, error="because")))


def test_nothing_is_wrong() -> None:
    assert health(GOOD) == Health("ok")


@pytest.mark.parametrize(
    ("found", "level", "reason"),
    [
        (health(Evidence(None, None, None, 0, True)), "unknown", "not seen yet"),
        (reading(status="stopped"), "critical", "stopped"),
        (reading(status="stopping"), "warning", "stopping"),
        (reading(module_hash=None), "warning", "no code"),
        (reading(cycles=10**12 - 1), "warning", "are below 1 T (warning)"),
        (reading(cycles=10**11 - 1), "critical", "are below 100 B (critical)"),
        (reading(cycles=2 * 10**12, freezing_limit=3 * 10**12), "critical", "frozen"),
        (health(replace(GOOD, runway_seconds=29 * DAY)), "warning", "≈ 29 d to the freezing limit"),
        (health(replace(GOOD, runway_seconds=6 * DAY)), "critical", "≈ 6 d to the freezing limit"),
        (health(replace(GOOD, stale=True, age_seconds=7200)), "unknown", "stale: last seen 2 h ago"),
        (attempt("unreachable"), "unknown", "unreachable: because"),
        (attempt("not authorised"), "unknown", "not authorised"),
        (attempt("rejected"), "unknown", "refused by the network: because"),
        (attempt("untrusted"), "critical", "answer not trusted: because"),
        (attempt("not found"), "critical", "deleted"),
    ],
)
def test_one_rule_at_a_time(found: Health, level: str, reason: str) -> None:
    assert found.level == level
    assert len(found.reasons) == 1
    assert reason in found.reasons[0]


def test_thresholds_are_exclusive() -> None:
    assert reading(cycles=10**12).level == "ok"
    assert reading(freezing_limit=WELL.cycles).level == "ok"
    assert health(replace(GOOD, runway_seconds=30 * DAY)).level == "ok"


def test_ran_dry_is_more_than_no_code() -> None:
    found = reading(cycles=0, module_hash=None)
    assert found.level == "critical"
    assert any("emptied" in reason for reason in found.reasons)


def test_every_reason_is_listed_worst_first() -> None:
    sample = replace(WELL, status="stopping", cycles=5, module_hash=None)
    late = Sample(WELL.canister_id, 2, error_kind="unreachable", error="because")
    found = health(Evidence(sample, late, 0.0, 7200, True))
    starts = [reason.split(":")[0].split(" ")[0] for reason in found.reasons]
    assert found.level == "critical"
    assert len(found.reasons) == 7
    assert starts[-2:] == ["unreachable", "stale"]


def test_a_lost_connection_does_not_hide_what_was_critical() -> None:
    low = replace(WELL, cycles=1)
    late = Sample(WELL.canister_id, 2, error_kind="unreachable", error="because")
    assert health(replace(GOOD, reading=low, attempt=late)).level == "critical"


@dataclass(frozen=True)
class Happened:
    kind: str
    at_ns: int
    before: str | None = None
    after: str | None = None


NOW_NS = 10**18
NOW = replace(GOOD, now_ns=NOW_NS)


def limits(**changes: object) -> Health:
    settings = json.dumps({"controllers": [], "reserved_cycles_limit": 1000, "wasm_memory_limit": 3 * GIB})
    return reading(settings=settings, **changes)


def changed(kind: str, before: str, after: str, age_seconds: float = 60) -> Health:
    event = Happened(kind, NOW_NS - round(age_seconds * 1e9), before, after)
    return health(replace(NOW, events=(event,)))


def backed_up(age_seconds: float | None, *, expected: bool = True) -> Health:
    at_ns = None if age_seconds is None else NOW_NS - round(age_seconds * 1e9)
    return health(replace(NOW, backup_expected=expected, last_backup_at_ns=at_ns, backup_age_seconds=26 * 3600))


@pytest.mark.parametrize(
    ("found", "rule", "level", "reason"),
    [
        (limits(reserved_cycles=800), "reserved-near-limit", "warning", "reserved cycles 800 is 80% of its limit"),
        (limits(reserved_cycles=960), "reserved-near-limit", "critical", "96%"),
        (
            limits(heap_bytes=round(2.5 * GIB)),
            "heap-near-limit",
            "warning",
            "heap 2.5 GiB is 83% of its limit of 3 GiB",
        ),
        (reading(heap_bytes=round(3.9 * GIB)), "heap-near-limit", "critical", "of its limit of 4 GiB"),
        (reading(stable_bytes=450 * GIB), "stable-near-limit", "warning", "stable memory 450 GiB is 90%"),
        (health(replace(GOOD, snapshots=10)), "snapshot-slots", "warning", "10 of 10 snapshots on chain"),
        (
            changed("controllers-changed", '["a","b"]', '["b","c"]'),
            "controllers-changed",
            "critical",
            "1 m ago: added c, removed a",
        ),
        (changed("module-changed", "ab" * 32, ""), "module-changed", "warning", "abababababab… → no code"),
        (backed_up(None), "backup-overdue", "warning", "no backup yet"),
        (backed_up(27 * 3600), "backup-overdue", "warning", "newest backup is 1 d 3 h old, more than 1 d 2 h"),
        (health(replace(GOOD, anomaly="burn 2 T/day")), "burn-anomaly", "warning", "unusual: burn 2 T/day"),
    ],
)
def test_what_comes_close_or_changed_is_a_finding(found: Health, rule: str, level: str, reason: str) -> None:
    assert [(finding.rule, finding.level) for finding in found.findings] == [(rule, level)]
    assert reason in found.reasons[0]


@pytest.mark.parametrize(
    "found",
    [
        limits(reserved_cycles=799, heap_bytes=GIB, stable_bytes=GIB),
        reading(settings=json.dumps({"controllers": [], "reserved_cycles_limit": 0}), reserved_cycles=5),
        health(replace(GOOD, snapshots=9)),
        changed("controllers-changed", '["a"]', '["b"]', age_seconds=3700),
        changed("topped-up", "1", "2"),
        backed_up(25 * 3600),
        backed_up(None, expected=False),
    ],
)
def test_what_is_far_from_its_limit_or_long_ago_is_none(found: Health) -> None:
    assert found == Health("ok")


def test_growth_within_a_day_needs_both_a_share_and_a_size() -> None:
    grown = replace(WELL, memory_bytes=200 * MIB)
    evidence = replace(GOOD, reading=grown, attempt=grown)
    assert health(replace(evidence, memory_day_ago=100 * MIB)).findings[0].rule == "memory-growth"
    assert health(replace(evidence, memory_day_ago=190 * MIB)) == Health("ok")
    small = replace(WELL, memory_bytes=20 * MIB)
    assert health(replace(GOOD, reading=small, attempt=small, memory_day_ago=MIB)) == Health("ok")


def test_a_clock_that_differs_is_named_beside_what_it_causes() -> None:
    attempt = Sample(WELL.canister_id, 2, error_kind="unreachable", error="expiry", clock_skew_seconds=-420.0)
    found = health(replace(GOOD, attempt=attempt))
    assert [finding.rule for finding in found.findings] == ["clock-skew", "unreachable"]
    assert "this machine's clock is 7 m behind" in found.reasons[0]


def test_a_finding_carries_its_numbers_for_hysteresis() -> None:
    finding = reading(cycles=10**12 - 1).findings[0]
    assert (finding.measured, finding.limit) == (float(10**12 - 1), 1e12)
