"""Each rule fires where it should, the worst wins, and none hides another."""

from dataclasses import replace

import pytest

from quri_console.config import Thresholds
from quri_console.history import Sample
from quri_console.monitor.fleet import Health
from quri_console.monitor.health import Evidence, judge

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
