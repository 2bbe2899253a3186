"""What a configuration says of alerts, channels, heartbeats, payers and metrics."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from quri_console.units import DAY_SECONDS, HOUR_SECONDS

ChannelKind = Literal["slack", "discord", "generic", "apprise"]
HeartbeatKind = Literal["healthchecks", "uptime-kuma"]
HeartbeatDuty = Literal["watch", "backup", "schedule", "drill"]


@dataclass(frozen=True, slots=True)
class SecretSource:
    """Where a secret comes from; exactly one is set. It is read only when it is needed."""

    file: Path | None = None
    env: str | None = None
    keyring: str | None = None
    command: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ChannelConfig:
    """Where messages go; `url` is a secret. `lowest` is the least level that is sent there."""

    name: str
    kind: ChannelKind
    url: SecretSource
    lowest: Literal["warning", "critical"] = "warning"
    signing_key: SecretSource | None = None
    """Of `generic` channels: what the signature header is made with."""
    send_resolved: bool = True


@dataclass(frozen=True, slots=True)
class HeartbeatConfig:
    """A dead man's switch elsewhere that hears of a duty."""

    duty: HeartbeatDuty
    kind: HeartbeatKind
    url: SecretSource


@dataclass(frozen=True, slots=True)
class AlertsConfig:
    """When alerts are sent and sent again; all in seconds."""

    wait_seconds: float = 60.0
    """How long a warning must hold before it fires; critical ones of a single sample do not wait."""
    keep_firing_seconds: float = 300.0
    """How long an alert keeps firing after its cause went away."""
    group_wait_seconds: float = 30.0
    group_interval_seconds: float = 300.0
    repeat_critical_seconds: float = 4.0 * HOUR_SECONDS
    repeat_warning_seconds: float = 1.0 * DAY_SECONDS
    runbook_url: str = ""


@dataclass(frozen=True, slots=True)
class PayerConfig:
    """An account of the cycles ledger (or a cycles wallet) that top-ups are paid from."""

    name: str
    owner: str
    """The principal of the account's owner, or the id of the wallet."""
    subaccount: bytes | None = None
    kind: Literal["ledger", "wallet"] = "ledger"
    warning_cycles: int = 0
    """Below this balance a warning; 0 for none but the fleet's runway."""


@dataclass(frozen=True, slots=True)
class MetricsConfig:
    """The Prometheus endpoint of `watch` (None: none) and the text file written after each round."""

    listen_host: str = "127.0.0.1"
    listen_port: int | None = None
    textfile: Path | None = None
