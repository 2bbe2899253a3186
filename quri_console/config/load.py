"""From a TOML file to a checked `Config`."""

from __future__ import annotations

import re
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Literal, TypeVar, cast, get_args
from urllib.parse import urlsplit

from quri_console.config.contacts import contacts_of
from quri_console.config.fields import Document, Table, dotted
from quri_console.config.health import health_checks_of
from quri_console.config.lines import key_lines
from quri_console.config.log import log_of
from quri_console.config.model import (
    CanisterConfig,
    Config,
    Criticality,
    Duty,
    GroupConfig,
    IdentityConfig,
    MonitorConfig,
    NetworkConfig,
    RepositoryConfig,
    Thresholds,
    is_mainnet_root_key,
)
from quri_console.config.places import Paths
from quri_console.config.principal_text import principal_fault
from quri_console.config.retention import retention_of
from quri_console.config.scheduling import Fleet, schedules_of
from quri_console.config.ui import ui_of
from quri_console.config.watching import (
    DEFAULT_BACKUP_AGES,
    alerts_of,
    backup_age_of,
    channels_of,
    heartbeats_of,
    interval_of,
    metrics_of,
    payers_of,
    sources_of,
)
from quri_console.errors import ConfigError
from quri_console.units import DAY_SECONDS, format_cycles, format_duration

# The tables every version keeps to.
TOP_TABLES = (
    "networks",
    "identities",
    "canisters",
    "monitor",
    "repository",
    "groups",
    "retention",
    "alerts",
    "channels",
    "ui",
    "contacts",
    "schedules",
    "paths",
)

MAX_CONFIG_BYTES = 4 << 20
LOOPBACK_HOSTS = ("localhost", "127.0.0.1", "::1")
_Entry = TypeVar("_Entry")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_NAME_RULE = "A name has up to 64 letters, digits, '.', '_' and '-', and starts with a letter or a digit."
KEPT_ON_CHAIN: dict[Criticality, int] = {"high": 1, "medium": 0, "low": 0}
_CANISTER_FIELDS = (
    "id",
    "criticality",
    "health_query",
    "health",
    "export_method",
    "keep_on_chain",
    "interval",
    "sources",
    "backup_age",
)
_MONITOR_FIELDS = (
    "interval",
    "round_deadline",
    "concurrency",
    "sources",
    "blackhole",
    "payers",
    "heartbeats",
    "metrics",
    "log",
    "ready_interval",
)
_THRESHOLD_FIELDS = ("warning", "critical", "runway_warning", "runway_critical")


def load_config(path: Path) -> Config:
    """Read and check a configuration file.

    Raises ConfigError naming file, line and what is allowed.
    """
    # absolute, because a runner reads the same file from another working directory
    path = path.absolute()
    text = _read(path)
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise _declared_twice(path, text, error) or _syntax_error(path, error) from error
    except (ValueError, RecursionError) as error:
        # what TOML may say and Python does not take: numbers of thousands of digits, tables within tables without end
        raise ConfigError(f"{path} cannot be read", why=str(error), next_step="Correct or restore the file.") from error
    root = Table(Document(path, key_lines(text)), (), values)
    root.done(TOP_TABLES)
    paths = _paths(root.table("paths"))
    monitor = _monitor(root.table("monitor"))
    canisters = _canisters(root.table("canisters"), monitor)
    channels = _named(channels_of(root.table("channels")), root.table("channels"))
    return Config(
        path=path,
        networks=_networks(root),
        identities=_identities(root.table("identities")),
        canisters=canisters,
        monitor=monitor,
        repository=_repository(root.table("repository"), paths),
        paths=paths,
        groups=_groups(root.table("groups"), canisters),
        retention=retention_of(root.table("retention")),
        alerts=alerts_of(root.table("alerts")),
        channels=channels,
        ui=ui_of(root.table("ui")),
        schedules=schedules_of(
            root.table("schedules"),
            Fleet(
                {canister.name: canister.criticality for canister in canisters},
                tuple(channel.name for channel in channels),
            ),
        ),
        contacts=contacts_of(root.table("contacts")),
    )


def _read(path: Path) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_CONFIG_BYTES + 1)
        if len(data) > MAX_CONFIG_BYTES:
            raise ConfigError(f"{path} is larger than {MAX_CONFIG_BYTES} bytes", next_step="Is it a configuration?")
        return data.decode("utf-8").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise ConfigError(f"{path}, line {line}: the text is not UTF-8", next_step="Save the file as UTF-8.") from error
    except OSError as error:
        raise ConfigError(
            f"{path} cannot be read", why=error.strerror or str(error), next_step="Check the path and its permissions."
        ) from error


def _syntax_error(path: Path, error: tomllib.TOMLDecodeError) -> ConfigError:
    match = re.fullmatch(r"(.*) \(at (?:line (\d+), column (\d+)|end of document)\)", str(error), re.DOTALL)
    if match is None or match[2] is None:
        return ConfigError(f"{path} is not TOML", why=match[1] if match else str(error), next_step="Complete its end.")
    return ConfigError(
        f"{path}, line {match[2]}: not TOML at column {match[3]}", why=match[1], next_step="Correct the syntax there."
    )


def _declared_twice(path: Path, text: str, error: tomllib.TOMLDecodeError) -> ConfigError | None:
    """The error of two tables of one name; None for every other."""
    match = re.fullmatch(r"Cannot declare (\(.*\)) twice \(at line (\d+), column \d+\)", str(error), re.DOTALL)
    if match is None:
        return None
    # imported only here: every command reads the configuration
    from ast import literal_eval

    key, line = literal_eval(match[1]), int(match[2])
    # what stands before that header has been accepted
    first = key_lines("\n".join(text.split("\n")[: line - 1])).get(key)
    if first is None:
        return None
    return ConfigError(
        f"{path}, line {line}: there are two tables of one name, [{dotted(key)}]",
        why=f"line {first} has the other",
        next_step="Rename one of them, or write both as one table.",
    )


def _networks(root: Table) -> tuple[NetworkConfig, ...]:
    networks = tuple(_network(table) for table in root.table("networks").tables())
    if not networks:
        raise root.fault(
            "networks", "are missing", allowed='Add [networks.ic] with url = "https://icp-api.io" at least.'
        )
    return networks


def _network(table: Table) -> NetworkConfig:
    _check_name(table)
    table.done(("url", "root_key", "production", "proxy", "reason", "reason_pattern"))
    allowed = 'Allowed: an address like "https://icp-api.io" or "http://127.0.0.1:4943".'
    url = table.required_text("url", allowed)
    loopback = _check_url(table, url, allowed)
    root_key = _root_key(table, loopback)
    production = table.boolean("production", default=True)
    shows_mainnet = root_key is None or (isinstance(root_key, bytes) and is_mainnet_root_key(root_key))
    # mainnet is production whatever the file says
    pattern = _reason_pattern(table)
    required = table.choice("reason", ("optional", "required"), "optional" if pattern is None else "required")
    if pattern is not None and required == "optional":
        raise table.fault("reason", "is 'optional' beside a reason_pattern", allowed="Leave one of the two out.")
    return NetworkConfig(
        table.name,
        url.rstrip("/"),
        root_key,
        production or shows_mainnet,
        _proxy(table),
        reason_required=required == "required",
        reason_pattern=pattern,
    )


def _reason_pattern(table: Table) -> str | None:
    allowed = "Allowed: a regular expression that must be found in the reason, like 'INC-\\d+' in single quotes."
    pattern = table.text("reason_pattern", allowed)
    if pattern is not None:
        try:
            re.compile(pattern)
        except re.error as error:
            raise table.fault("reason_pattern", f"is {pattern!r}", why=str(error), allowed=allowed) from error
    return pattern


def _proxy(table: Table) -> str | None:
    allowed = "Allowed: the id of a proxy canister that this tool's identity may use."
    proxy = table.text("proxy", allowed)
    fault = principal_fault(proxy) if proxy is not None else None
    if fault is not None:
        raise table.fault("proxy", f"is {proxy!r}", why=fault, allowed=allowed)
    return proxy


def _check_url(table: Table, url: str, allowed: str) -> bool:
    """Whether the address is this machine's own; raises ConfigError for what cannot be one."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise table.fault("url", f"is {url!r}", why=str(error), allowed=allowed) from error
    if parts.scheme not in ("http", "https") or not host or parts.query or parts.fragment:
        raise table.fault("url", f"is {url!r}", allowed=allowed)
    if parts.username or parts.password:
        raise table.fault("url", "holds a user name or password", allowed=allowed)
    return host in LOOPBACK_HOSTS


def _root_key(table: Table, loopback: bool) -> bytes | Literal["fetch"] | None:
    allowed = 'Allowed: "mainnet", the 133 bytes of a DER key in hex, or "fetch" on 127.0.0.1, ::1 and localhost.'
    value = table.text("root_key", allowed)
    if value is None:
        return "fetch" if loopback else None
    if value == "mainnet":
        return None
    if value == "fetch":
        if not loopback:
            raise table.fault(
                "root_key", "is 'fetch' for another machine", why="it could show any key", allowed=allowed
            )
        return "fetch"
    try:
        key = bytes.fromhex(value)
    except ValueError as error:
        raise table.fault("root_key", f"is {value!r}", allowed=allowed) from error
    if len(key) != 133:
        raise table.fault("root_key", f"has {len(key)} bytes", allowed=allowed)
    return key


def _identities(table: Table) -> tuple[IdentityConfig, ...]:
    duties = get_args(Duty)
    table.done(duties)
    return tuple(_identity(entry) for entry in table.tables())


def _identity(table: Table) -> IdentityConfig:
    table.done(("pem",))
    allowed = 'Allowed: the path of a PEM file, like "~/.config/quri-console/operate.pem".'
    table.required_text("pem", allowed)
    pem = table.file("pem", allowed)
    assert pem is not None
    return IdentityConfig(cast("Duty", table.name), pem)


def _canisters(table: Table, monitor: MonitorConfig) -> tuple[CanisterConfig, ...]:
    canisters: dict[str, CanisterConfig] = {}
    for entry in table.tables():
        canister = _canister(entry, monitor)
        if canister.id in canisters:
            other = canisters[canister.id].name
            raise entry.fault("id", f"is {canister.id}", why=f"{other} has it too", allowed="List each canister once.")
        canisters[canister.id] = canister
    return tuple(canisters.values())


def _canister(table: Table, monitor: MonitorConfig) -> CanisterConfig:
    _check_name(table)
    table.done((*_CANISTER_FIELDS, *_THRESHOLD_FIELDS))
    allowed = 'Allowed: a canister id like "ryjl3-tyaaa-aaaaa-aaaba-cai".'
    canister_id = table.required_text("id", allowed)
    fault = principal_fault(canister_id)
    if fault is not None:
        raise table.fault("id", f"is {canister_id!r}", why=fault, allowed=allowed)
    criticality = cast("Criticality", table.choice("criticality", get_args(Criticality), "medium"))
    return CanisterConfig(
        name=table.name,
        id=canister_id,
        criticality=criticality,
        thresholds=_thresholds(table, monitor.thresholds),
        health_checks=health_checks_of(table),
        export_method=table.text("export_method", 'Allowed: the name of a query like "export_state".'),
        keep_on_chain=table.integer("keep_on_chain", KEPT_ON_CHAIN[criticality], low=0, high=5),
        interval_seconds=interval_of(table, monitor.interval_seconds),
        sources=sources_of(table, monitor.sources),
        backup_age_seconds=backup_age_of(table, DEFAULT_BACKUP_AGES[criticality]),
    )


def _groups(table: Table, canisters: tuple[CanisterConfig, ...]) -> tuple[GroupConfig, ...]:
    known = {canister.name for canister in canisters}
    groups: list[GroupConfig] = []
    for entry in table.tables():
        _check_name(entry)
        entry.done(("canisters",))
        allowed = (
            'Allowed: names of [canisters.NAME] tables in the order to start them, like ["registry", "rune-engine"].'
        )
        names = entry.texts("canisters", allowed)
        taken = {name for group in groups for name in group.canisters}
        for name in names:
            if name not in known:
                raise entry.fault("canisters", f"names {name!r}, which is no canister here", allowed=allowed)
            if name in taken or names.count(name) > 1:
                raise entry.fault("canisters", f"names {name!r} again", why="a canister has one group", allowed=allowed)
        groups.append(GroupConfig(entry.name, names))
    return tuple(groups)


def _monitor(table: Table) -> MonitorConfig:
    table.done((*_MONITOR_FIELDS, *_THRESHOLD_FIELDS))
    default = MonitorConfig()
    allowed = "Allowed: the id of a canister that tells others' status, as the blackhole does."
    blackhole = table.text("blackhole", allowed) or default.blackhole
    fault = principal_fault(blackhole)
    if fault is not None:
        raise table.fault("blackhole", f"is {blackhole!r}", why=fault, allowed=allowed)
    return MonitorConfig(
        interval_seconds=interval_of(table, default.interval_seconds),
        sources=sources_of(table, default.sources),
        blackhole=blackhole,
        payers=_named(payers_of(table.table("payers")), table.table("payers")),
        heartbeats=heartbeats_of(table.table("heartbeats")),
        metrics=metrics_of(table.table("metrics")),
        log=log_of(table.table("log")),
        round_deadline_seconds=table.duration(
            "round_deadline", default.round_deadline_seconds, low=1, high=600, examples='"30s"'
        ),
        concurrency=table.integer("concurrency", default.concurrency, low=1, high=200),
        thresholds=_thresholds(table, default.thresholds),
        ready_interval_seconds=table.duration(
            "ready_interval",
            default.ready_interval_seconds,
            low=0,
            high=30 * DAY_SECONDS,
            examples='"24h", or "0s" for never',
        ),
    )


def _thresholds(table: Table, default: Thresholds) -> Thresholds:
    thresholds = replace(
        default,
        warning_cycles=table.cycles("warning", default.warning_cycles),
        critical_cycles=table.cycles("critical", default.critical_cycles),
        warning_runway_seconds=_runway(table, "runway_warning", default.warning_runway_seconds),
        critical_runway_seconds=_runway(table, "runway_critical", default.critical_runway_seconds),
    )
    if thresholds.critical_cycles >= thresholds.warning_cycles:
        raise _reversed(
            table, "", format_cycles(thresholds.critical_cycles), format_cycles(thresholds.warning_cycles), "balance"
        )
    if thresholds.critical_runway_seconds >= thresholds.warning_runway_seconds:
        raise _reversed(
            table,
            "runway_",
            format_duration(thresholds.critical_runway_seconds),
            format_duration(thresholds.warning_runway_seconds),
            "runway",
        )
    return thresholds


def _runway(table: Table, field: str, default: float) -> float:
    return table.duration(field, default, low=0, high=3650 * DAY_SECONDS, examples='"30d" or "12h"')


def _reversed(table: Table, prefix: str, critical: str, warning: str, quantity: str) -> ConfigError:
    field = f"{prefix}critical" if table.has(f"{prefix}critical") else f"{prefix}warning"
    example = 'runway_warning = "30d" and runway_critical = "7d"' if prefix else 'warning = "1T" and critical = "100B"'
    return table.fault(
        field,
        f"leaves no room for a warning: critical is {critical}, warning is {warning}",
        why=f"a falling {quantity} must pass warning before critical, so critical must be the smaller one "
        "(monitor-cycles.sh had them the wrong way round and could never warn)",
        allowed=f"Write for example {example}.",
    )


def _repository(table: Table, paths: Paths) -> RepositoryConfig:
    table.done(("path", "compression_level", "identity", "passphrase_file"))
    return RepositoryConfig(
        table.file("path", "Allowed: the path of a folder.") or paths.repository,
        table.integer("compression_level", 3, low=1, high=19),
        table.file("identity", "Allowed: the path of an age identity file, or of an ssh private key."),
        table.file("passphrase_file", "Allowed: the path of a file that holds the passphrase as its only line."),
    )


def _paths(table: Table) -> Paths:
    table.done(("root",))
    root = table.file("root", "Allowed: the path of a folder; state, data and cache go below it.")
    return Paths.default() if root is None else Paths.below(root)


def _named(entries: tuple[_Entry, ...], table: Table) -> tuple[_Entry, ...]:
    """The entries of a table whose keys are names that people type."""
    for entry in table.tables():
        _check_name(entry)
    return entries


def _check_name(table: Table) -> None:
    if not _NAME.fullmatch(table.name):
        raise table.document.fault(table.key, f"{table.name!r} cannot be a name here", allowed=_NAME_RULE)
