"""The fleet and the watch itself as Prometheus metrics; pure.

Moments are timestamps, never ages: a reader then sees by itself that a number grew old, also when
whoever wrote it is dead. What is not known has no sample: a zero or NaN would be drawn as a fact.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, get_args

from quri_console import __version__
from quri_console.clock import NANOSECONDS_PER_SECOND
from quri_console.monitor.fleet import CanisterView, FleetStatus, RunStatus
from quri_console.monitor.rules import HealthLevel

MetricsFormat = Literal["text", "openmetrics"]

CONTENT_TYPES: Mapping[MetricsFormat, str] = {
    "text": "text/plain; version=0.0.4; charset=utf-8",
    "openmetrics": "application/openmetrics-text; version=1.0.0; charset=utf-8",
}

HEALTH_LEVELS: tuple[HealthLevel, ...] = get_args(HealthLevel)
RUN_STATUSES: tuple[RunStatus, ...] = get_args(RunStatus)
ALERT_LEVELS: tuple[HealthLevel, ...] = ("warning", "critical", "unknown")

HELP: Mapping[str, str] = {
    "quri_canister_info": "What a canister is: its module hash (empty: no code seen) and its criticality.",
    "quri_canister_up": "Whether the newest try to see the canister got any answer.",
    "quri_canister_status": "Whether the canister was last seen in this run status.",
    "quri_canister_health": "Whether this is the health level of the canister.",
    "quri_canister_finding": "A rule that applies to the canister now, with the level it gives.",
    "quri_canister_stale": "Whether the values are older than two intervals of the watch.",
    "quri_canister_sample_timestamp_seconds": "When the values of the canister were sampled.",
    "quri_canister_attempt_timestamp_seconds": "When the canister was last asked, with or without an answer.",
    "quri_canister_answer_duration_seconds": "How long the newest answer took.",
    "quri_canister_cycles": "Balance in cycles, without those reserved.",
    "quri_canister_reserved_cycles": "Cycles reserved for future payments of storage.",
    "quri_canister_freezing_limit_cycles": "Balance below which the canister stops serving.",
    "quri_canister_idle_burn_cycles_per_day": "What the canister burns when nobody calls it, as the network says.",
    "quri_canister_burn_cycles_per_day": "What the canister burns, estimated from its history without top-ups.",
    "quri_canister_runway_seconds": "Time to the freezing limit at the estimated burn.",
    "quri_canister_memory_bytes": "Memory that the canister pays for.",
    "quri_canister_last_backup_timestamp_seconds": "When the newest backup of the canister was taken.",
    "quri_payer_cycles": "Balance in cycles of an account that top-ups are paid from.",
    "quri_payer_warning_cycles": "Balance of the account below which it warns.",
    "quri_payer_sample_timestamp_seconds": "When the balance of the account was read.",
    "quri_alerts_firing": "Alerts that fire now.",
    "quri_outbox_waiting": "Messages that wait for their delivery to a channel.",
    "quri_watch_heartbeat_timestamp_seconds": "When the watch last showed that it is alive.",
    "quri_watch_interval_seconds": "Time between two rounds of the watch.",
    "quri_watch_last_round_timestamp_seconds": "When the newest round over all canisters ended.",
    "quri_watch_round_duration_seconds": "How long the newest round took.",
    "quri_build_info": "The version of quri-console.",
}
"""Every metric that can be written, in the order in which they are."""


@dataclass(frozen=True, slots=True)
class PayerFacts:
    """One account that top-ups are paid from; `cycles` None while unknown, `warning_cycles` 0 for no warning."""

    name: str
    cycles: int | None
    warning_cycles: int = 0
    sampled_at_ns: int | None = None


@dataclass(frozen=True, slots=True)
class WatchFacts:
    """What the watch knows of itself; times in ns since 1970, None where not known.

    `outbox_waiting` counts the waiting messages of each channel, `alerts_firing` the firing
    alerts of each level (levels without any may be left out).
    """

    heartbeat_at_ns: int | None = None
    last_round_at_ns: int | None = None
    last_round_seconds: float | None = None
    outbox_waiting: Mapping[str, int] | None = None
    alerts_firing: Mapping[HealthLevel, int] | None = None
    payers: tuple[PayerFacts, ...] = ()


@dataclass(frozen=True, slots=True)
class _Sample:
    """One line; `labels` is their finished text."""

    name: str
    labels: str
    value: str


def metrics_text(fleet: FleetStatus, facts: WatchFacts | None = None, *, form: MetricsFormat = "text") -> str:
    """All metrics in the Prometheus text format 0.0.4 or in OpenMetrics 1.0."""
    lines: dict[str, list[str]] = {}
    for sample in _samples(fleet, facts or WatchFacts()):
        lines.setdefault(sample.name, []).append(f"{sample.name}{{{sample.labels}}} {sample.value}\n")
    # the samples of one metric must stand together
    parts = [_head(name, form) + "".join(lines[name]) for name in HELP if name in lines]
    return "".join(parts) + ("# EOF\n" if form == "openmetrics" else "")


def _head(name: str, form: MetricsFormat) -> str:
    family, kind = name, "gauge"
    if form == "openmetrics" and name.endswith("_info"):
        family, kind = name.removesuffix("_info"), "info"
    return f"# HELP {family} {HELP[name]}\n# TYPE {family} {kind}\n"


def _samples(fleet: FleetStatus, facts: WatchFacts) -> Iterator[_Sample]:
    seen: set[tuple[str, str]] = set()
    for view in fleet.canisters:
        # the same labels twice make a reader refuse everything
        if (identity := (view.name, view.canister_id)) not in seen:
            seen.add(identity)
            yield from _canister(view)
    network = label_text(network=fleet.network)
    yield from _payers(fleet.network, facts)
    for level in ALERT_LEVELS if facts.alerts_firing is not None else ():
        labels = f"{network},{label_text(level=level)}"
        yield _Sample("quri_alerts_firing", labels, str((facts.alerts_firing or {}).get(level, 0)))
    # one outbox serves every network
    for channel, waiting in (facts.outbox_waiting or {}).items():
        yield _Sample("quri_outbox_waiting", label_text(channel=channel), str(waiting))
    watch = {
        "quri_watch_heartbeat_timestamp_seconds": _moment(facts.heartbeat_at_ns),
        "quri_watch_interval_seconds": _number(fleet.interval_seconds),
        "quri_watch_last_round_timestamp_seconds": _moment(facts.last_round_at_ns),
        "quri_watch_round_duration_seconds": _number(facts.last_round_seconds),
    }
    yield from _known(network, watch)
    yield _Sample("quri_build_info", label_text(version=__version__), "1")


def _canister(view: CanisterView) -> Iterator[_Sample]:
    labels = label_text(network=view.network, canister=view.name, id=view.canister_id)
    module = view.module_hash.hex() if view.module_hash is not None else ""
    yield _Sample("quri_canister_info", f"{labels},{label_text(module_hash=module, criticality=view.criticality)}", "1")
    for status in RUN_STATUSES if view.status is not None else ():
        yield _Sample("quri_canister_status", f"{labels},{label_text(status=status)}", _flag(view.status == status))
    for level in HEALTH_LEVELS:
        yield _Sample("quri_canister_health", f"{labels},{label_text(level=level)}", _flag(view.health.level == level))
    for rule, level in dict.fromkeys((finding.rule, finding.level) for finding in view.health.findings):
        yield _Sample("quri_canister_finding", f"{labels},{label_text(rule=rule, level=level)}", "1")
    yield from _known(labels, _canister_numbers(view))


def _canister_numbers(view: CanisterView) -> dict[str, str | None]:
    seconds = view.latency_ms / 1000 if view.latency_ms is not None else None
    return {
        "quri_canister_up": _flag(view.answering) if view.attempted_at_ns is not None else None,
        "quri_canister_stale": _flag(view.stale),
        "quri_canister_sample_timestamp_seconds": _moment(view.sampled_at_ns),
        "quri_canister_attempt_timestamp_seconds": _moment(view.attempted_at_ns),
        "quri_canister_answer_duration_seconds": _number(seconds),
        "quri_canister_cycles": _number(view.cycles),
        "quri_canister_reserved_cycles": _number(view.reserved_cycles),
        "quri_canister_freezing_limit_cycles": _number(view.freezing_limit),
        "quri_canister_idle_burn_cycles_per_day": _number(view.idle_burn_per_day),
        "quri_canister_burn_cycles_per_day": _number(view.burn_per_day),
        "quri_canister_runway_seconds": _number(view.runway_seconds),
        "quri_canister_memory_bytes": _number(view.memory_bytes),
        "quri_canister_last_backup_timestamp_seconds": _moment(view.last_backup_at_ns),
    }


def _payers(network: str, facts: WatchFacts) -> Iterator[_Sample]:
    for payer in {payer.name: payer for payer in facts.payers}.values():
        numbers = {
            "quri_payer_cycles": _number(payer.cycles),
            "quri_payer_warning_cycles": _number(payer.warning_cycles or None),
            "quri_payer_sample_timestamp_seconds": _moment(payer.sampled_at_ns),
        }
        yield from _known(label_text(network=network, payer=payer.name), numbers)


def _known(labels: str, numbers: Mapping[str, str | None]) -> Iterator[_Sample]:
    for name, value in numbers.items():
        if value is not None:
            yield _Sample(name, labels, value)


def label_text(**labels: str) -> str:
    """Labels as they stand between the braces; values escaped, and valid UTF-8 whatever they hold."""
    return ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items())


def _escaped(value: str) -> str:
    valid = value.encode("utf-8", "backslashreplace").decode("utf-8")
    return valid.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")


def _flag(holds: bool) -> str:
    return "1" if holds else "0"


def _number(value: float | None) -> str | None:
    """Whole numbers to the last digit, others as the shortest text that reads back the same."""
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return None
    return str(value)


def _moment(at_ns: int | None) -> str | None:
    """Seconds since 1970 to the nanosecond."""
    if at_ns is None:
        return None
    seconds, nanoseconds = divmod(at_ns, NANOSECONDS_PER_SECOND)
    return f"{seconds}.{nanoseconds:09d}".rstrip("0").rstrip(".")
