"""A fixed fleet with a fixed past, as a report's facts: two days in January 2025, seen on the third morning."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from quri_console.backup.summaries import BackupSummary, CanisterSummary, FailureSummary
from quri_console.config.model import (
    CanisterConfig,
    Config,
    MonitorConfig,
    NetworkConfig,
    RepositoryConfig,
    RetentionConfig,
    RetentionRules,
)
from quri_console.config.places import Paths
from quri_console.effects.audit_check import AuditCheck, Fault
from quri_console.effects.audit_log import Head
from quri_console.history.alerts import AlertEvent, Mute
from quri_console.history.drills import DrillRecord
from quri_console.history.events import Event
from quri_console.history.schedule_views import SchedulePast
from quri_console.monitor.fleet import CanisterView, Finding, FleetStatus, Health
from quri_console.repository.marks import Mark, Standing
from quri_console.repository.sets import set_name
from quri_console.repository.trash import Forgotten
from tests.report.moments import EVIL, SECOND, SINCE_NS, UNTIL_NS, ago, at
from tests.report.past_schedules import schedules

ENGINE, REGISTRY, IDENTITY, STRANGER = (
    "pkrpq-5qaaa-aaaah-aroda-cai",
    "pnqje-qiaaa-aaaah-arodq-cai",
    "y67br-5iaaa-aaaah-arn5q-cai",
    "yz6hf-qqaaa-aaaah-arn5a-cai",
)


@dataclass(frozen=True)
class FixedFacts:
    """See `report.facts.Facts`."""

    config: Config
    fleet: FleetStatus
    network: str = "ic"
    production: bool = True
    since_ns: int = SINCE_NS
    until_ns: int = UNTIL_NS
    burnt: Mapping[str, int] = field(default_factory=dict)
    first_seen: Mapping[str, int] = field(default_factory=dict)
    seen: frozenset[str] = frozenset()
    events: Mapping[str, Sequence[Event]] = field(default_factory=dict)
    alerts: Sequence[AlertEvent] = ()
    mutes: Sequence[Mute] = ()
    backups: Sequence[BackupSummary] | None = None
    encrypted: bool = False
    marks: Sequence[Mark] = ()
    forgotten: Sequence[Forgotten] = ()
    drills: Sequence[DrillRecord] = ()
    schedules: Sequence[SchedulePast] = ()
    audit_events: Sequence[Mapping[str, Any]] = ()
    audit: AuditCheck | None = None
    problems: Sequence[str] = ()


def config() -> Config:
    """Three canisters."""
    canisters = (
        CanisterConfig("rune-engine", ENGINE, "high", backup_age_seconds=26 * 3600),
        CanisterConfig("registry", REGISTRY, "high", backup_age_seconds=26 * 3600),
        CanisterConfig("identity-manager", IDENTITY, "medium", backup_age_seconds=8 * 86_400),
    )
    home = Path("/srv/quri")
    return Config(
        path=home / "config.toml",
        networks=(NetworkConfig("ic", "https://icp-api.io", None),),
        identities=(),
        canisters=canisters,
        monitor=MonitorConfig(),
        repository=RepositoryConfig(home / "repository"),
        paths=Paths.below(home),
        retention=RetentionConfig(high=RetentionRules(keep_daily=30, keep_within_seconds=7 * 86_400.0)),
    )


def view(name: str, identifier: str, **values: Any) -> CanisterView:
    """A canister that is well, but for what is given."""
    usual: dict[str, Any] = {
        "network": "ic", "criticality": "high", "status": "running", "cycles": 4_920 * 10**9, "reserved_cycles": 0,
        "idle_burn_per_day": 7 * 10**9, "burn_per_day": 9.5e9, "freezing_limit": 213 * 10**9,
        "runway_seconds": 495.0 * 86_400, "memory_bytes": 72_770_912, "module_hash": bytes(32), "controllers": (),
        "sampled_at_ns": UNTIL_NS - 30 * SECOND, "attempted_at_ns": UNTIL_NS - 30 * SECOND, "origin": "query",
        "error": None, "latency_ms": 120.0, "stale": False, "health": Health("ok"),
        "last_backup_at_ns": None, "cycles_series": (),
    }  # fmt: skip
    return CanisterView(name=name, canister_id=identifier, **{**usual, **values})


def backup(hours: float, *names: str, failed: tuple[str, str] | None = None, **values: Any) -> BackupSummary:
    """A set of those canisters, taken so many hours before the end."""
    identifiers = {"rune-engine": ENGINE, "registry": REGISTRY, "identity-manager": IDENTITY, "old": STRANGER}
    copies = tuple(
        CanisterSummary(name, identifiers[name], at(hours), "stop", 1 << 24, 1 << 20, bytes(32), "", ())
        for name in names
    )
    failures = () if failed is None else (FailureSummary(failed[0], identifiers[failed[0]], failed[1], ""),)
    usual: dict[str, Any] = {"standing": Standing(), "forgotten_at": None, "damage": None}
    return BackupSummary(
        name=set_name(ago(hours)),
        taken_at=at(hours),
        network="ic",
        root_key_hash=bytes(32),
        operation="",
        canisters=copies,
        failures=failures,
        groups=(),
        record_bytes=1,
        **{**usual, **values},
    )


def drill(hours: float, scenario: str, **values: Any) -> DrillRecord:
    """A drill that was played so many hours before the end, well unless something else is given."""
    limits = {"out-of-cycles": 300.0, "data-corruption": 3600.0}
    usual: dict[str, Any] = {
        "mode": "script", "by": "ci", "detected_by": f"alert {scenario}", "seconds_to_detect": 2.04,
        "seconds_to_acknowledge": None, "seconds_to_recover": 8.0, "seconds": 9.0, "unmet": (), "wrong_turns": (),
        "written": 25, "lost": 0, "tool": "quri-console 1",
    }  # fmt: skip
    return DrillRecord(
        scenario=scenario,
        title="A disaster",
        page=scenario,
        started_at=at(hours),
        limit_seconds=limits.get(scenario, 900.0),
        limit_of="seed" if scenario in limits else "ours",
        **{**usual, **values},
    )


def audited(hours: float, action: str, **values: Any) -> dict[str, Any]:
    """An event of the audit log."""
    return {
        "ts": f"{at(hours):%Y-%m-%dT%H:%M:%S}.250000Z",
        "action": action,
        "actor": {"user": "eva", "host": "console"},
        "network": {"name": "ic"},
        **values,
    }


def facts(**values: Any) -> FixedFacts:
    """An eventful two days."""
    mark = {"tool": "quri-console 1"}
    night, evening = (
        backup(31, "rune-engine", "registry", "old", failed=("identity-manager", EVIL)),
        backup(2, "rune-engine", "old"),
    )
    usual: dict[str, Any] = {
        "burnt": {ENGINE: 19 * 10**9, REGISTRY: 3 * 10**9},
        "first_seen": {ENGINE: SINCE_NS, REGISTRY: SINCE_NS, IDENTITY: SINCE_NS},
        "seen": frozenset({ENGINE, REGISTRY, IDENTITY}),
        "events": {
            ENGINE: (
                Event(ENGINE, ago(5), "topped-up", "1", "2", 2 * 10**12),
                Event(ENGINE, ago(7), "controllers-changed", '["aaaaa-aa"]', f'["aaaaa-aa", "{STRANGER}"]'),
            )
        },
        "alerts": (
            AlertEvent(REGISTRY, "backup-overdue", ago(60), "firing", "warning", "no backup for 27 h"),
            AlertEvent(REGISTRY, "backup-overdue", ago(55), "resolved", "warning", "after 5 h"),
            AlertEvent(ENGINE, "cycles-low", ago(50), "firing", "warning", EVIL),
            AlertEvent(ENGINE, "cycles-low", ago(40), "firing", "critical", "warning → critical: 90 B cycles"),
            AlertEvent(ENGINE, "cycles-low", ago(39.5), "acknowledged", "critical", "by eva@console: topping up"),
            AlertEvent(ENGINE, "cycles-low", ago(5), "resolved", "critical", "after 45 h"),
            AlertEvent(REGISTRY, "stopped", ago(1), "firing", "critical", "stopped: it answers nothing"),
        ),
        "mutes": (Mute(1, IDENTITY, "*", "silence", "", "eva@console", "upgrade", ago(20), ago(18)),),
        "backups": (evening, night, backup(55, "rune-engine", "registry", "old", forgotten_at=at(3))),
        "marks": (
            Mark(night.name, at(30), "verification", {"ok": True, "scope": "data", **mark}),
            Mark(
                night.name,
                at(29),
                "rehearsal",
                {
                    "ok": False,
                    "seconds": 12.345,
                    "canisters": [
                        {"id": ENGINE, "name": "rune-engine", "verdict": "passed", "reason": ""},
                        {"id": REGISTRY, "name": "registry", "verdict": "failed", "reason": "digest is another"},
                    ],
                    **mark,
                },
            ),
            Mark(evening.name, at(1.5), "verification", {"ok": False, "scope": "data", "folders": ["old"], **mark}),
            Mark(night.name, at(1), "pin", {"by": "eva@console", "reason": "before the migration"}),
        ),
        "drills": (
            drill(60, "stopped"),
            drill(30, "out-of-cycles", seconds_to_acknowledge=31.0, seconds_to_recover=184.2),
            drill(28, "data-corruption", mode="console", by="eva", detected_by="first look", wrong_turns=(
                "restore of rune-engine was rolled back", EVIL), seconds_to_recover=4000.0, lost=25),
            drill(4, "emptied", mode="shell", unmet=("rune-engine: it has no code",), seconds_to_recover=None,
                  detected_by="", seconds_to_detect=None, lost=None),
        ),
        "schedules": schedules(),
        "forgotten": (Forgotten(set_name(ago(55)), at(3), "eva@console", "retention policy"),),
        "audit_events": (
            audited(79, "ended", kind="backup", target="rune-engine", result="ok", parameters={
                "backup": set_name(ago(79)), "canisters": [{"id": ENGINE, "mode": "stop"}]}),
            audited(26, "ended", kind="backup", target="rune-engine, registry", result="failed: the disk is full"),
            audited(4, "ended", kind="restore", target="rune-engine", operation="20250126T045000Z-restore-1f3a",
                    reason="INC-42", result="ok: rune-engine was restored", duration_ms=84_000),
            audited(3.5, "refused", kind="stop", target="registry", result="lockdown is on: INC-42"),
            audited(2.5, "pruned", target=set_name(ago(2000)), reason="retention policy"),
        ),
        "audit": AuditCheck(57, 1, Head(57, "ab" * 32)),
    }  # fmt: skip
    fleet = FleetStatus("ic", True, UNTIL_NS, 60.0, (
        view("rune-engine", ENGINE),
        view("registry", REGISTRY, status="stopped", health=Health("critical", (
            Finding("stopped", "critical", "stopped: it answers nothing until somebody starts it"),))),
        view("identity-manager", IDENTITY, criticality="medium", cycles=None, burn_per_day=None, runway_seconds=None,
             sampled_at_ns=None, status=None, health=Health("unknown", (Finding("stale", "unknown", EVIL),))),
    ))  # fmt: skip
    return FixedFacts(config(), fleet, **{**usual, **values})


def nothing() -> FixedFacts:
    """A fleet of which nothing was ever recorded."""
    views = tuple(
        view(item.name, item.id, status=None, cycles=None, burn_per_day=None, runway_seconds=None, memory_bytes=None,
             sampled_at_ns=None, health=Health("unknown", (Finding("never-seen", "unknown", "not seen yet"),)))
        for item in config().canisters
    )  # fmt: skip
    fleet = FleetStatus("ic", True, UNTIL_NS, 60.0, views)
    return FixedFacts(config(), fleet, audit=AuditCheck(0, 0, Head(0, "00" * 32)))


def changed_log() -> FixedFacts:
    """The same past, with an audit log that somebody changed."""
    fault = Fault("000001.jsonl", 7, "its hash is not that of its text")
    return replace(facts(), audit=AuditCheck(6, 1, Head(6, "cd" * 32), fault))
