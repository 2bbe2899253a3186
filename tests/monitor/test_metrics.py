"""What Prometheus is told: only what is known, exactly, and in text that cannot be misread."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from importlib.resources import files

from hypothesis import given
from hypothesis import strategies as st

from quri_console.monitor.fleet import CanisterView, Finding, Health
from quri_console.monitor.metrics import HELP, PayerFacts, WatchFacts, label_text, metrics_text
from tests.support.fleets import HEALTHY, NEVER_SEEN, NOW_NS, REGISTRY, RUNE, SECOND, fleet, view

NAME_IN_USE = re.compile(r"\bquri_[a-z_]+\b")
EVERYTHING = WatchFacts(
    heartbeat_at_ns=NOW_NS,
    last_round_at_ns=NOW_NS - SECOND // 2,
    last_round_seconds=0.7,
    outbox_waiting={"ops": 2},
    alerts_firing={"critical": 1},
    payers=(PayerFacts("main", 10**12, 2 * 10**12, NOW_NS),),
)
RUNE_LABELS = f'network="local",canister="rune-engine",id="{RUNE}"'


def values(text: str, name: str) -> dict[str, str]:
    """The samples of one metric: labels to value."""
    found = re.findall(rf"^{name}\{{(.*)\}} (\S+)$", text, re.MULTILINE)
    assert len(found) == len(dict(found)), "the same labels twice"
    return dict(found)


def of_one(canister: CanisterView) -> str:
    return metrics_text(fleet(canister))


def test_a_healthy_canister_is_told_in_base_units() -> None:
    text = of_one(HEALTHY)
    expected = {
        "quri_canister_up": "1",
        "quri_canister_stale": "0",
        "quri_canister_cycles": "5000000000000",
        "quri_canister_reserved_cycles": "0",
        "quri_canister_freezing_limit_cycles": "213000000000",
        "quri_canister_idle_burn_cycles_per_day": "7114022219",
        "quri_canister_burn_cycles_per_day": "12000000000.0",
        "quri_canister_runway_seconds": "7776000.0",
        "quri_canister_memory_bytes": "72770912",
        "quri_canister_answer_duration_seconds": "0.0125",
        "quri_canister_sample_timestamp_seconds": "1749999986",
        "quri_canister_last_backup_timestamp_seconds": "1749989200",
    }
    for name, value in expected.items():
        assert values(text, name) == {RUNE_LABELS: value}, name


def test_what_is_not_known_has_no_sample_at_all() -> None:
    text = of_one(replace(NEVER_SEEN, attempted_at_ns=None))
    told = {line.partition("{")[0] for line in text.splitlines() if not line.startswith("#")}
    assert {name for name in told if name.startswith("quri_canister")} == {
        "quri_canister_info",
        "quri_canister_health",
        "quri_canister_finding",
        "quri_canister_stale",
    }
    # nothing is said of alerts, queue and payers that were not asked about, nor of a round that was not made
    assert {name for name in told if not name.startswith("quri_canister")} == {
        "quri_watch_interval_seconds",
        "quri_build_info",
    }


def test_no_number_that_is_none_is_ever_written() -> None:
    odd = view(runway_seconds=float("inf"), burn_per_day=float("nan"), latency_ms=float("-inf"))
    text = of_one(odd)
    assert not re.search(r" [+-]?(nan|inf)", text, re.IGNORECASE)
    assert values(text, "quri_canister_runway_seconds") == {}
    assert values(text, "quri_canister_cycles") != {}


def test_balances_are_exact_to_the_last_cycle() -> None:
    balance = 10**38 + 1
    text = metrics_text(fleet(view(cycles=balance)), WatchFacts(payers=(PayerFacts("main", balance),)))
    assert list(values(text, "quri_canister_cycles").values()) == [str(balance)]
    assert values(text, "quri_payer_cycles") == {'network="local",payer="main"': str(balance)}
    # no warning is configured, and 0 would say that one is
    assert values(text, "quri_payer_warning_cycles") == {}


def test_a_payer_that_was_not_read_has_no_balance_but_keeps_its_warning() -> None:
    text = metrics_text(fleet(), WatchFacts(payers=(PayerFacts("main", None, 5),)))
    assert values(text, "quri_payer_cycles") == {}
    assert values(text, "quri_payer_warning_cycles") == {'network="local",payer="main"': "5"}


def test_stale_values_are_shown_with_their_time_and_marked() -> None:
    text = of_one(view(stale=True, answering=False, sampled_at_ns=NOW_NS - 3600 * SECOND, attempted_at_ns=NOW_NS))
    assert values(text, "quri_canister_stale") == {RUNE_LABELS: "1"}
    assert values(text, "quri_canister_up") == {RUNE_LABELS: "0"}
    assert values(text, "quri_canister_sample_timestamp_seconds") == {RUNE_LABELS: "1749996400"}
    assert values(text, "quri_canister_cycles") == {RUNE_LABELS: "5000000000000"}


def test_health_is_a_state_set_and_each_rule_says_why_once() -> None:
    findings = (
        Finding("frozen", "critical", "f"),
        Finding("stale", "unknown", "s"),
        Finding("frozen", "critical", "g"),
    )
    text = of_one(view(health=Health("critical", findings)))
    assert values(text, "quri_canister_health") == {
        f'{RUNE_LABELS},level="{level}"': "1" if level == "critical" else "0"
        for level in ("ok", "warning", "critical", "unknown")
    }
    assert values(text, "quri_canister_finding") == {
        f'{RUNE_LABELS},rule="frozen",level="critical"': "1",
        f'{RUNE_LABELS},rule="stale",level="unknown"': "1",
    }


def test_the_watch_tells_about_itself() -> None:
    text = metrics_text(fleet(), EVERYTHING)
    assert values(text, "quri_watch_heartbeat_timestamp_seconds") == {'network="local"': "1750000000"}
    assert values(text, "quri_watch_last_round_timestamp_seconds") == {'network="local"': "1749999999.5"}
    assert values(text, "quri_watch_round_duration_seconds") == {'network="local"': "0.7"}
    assert values(text, "quri_outbox_waiting") == {'channel="ops"': "2"}
    assert values(text, "quri_alerts_firing") == {
        'network="local",level="warning"': "0",
        'network="local",level="critical"': "1",
        'network="local",level="unknown"': "0",
    }


def test_a_canister_that_is_given_twice_is_told_once() -> None:
    # Prometheus refuses a whole scrape for one duplicate
    assert len(values(metrics_text(fleet(HEALTHY, HEALTHY)), "quri_canister_cycles")) == 1


def test_all_samples_of_a_metric_stand_together_below_one_head() -> None:
    text = metrics_text(fleet(HEALTHY, view(name="registry", canister_id=REGISTRY)), EVERYTHING)
    names = [line.partition("{")[0] for line in text.splitlines() if not line.startswith("#")]
    runs = [name for before, name in zip(["", *names], names, strict=False) if before != name]
    assert len(runs) == len(set(runs))
    assert re.findall(r"^# TYPE (\S+)", text, re.MULTILINE) == runs == re.findall(r"^# HELP (\S+)", text, re.MULTILINE)


def test_every_metric_can_really_be_written_and_needs_no_escaping_in_its_help() -> None:
    worst = view(health=Health("critical", (Finding("frozen", "critical", "f"),)))
    assert {
        line.split("{")[0] for line in metrics_text(fleet(worst), EVERYTHING).splitlines() if line[0] != "#"
    } == set(HELP)
    assert not any(character in text for text in HELP.values() for character in '\\\n"')


def test_openmetrics_names_infos_as_it_must_and_ends_with_its_mark() -> None:
    text = metrics_text(fleet(HEALTHY), EVERYTHING, form="openmetrics")
    assert text.endswith("} 1\n# EOF\n")
    assert "# TYPE quri_canister info\n# " not in text
    assert "# TYPE quri_canister info\nquri_canister_info{" in text
    assert "# TYPE quri_canister_cycles gauge\n" in text


@given(st.text())
def test_any_text_comes_back_from_a_label_and_cannot_leave_it(value: str) -> None:
    written = label_text(name=value)
    inner = re.fullmatch(r'name="((?:[^"\\\n]|\\[\\n"])*)"', written)
    assert inner is not None
    read = re.sub(r"\\(.)", lambda match: {"n": "\n"}.get(match[1], match[1]), inner[1], flags=re.DOTALL)
    assert read == value


def test_text_that_is_not_unicode_still_gives_valid_utf8() -> None:
    assert label_text(name="a\ud800b") == r'name="a\\ud800b"'


def shipped(name: str) -> str:
    return (files("quri_console.monitor") / "prometheus" / name).read_text("utf-8")


def test_dashboard_and_rules_use_only_metrics_that_exist() -> None:
    for name in ("dashboard.json", "alert_rules.yml"):
        assert set(NAME_IN_USE.findall(shipped(name))) <= set(HELP), name


def test_the_dashboard_asks_whatever_data_source_it_is_given() -> None:
    dashboard = json.loads(shipped("dashboard.json"))
    variables = {variable["name"]: variable for variable in dashboard["templating"]["list"]}
    assert variables["datasource"]["type"] == "datasource"
    for panel in dashboard["panels"]:
        sources = [panel["datasource"], *(target["datasource"] for target in panel["targets"])]
        assert {source["uid"] for source in sources} == {"${datasource}"}, panel["title"]
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"])
    titles = {panel["title"] for panel in dashboard["panels"]}
    assert {"Fleet", "Cycles", "Runway", "Burn per day", "Health", "Alerts firing", "Outbox"} <= titles
