"""An alert waits, fires, keeps firing, clears late, and never takes the lack of data for health."""

import pytest

from quri_console.config.alerting import AlertsConfig
from quri_console.monitor.alert_state import FLAP_CHECKS, Moment, Observation, advance, flap_share, wait_ns
from quri_console.monitor.rules import Rule
from tests.support.alerting import (
    DAY,
    HOUR,
    MINUTE,
    SECOND,
    START,
    Watch,
    ack,
    finding,
    notes,
    told,
)

IMMEDIATE: tuple[Rule, ...] = (
    "frozen",
    "emptied",
    "deleted",
    "stopped",
    "controllers-changed",
    "module-changed",
    "untrusted",
)


@pytest.mark.parametrize("rule", IMMEDIATE)
def test_what_needs_no_second_look_fires_from_one_sample(rule: Rule) -> None:
    watch = Watch()
    watch.step({"a": [rule]})
    assert watch.state("a", rule) == "firing"


def test_a_warning_waits_before_it_fires() -> None:
    watch = Watch(config=AlertsConfig(wait_seconds=120))
    watch.step({"a": ["cycles-low"]})
    watch.minutes(1, {"a": ["cycles-low"]})
    assert watch.state("a", "cycles-low") == "pending"
    watch.minutes(1, {"a": ["cycles-low"]})
    assert watch.state("a", "cycles-low") == "firing"


def test_a_warning_that_passes_within_its_wait_is_never_told() -> None:
    watch = Watch(config=AlertsConfig(wait_seconds=120))
    watch.step({"a": ["cycles-low"]})
    assert watch.minutes(30) == []
    assert watch.alert("a", "cycles-low") is None


@pytest.mark.parametrize("rule", ["unreachable", "stale", "rejected", "never-seen", "not-authorised"])
def test_missing_data_is_an_alert_after_three_missed_intervals(rule: Rule) -> None:
    watch = Watch()
    watch.step({"a": [rule]})
    watch.minutes(2, {"a": [rule]})
    assert watch.state("a", rule) == "pending"
    watch.minutes(1, {"a": [rule]})
    assert watch.state("a", rule) == "firing"


def test_an_alert_keeps_firing_for_a_while_and_says_then_that_it_is_over() -> None:
    watch = Watch()
    watch.step({"a": ["stopped"]})
    watch.minutes(5)
    assert watch.state("a", "stopped") == "resolving"
    watch.minutes(2)
    assert watch.state("a", "stopped") == "resolved"
    assert told(watch.sent) == [("a", "stopped", "firing"), ("a", "stopped", "resolved")]


def test_a_cause_that_returns_while_resolving_is_the_same_alert() -> None:
    watch = Watch()
    watch.step({"a": ["stopped"]})
    watch.minutes(3)
    watch.minutes(10, {"a": ["stopped"]})
    assert told(watch.sent) == [("a", "stopped", "firing")]


def test_an_old_alert_is_forgotten_once_its_checks_are_quiet() -> None:
    watch = Watch()
    watch.step({"a": ["stopped"]})
    watch.minutes(FLAP_CHECKS + 6)
    assert watch.book.alerts == {}
    assert watch.book.groups == {}


@pytest.mark.parametrize("no_data", ["unreachable", "stale", "rejected", "not-authorised", "untrusted"])
def test_no_data_never_resolves_a_firing_alert(no_data: Rule) -> None:
    watch = Watch()
    watch.step({"a": ["stopped"]})
    watch.minutes(60, {"a": [no_data]})
    alert = watch.alert("a", "stopped")
    assert alert is not None
    assert (alert.state, alert.unknown) == ("firing", True)
    assert ("a", "stopped", "resolved") not in told(watch.sent)
    assert watch.state("a", no_data) == "firing"
    watch.minutes(7)
    assert watch.state("a", "stopped") == "resolved"


def test_a_subject_without_any_health_keeps_its_alerts() -> None:
    watch = Watch()
    watch.step({"a": ["stopped"]})
    for _ in range(30):
        watch.step(after=MINUTE, missing=["a"])
    assert watch.state("a", "stopped") == "firing"


def test_neither_wait_goes_on_while_there_is_no_data() -> None:
    watch = Watch(config=AlertsConfig(wait_seconds=180))
    watch.step({"a": ["cycles-low"], "b": ["stopped"]})
    watch.minutes(1, {"a": ["cycles-low"]})
    watch.minutes(20, {"a": ["cycles-low", "stale"], "b": ["stale"]})
    assert watch.state("a", "cycles-low") == "pending"
    assert watch.state("b", "stopped") == "resolving"
    watch.minutes(1, {"a": ["cycles-low"]})
    assert watch.state("a", "cycles-low") == "pending"
    assert watch.state("b", "stopped") == "resolving"
    watch.minutes(1, {"a": ["cycles-low"]})
    assert watch.state("a", "cycles-low") == "firing"


def test_unreachable_is_over_when_an_answer_comes_that_says_little() -> None:
    watch = Watch()
    watch.step({"a": ["unreachable"]})
    watch.minutes(4, {"a": ["unreachable"]})
    watch.minutes(7, {"a": ["not-authorised"]})
    assert watch.state("a", "unreachable") == "resolved"


def test_an_untrusted_answer_is_not_forgiven_because_no_answer_followed() -> None:
    watch = Watch()
    watch.step({"a": ["untrusted"]})
    watch.minutes(20, {"a": ["unreachable"]})
    assert watch.state("a", "untrusted") == "firing"


def test_an_overdue_backup_is_over_whatever_is_known_of_the_canister() -> None:
    watch = Watch()
    watch.step({"a": ["backup-overdue", "not-authorised"]})
    watch.minutes(3, {"a": ["backup-overdue", "not-authorised"]})
    watch.minutes(7, {"a": ["not-authorised"]})
    assert watch.state("a", "backup-overdue") == "resolved"


def test_what_is_no_longer_watched_is_over() -> None:
    watch = Watch()
    watch.step({"a": ["stopped"]})
    watch.subjects = ("b", "c")
    watch.minutes(6)
    assert ("a", "stopped", "resolved") in told(watch.sent)
    assert watch.alert("a", "stopped") is None


def test_an_empty_picture_ends_nothing() -> None:
    watch = Watch()
    watch.step({"a": ["stopped"]})
    watch.subjects = ()
    watch.minutes(30)
    assert watch.state("a", "stopped") == "firing"


def test_a_change_is_told_at_once_and_over_by_itself() -> None:
    watch = Watch()
    watch.step({"a": [finding("module-changed", "critical", "m1")]})
    watch.minutes(59)
    assert watch.state("a", "module-changed") == "firing"
    watch.minutes(2)
    assert told(watch.sent) == [("a", "module-changed", "firing"), ("a", "module-changed", "resolved")]


def test_a_second_change_is_told_although_the_first_still_fires() -> None:
    watch = Watch()
    watch.step({"a": [finding("module-changed", "critical", "m1")]})
    watch.minutes(5, {"a": [finding("module-changed", "critical", "m1")]})
    watch.minutes(1, {"a": [finding("module-changed", "critical", "m2")]})
    assert [note.value for note in notes(watch.sent)] == ["m1", "m2"]


def test_a_change_is_over_even_where_the_canister_says_nothing_more() -> None:
    watch = Watch()
    watch.step({"a": ["controllers-changed", "not-authorised"]})
    watch.minutes(61, {"a": ["not-authorised"]})
    assert watch.state("a", "controllers-changed") == "resolved"


def runway(days: float, limit: float, level: str = "warning") -> dict[str, list[object]]:
    return {"a": [finding("runway-short", level, "", days, limit)]}  # type: ignore[arg-type]


def test_an_alert_clears_only_where_the_value_has_left_its_limit_behind() -> None:
    watch = Watch()
    watch.step(runway(29, 30))  # type: ignore[arg-type]
    watch.minutes(2, runway(29, 30))  # type: ignore[arg-type]
    for _ in range(20):
        watch.step(after=MINUTE, measures={"a": {"runway-short": 32.9}})
    assert watch.state("a", "runway-short") == "firing"
    for _ in range(6):
        watch.step(after=MINUTE, measures={"a": {"runway-short": 33.1}})
    assert watch.state("a", "runway-short") == "resolved"


def test_a_critical_alert_becomes_a_warning_only_beyond_its_own_limit() -> None:
    watch = Watch()
    watch.step(runway(6.9, 7, "critical"))  # type: ignore[arg-type]
    watch.minutes(3, runway(6.9, 7, "critical"))  # type: ignore[arg-type]
    watch.minutes(1, runway(7.5, 30))  # type: ignore[arg-type]
    assert watch.alert("a", "runway-short").level == "critical"  # type: ignore[union-attr]
    watch.minutes(1, runway(7.8, 30))  # type: ignore[arg-type]
    assert watch.alert("a", "runway-short").level == "warning"  # type: ignore[union-attr]


def test_a_limit_that_is_no_number_is_left_out() -> None:
    watch = Watch()
    watch.step(runway(1, float("inf")))  # type: ignore[arg-type]
    watch.restart()
    assert watch.alert("a", "runway-short").limit is None  # type: ignore[union-attr]


def test_the_share_of_changes_is_weighted_as_nagios_does() -> None:
    always_changing = sum(1 << bit for bit in range(0, FLAP_CHECKS, 2))
    assert flap_share(0) == 0
    assert flap_share(always_changing) == pytest.approx(1.0)
    assert flap_share(1) == pytest.approx(1.2 / 20)
    assert flap_share(1 << FLAP_CHECKS - 1) == pytest.approx(0.8 / 20)


def test_flapping_is_told_once_and_so_is_its_end() -> None:
    watch = Watch()
    for turn in range(60):
        watch.step({"a": ["cycles-low"]} if turn % 2 else {}, after=MINUTE)
    assert watch.alert("a", "cycles-low").flapping  # type: ignore[union-attr]
    assert [(note.status, note.summary.startswith("flapping")) for note in notes(watch.sent)] == [("firing", True)]
    watch.minutes(30)
    assert watch.alert("a", "cycles-low") is None
    assert told(watch.sent) == [("a", "cycles-low", "firing"), ("a", "cycles-low", "resolved")]


def test_flapping_ends_only_when_the_checks_are_nearly_quiet() -> None:
    watch = Watch()
    for turn in range(30):
        watch.step({"a": ["cycles-low"]} if turn % 2 else {}, after=MINUTE)
    quiet = 0
    while watch.alert("a", "cycles-low").flapping:  # type: ignore[union-attr]
        watch.minutes(1)
        quiet += 1
    # by then one change is left in the window, at its end, where it weighs 4 %
    assert quiet == FLAP_CHECKS - 1


def test_steps_between_rounds_are_no_checks() -> None:
    watch = Watch()
    for _ in range(FLAP_CHECKS):
        watch.step({"a": ["stopped"]}, after=SECOND, fresh=False)
    assert watch.alert("a", "stopped").checks == 0  # type: ignore[union-attr]


def test_days_of_sleep_fire_and_resolve_nothing_by_themselves() -> None:
    watch = Watch(config=AlertsConfig(wait_seconds=180))
    findings: dict[str, list[Rule]] = {"a": ["cycles-low"], "b": ["unreachable"]}
    watch.step({**findings, "c": ["stopped"]})
    watch.step(findings, after=SECOND)
    watch.step(findings, after=3 * DAY)
    assert [watch.state("a", "cycles-low"), watch.state("b", "unreachable")] == ["pending", "pending"]
    assert watch.state("c", "stopped") == "resolving"


def test_a_clock_that_goes_back_stops_no_wait_for_longer_than_it_takes() -> None:
    watch = Watch(config=AlertsConfig(wait_seconds=120))
    watch.step({"a": ["cycles-low"], "b": ["stopped"]})
    watch.now_ns -= 10 * DAY
    watch.step({"a": ["cycles-low"]})
    assert watch.state("a", "cycles-low") == "pending"
    watch.minutes(2, {"a": ["cycles-low"]})
    assert watch.state("a", "cycles-low") == "firing"
    watch.minutes(5, {"a": ["cycles-low"]})
    assert watch.state("b", "stopped") == "resolved"
    over = [note for note in notes(watch.sent) if note.status == "resolved"]
    assert all(note.ended_at_ns is not None and note.ended_at_ns >= note.started_at_ns for note in over)


def test_a_clock_that_goes_back_neither_repeats_nor_stops_repeating() -> None:
    watch = Watch()
    watch.step({"a": ["stopped"]})
    watch.now_ns -= 10 * DAY
    assert watch.minutes(4 * 60 - 1, {"a": ["stopped"]}) == []
    assert len(watch.minutes(2, {"a": ["stopped"]})) == 1


def test_waits_are_as_configured() -> None:
    config = AlertsConfig(wait_seconds=90)
    assert wait_ns("heap-near-limit", config, MINUTE) == 90 * SECOND
    assert wait_ns("stale", config, MINUTE) == 3 * MINUTE
    assert wait_ns("frozen", config, MINUTE) == 0


def test_nothing_found_makes_no_alert() -> None:
    moment = Moment(START, 0, 0, 0)
    assert advance(None, "a", "stopped", Observation(None, True, 0, 0), moment) is None


def test_an_acknowledgement_ends_with_its_alert() -> None:
    watch = Watch()
    watch.step({"a": ["stopped"]})
    watch.mute(ack("a", "stopped", "critical", number=7))
    watch.minutes(10)
    assert watch.ended == [7]
    assert watch.book.mutes == ()
    assert watch.now_ns - START < HOUR
