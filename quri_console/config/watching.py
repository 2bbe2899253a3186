"""The tables `[alerts]`, `[channels]` and those below `[monitor]`: what is watched, and who hears of it."""

from __future__ import annotations

import re
from typing import Literal, cast, get_args
from urllib.parse import urlsplit

from quri_console.config.alerting import (
    AlertsConfig,
    ChannelConfig,
    ChannelKind,
    HeartbeatConfig,
    HeartbeatDuty,
    HeartbeatKind,
    MetricsConfig,
    PayerConfig,
    SecretSource,
)
from quri_console.config.fields import Table
from quri_console.config.model import PollSource
from quri_console.config.principal_text import principal_fault
from quri_console.units import DAY_SECONDS, HOUR_SECONDS

MAX_SUBACCOUNT_BYTES = 32
_SECRET_FORMS = ("file", "env", "keyring", "command")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def alerts_of(table: Table) -> AlertsConfig:
    """When alerts fire and are repeated. Raises ConfigError."""
    default = AlertsConfig()
    table.done(
        (
            "wait",
            "keep_firing",
            "group_wait",
            "group_interval",
            "repeat_critical",
            "repeat_warning",
            "runbook_url",
        )
    )

    def seconds(field: str, usual: float, low: float = 0) -> float:
        return table.duration(field, usual, low=low, high=30 * DAY_SECONDS, examples='"30s", "5m" or "4h"')

    runbook = table.text("runbook_url", 'Allowed: an address like "https://wiki.example/runbook".') or ""
    if runbook and urlsplit(runbook).scheme not in ("http", "https"):
        raise table.fault("runbook_url", f"is {runbook!r}", allowed="Allowed: an address with https:// or http://.")
    return AlertsConfig(
        wait_seconds=seconds("wait", default.wait_seconds),
        keep_firing_seconds=seconds("keep_firing", default.keep_firing_seconds),
        group_wait_seconds=seconds("group_wait", default.group_wait_seconds),
        group_interval_seconds=seconds("group_interval", default.group_interval_seconds, low=1),
        repeat_critical_seconds=seconds("repeat_critical", default.repeat_critical_seconds, low=60),
        repeat_warning_seconds=seconds("repeat_warning", default.repeat_warning_seconds, low=60),
        runbook_url=runbook,
    )


def channels_of(table: Table) -> tuple[ChannelConfig, ...]:
    """Where messages go. Raises ConfigError."""
    return tuple(_channel(entry) for entry in table.tables())


def _channel(table: Table) -> ChannelConfig:
    table.done(("kind", "lowest", "send_resolved", *_secret_fields("url"), *_secret_fields("signing_key"), "url"))
    if not table.has("kind"):
        raise table.fault("kind", "is missing", allowed=f"Allowed: {', '.join(get_args(ChannelKind))}.")
    kind = cast("ChannelKind", table.choice("kind", get_args(ChannelKind), "generic"))
    url = _secret(table, "url")
    if url is None:
        raise table.fault("url_file", "is missing", allowed=_secret_rule("url"))
    signing_key = _secret(table, "signing_key")
    if signing_key is not None and kind != "generic":
        raise table.fault("signing_key_file", f"means nothing for {kind}", allowed="Only generic messages are signed.")
    lowest = cast('Literal["warning", "critical"]', table.choice("lowest", ("warning", "critical"), "warning"))
    return ChannelConfig(table.name, kind, url, lowest, signing_key, table.boolean("send_resolved", default=True))


def heartbeats_of(table: Table) -> tuple[HeartbeatConfig, ...]:
    """The dead man's switches that hear of duties. Raises ConfigError."""
    table.done(get_args(HeartbeatDuty))
    return tuple(_heartbeat(entry) for entry in table.tables())


def _heartbeat(table: Table) -> HeartbeatConfig:
    table.done(("kind", *_secret_fields("url"), "url"))
    kind = cast("HeartbeatKind", table.choice("kind", get_args(HeartbeatKind), "healthchecks"))
    url = _secret(table, "url")
    if url is None:
        raise table.fault("url_file", "is missing", allowed=_secret_rule("url"))
    return HeartbeatConfig(cast("HeartbeatDuty", table.name), kind, url)


def payers_of(table: Table) -> tuple[PayerConfig, ...]:
    """The accounts that top-ups are paid from. Raises ConfigError."""
    return tuple(_payer(entry) for entry in table.tables())


def _payer(table: Table) -> PayerConfig:
    table.done(("owner", "subaccount", "kind", "warning"))
    allowed = "Allowed: the principal of the account's owner, or the id of a cycles wallet."
    owner = table.required_text("owner", allowed)
    fault = principal_fault(owner)
    if fault is not None:
        raise table.fault("owner", f"is {owner!r}", why=fault, allowed=allowed)
    kind = cast('Literal["ledger", "wallet"]', table.choice("kind", ("ledger", "wallet"), "ledger"))
    return PayerConfig(table.name, owner, _subaccount(table), kind, table.cycles("warning", 0))


def _subaccount(table: Table) -> bytes | None:
    allowed = "Allowed: up to 32 bytes in hex."
    text = table.text("subaccount", allowed)
    if text is None:
        return None
    try:
        raw = bytes.fromhex(text)
    except ValueError as error:
        raise table.fault("subaccount", f"is {text!r}", allowed=allowed) from error
    if len(raw) > MAX_SUBACCOUNT_BYTES:
        raise table.fault("subaccount", f"has {len(raw)} bytes", allowed=allowed)
    return raw.rjust(MAX_SUBACCOUNT_BYTES, b"\0")


def metrics_of(table: Table) -> MetricsConfig:
    """Where metrics can be fetched, and into which file they are written. Raises ConfigError."""
    table.done(("listen", "textfile"))
    allowed = 'Allowed: an address and a port, like "127.0.0.1:9187".'
    listen = table.text("listen", allowed)
    textfile = table.file("textfile", "Allowed: the path of a file ending with .prom.")
    if listen is None:
        return MetricsConfig(textfile=textfile)
    try:
        parts = urlsplit(f"//{listen}")
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise table.fault("listen", f"is {listen!r}", why=str(error), allowed=allowed) from error
    if not host or port is None:
        raise table.fault("listen", f"is {listen!r}", allowed=allowed)
    return MetricsConfig(host, port, textfile)


def sources_of(table: Table, default: tuple[PollSource, ...]) -> tuple[PollSource, ...]:
    """The ways to ask for a canister's status, in their order. Raises ConfigError."""
    known = get_args(PollSource)
    allowed = f"Allowed: some of {', '.join(known)}, in the order to try them."
    if not table.has("sources"):
        return default
    sources = table.texts("sources", allowed)
    for source in sources:
        if source not in known or sources.count(source) > 1:
            raise table.fault("sources", f"names {source!r}", allowed=allowed)
    return cast("tuple[PollSource, ...]", sources)


def interval_of(table: Table, default: float) -> float:
    """Seconds between two looks at a canister. Raises ConfigError."""
    return table.duration("interval", default, low=1, high=DAY_SECONDS, examples='"60s", "5m" or "1h"')


def backup_age_of(table: Table, default: float) -> float:
    """How old the newest verified backup may be, in seconds; 0 for any age. Raises ConfigError."""
    return table.duration("backup_age", default, low=0, high=3650 * DAY_SECONDS, examples='"26h" or "8d"; "0s" for any')


DEFAULT_BACKUP_AGES = {"high": 26.0 * HOUR_SECONDS, "medium": 8.0 * DAY_SECONDS, "low": 35.0 * DAY_SECONDS}
"""By criticality: high is backed up daily, medium weekly."""


def _secret_fields(field: str) -> tuple[str, ...]:
    return tuple(f"{field}_{form}" for form in _SECRET_FORMS)


def _secret_rule(field: str) -> str:
    return (
        f"Allowed: {field}_file (a file that only you may read), {field}_env (a variable's name), "
        f"{field}_keyring (a name in the system's keyring) or {field}_command (a program that prints it)."
    )


def _secret(table: Table, field: str) -> SecretSource | None:
    rule = _secret_rule(field)
    if table.has(field):
        raise table.fault(field, "stands in the configuration", why="it is a secret", allowed=rule)
    given = [name for name in _secret_fields(field) if table.has(name)]
    if not given:
        return None
    if len(given) > 1:
        raise table.fault(given[1], f"stands beside {given[0]}", allowed=rule)
    variable = table.text(f"{field}_env", rule)
    if variable is not None and not _VARIABLE.fullmatch(variable):
        raise table.fault(f"{field}_env", f"is {variable!r}", why="it names a variable, not its value", allowed=rule)
    return SecretSource(
        file=table.file(f"{field}_file", rule),
        env=variable,
        keyring=table.text(f"{field}_keyring", rule),
        command=table.texts(f"{field}_command", rule) if table.has(f"{field}_command") else (),
    )
