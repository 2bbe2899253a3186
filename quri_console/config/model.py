"""What a configuration says, as frozen values; reading the file is `load`'s business."""

from __future__ import annotations

import difflib
import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from quri_console.config.alerting import AlertsConfig, ChannelConfig, HeartbeatConfig, MetricsConfig, PayerConfig
from quri_console.config.contacts import Contact
from quri_console.config.log import LogConfig
from quri_console.config.places import Paths
from quri_console.config.schedule_model import SchedulesConfig
from quri_console.config.ui import UiConfig
from quri_console.errors import ConfigError, UsageError
from quri_console.units import BILLION, DAY_SECONDS, TRILLION

Criticality = Literal["high", "medium", "low"]
Duty = Literal["poll", "backup", "operate"]
PollSource = Literal["query", "update", "blackhole", "public"]
"""A node-signed query, a certified update, through the blackhole canister, or the public state tree."""

DEFAULT_SOURCES: tuple[PollSource, ...] = ("query", "update", "public")
BLACKHOLE = "e3mmv-5qaaa-aaaah-aadma-cai"

# Only the digest is known here: the key itself belongs to the `ic` floor above.
MAINNET_ROOT_KEY_SHA256 = "737ba355e855bd4b61279056603e05501db5e5bad147c6eba7be8c2a13f4b6b3"


def is_mainnet_root_key(der: bytes) -> bool:
    """Whether a DER-encoded root key is mainnet's."""
    return hashlib.sha256(der).hexdigest() == MAINNET_ROOT_KEY_SHA256


@dataclass(frozen=True, slots=True)
class NetworkConfig:
    """A network to talk to.

    `root_key` is the DER key its certificates must chain to: bytes as given, None for mainnet's
    own, or `"fetch"` to ask the network itself, which is allowed on loopback only.
    """

    name: str
    url: str
    root_key: bytes | Literal["fetch"] | None = None
    production: bool = True
    proxy: str | None = None
    """The canister through which canisters' histories are read: the network tells them to canisters only."""
    reason_required: bool = False
    """Whether every operation here needs a reason."""
    reason_pattern: str | None = None
    """A regular expression that must be found in the reason, like the number of a ticket."""


@dataclass(frozen=True, slots=True)
class IdentityConfig:
    """The key file of one duty; it is read only when that duty runs."""

    duty: Duty
    pem: Path


@dataclass(frozen=True, slots=True)
class Thresholds:
    """When a canister's health gets worse: balances in cycles, runways in seconds to the freezing limit."""

    warning_cycles: int = TRILLION
    critical_cycles: int = 100 * BILLION
    warning_runway_seconds: float = 30 * DAY_SECONDS
    critical_runway_seconds: float = 7 * DAY_SECONDS


@dataclass(frozen=True, slots=True)
class HealthCheck:
    """A query that tells whether a canister is well. `argument` and `expect` are Candid text."""

    method: str
    argument: str = "()"
    expect: str | None = None
    """What the answer must be; None: anything but a refusal, or a field `healthy` that is false."""
    matches: str | None = None
    """A regular expression that must be found in the answer's Candid text."""
    timeout_seconds: float = 10.0
    max_reply_bytes: int = 65_536


@dataclass(frozen=True, slots=True)
class CanisterConfig:
    """A canister of the fleet; `id` is its principal in canonical text form."""

    name: str
    id: str
    criticality: Criticality = "medium"
    thresholds: Thresholds = Thresholds()
    health_checks: tuple[HealthCheck, ...] = ()
    """Empty: `health`, where the canister's published interface has such a query."""
    export_method: str | None = None
    """The query whose answer goes into backups beside the state; None looks for one by its usual names."""
    keep_on_chain: int = 0
    """How many of this tool's newest snapshots a backup leaves on chain: the fast way back."""
    interval_seconds: float = 60.0
    """Between two looks at it."""
    sources: tuple[PollSource, ...] = DEFAULT_SOURCES
    """How it is asked, in this order."""
    backup_age_seconds: float = 8.0 * DAY_SECONDS
    """How old its newest backup may be; 0 for any age."""


@dataclass(frozen=True, slots=True)
class GroupConfig:
    """Canisters that belong together: stopped together, so that their copies are one cut, started in this order."""

    name: str
    canisters: tuple[str, ...]
    """Names, each in one group at most."""


@dataclass(frozen=True, slots=True)
class MonitorConfig:
    """How the fleet is polled; all times in seconds."""

    interval_seconds: float = 60.0
    round_deadline_seconds: float = 30.0
    concurrency: int = 16
    thresholds: Thresholds = Thresholds()
    sources: tuple[PollSource, ...] = DEFAULT_SOURCES
    blackhole: str = BLACKHOLE
    """The canister that tells the status of those that have it as a controller."""
    payers: tuple[PayerConfig, ...] = ()
    heartbeats: tuple[HeartbeatConfig, ...] = ()
    metrics: MetricsConfig = field(default_factory=MetricsConfig)
    log: LogConfig = field(default_factory=LogConfig)
    ready_interval_seconds: float = 0.0
    """Between two looks whether the fleet could be restored; 0: never. It needs the key of [identities.operate]."""


@dataclass(frozen=True, slots=True)
class RepositoryConfig:
    """Where backups are kept, how new ones are compressed (zstd level), and what opens an encrypted repository."""

    path: Path
    compression_level: int = 3
    identity: Path | None = None
    """An age identity file or ssh private key that only its owner may read."""
    passphrase_file: Path | None = None


@dataclass(frozen=True, slots=True)
class RetentionRules:
    """What `forget --policy` keeps of a canister's backups; None where the defaults of its criticality hold."""

    keep_last: int | None = None
    keep_hourly: int | None = None
    keep_daily: int | None = None
    keep_weekly: int | None = None
    keep_monthly: int | None = None
    keep_yearly: int | None = None
    keep_within_seconds: float | None = None
    """Everything as young as this, counted back from the newest backup, is kept."""
    minimum_age_seconds: float | None = None
    """Younger backups are never forgotten by policy."""


@dataclass(frozen=True, slots=True)
class RetentionConfig:
    """What is kept of canisters of each criticality, and for how long what was forgotten can be brought back."""

    high: RetentionRules = RetentionRules()
    medium: RetentionRules = RetentionRules()
    low: RetentionRules = RetentionRules()
    grace_seconds: float = 7 * DAY_SECONDS

    def rules(self, criticality: Criticality) -> RetentionRules:
        """The rules of a criticality."""
        return {"high": self.high, "medium": self.medium, "low": self.low}[criticality]


@dataclass(frozen=True, slots=True)
class Config:
    """One configuration file, checked; `networks` and `canisters` keep the file's order."""

    path: Path
    networks: tuple[NetworkConfig, ...]
    identities: tuple[IdentityConfig, ...]
    canisters: tuple[CanisterConfig, ...]
    monitor: MonitorConfig
    repository: RepositoryConfig
    paths: Paths
    groups: tuple[GroupConfig, ...] = ()
    retention: RetentionConfig = RetentionConfig()
    alerts: AlertsConfig = field(default_factory=AlertsConfig)
    channels: tuple[ChannelConfig, ...] = ()
    ui: UiConfig = field(default_factory=UiConfig)
    schedules: SchedulesConfig = field(default_factory=SchedulesConfig)
    contacts: tuple[Contact, ...] = ()

    def channel(self, name: str) -> ChannelConfig:
        """The channel of that name. Raises UsageError."""
        for channel in self.channels:
            if channel.name == name:
                return channel
        raise _unknown("channel", name, [channel.name for channel in self.channels], self.path)

    def group_of(self, canister: str) -> str:
        """The group that a canister belongs to, by name; empty when it belongs to none."""
        return next((group.name for group in self.groups if canister in group.canisters), "")

    def network(self, name: str | None = None) -> NetworkConfig:
        """The network of that name; without a name the first of the file. Raises UsageError."""
        if name is None:
            return self.networks[0]
        for network in self.networks:
            if network.name == name:
                return network
        raise _unknown("network", name, [network.name for network in self.networks], self.path)

    @property
    def canister_names(self) -> dict[str, str]:
        """The name of each canister of the fleet by its id."""
        return {canister.id: canister.name for canister in self.canisters}

    def canister(self, name_or_id: str) -> CanisterConfig:
        """The canister of that name or id. Raises UsageError."""
        for canister in self.canisters:
            if name_or_id in (canister.name, canister.id):
                return canister
        raise _unknown("canister", name_or_id, [canister.name for canister in self.canisters], self.path)

    def identity(self, duty: Duty) -> IdentityConfig | None:
        """The identity configured for a duty, or None."""
        return next((identity for identity in self.identities if identity.duty == duty), None)

    def require_identity(self, duty: Duty) -> IdentityConfig:
        """The identity of a duty that cannot run without one. Raises ConfigError."""
        identity = self.identity(duty)
        if identity is None:
            raise ConfigError(
                f"no identity is configured for {duty}",
                why=f"{self.path} has no [identities.{duty}]",
                next_step=f'Add [identities.{duty}] with pem = "PATH" of a key that controls the canisters.',
            )
        return identity


def _unknown(kind: str, name: str, known: list[str], path: Path) -> UsageError:
    close = difflib.get_close_matches(name, known, n=1)
    suggestion = f"Did you mean {close[0]!r}? " if close else ""
    return UsageError(
        f"{path} has no {kind} {name!r}",
        next_step=f"{suggestion}It knows: {', '.join(known) or 'none'}.",
    )
