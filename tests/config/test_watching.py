"""Alerts, channels and what else is watched, as the configuration says it."""

from pathlib import Path

import pytest

from quri_console.config import Config, load_config
from quri_console.errors import ConfigError, UsageError

MINIMAL = '[networks.ic]\nurl = "https://icp-api.io"\n'
LEDGER = "um5iw-rqaaa-aaaaq-qaaba-cai"


def loaded(folder: Path, text: str) -> Config:
    path = folder / "config.toml"
    path.write_text(MINIMAL + text)
    return load_config(path)


def test_silence_means_defaults(tmp_path: Path) -> None:
    config = loaded(tmp_path, f'[canisters.ledger]\nid = "{LEDGER}"\n')
    assert (config.alerts.wait_seconds, config.alerts.repeat_critical_seconds) == (60, 4 * 3600)
    assert (config.channels, config.monitor.payers, config.monitor.heartbeats) == ((), (), ())
    assert config.monitor.metrics.listen_port is None
    assert config.canisters[0].interval_seconds == 60
    assert config.canisters[0].backup_age_seconds == 8 * 86400


def test_everything_said_arrives(tmp_path: Path) -> None:
    config = loaded(
        tmp_path,
        f"""
[alerts]
wait = "2m"
runbook_url = "https://wiki.example/ic"
[channels.ops]
kind = "slack"
url_file = "slack.url"
lowest = "critical"
send_resolved = false
[channels.hook]
kind = "generic"
url_env = "HOOK_URL"
signing_key_command = ["pass", "show", "hook"]
[monitor]
interval = "30s"
sources = ["query", "blackhole"]
[monitor.payers.team]
owner = "{LEDGER}"
subaccount = "01"
warning = "5T"
[monitor.heartbeats.watch]
url_keyring = "healthchecks"
[monitor.metrics]
listen = "[::1]:9187"
textfile = "quri.prom"
[canisters.ledger]
id = "{LEDGER}"
criticality = "high"
interval = "5m"
sources = ["public"]
backup_age = "2d"
""",
    )
    ops, hook = config.channels
    assert (ops.kind, ops.lowest, ops.send_resolved, ops.url.file) == (
        "slack",
        "critical",
        False,
        tmp_path / "slack.url",
    )
    assert (hook.url.env, hook.signing_key and hook.signing_key.command) == ("HOOK_URL", ("pass", "show", "hook"))
    assert config.channel("ops") is ops
    payer = config.monitor.payers[0]
    assert (payer.name, payer.subaccount, payer.warning_cycles) == ("team", bytes(31) + b"\x01", 5 * 10**12)
    heartbeat = config.monitor.heartbeats[0]
    assert (heartbeat.duty, heartbeat.kind, heartbeat.url.keyring) == ("watch", "healthchecks", "healthchecks")
    metrics = config.monitor.metrics
    assert (metrics.listen_host, metrics.listen_port, metrics.textfile) == ("::1", 9187, tmp_path / "quri.prom")
    canister = config.canisters[0]
    assert (canister.interval_seconds, canister.sources, canister.backup_age_seconds) == (300, ("public",), 2 * 86400)
    assert (config.monitor.sources, config.alerts.wait_seconds) == (("query", "blackhole"), 120)


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ('[channels.a]\nkind = "slack"\nurl = "https://hooks.example/T/S"\n', "is a secret"),
        ('[channels.a]\nkind = "slack"\n', "url_file is missing"),
        ('[channels.a]\nkind = "slack"\nurl_file = "a"\nurl_env = "B"\n', "stands beside"),
        ('[channels.a]\nkind = "slack"\nurl_env = "https://x"\n', "names a variable"),
        ('[channels.a]\nkind = "pager"\nurl_file = "a"\n', "is 'pager'"),
        ('[channels.a]\nurl_file = "a"\n', "kind is missing"),
        ('[channels."a b"]\nkind = "slack"\nurl_file = "a"\n', "cannot be a name"),
        ('[channels.a]\nkind = "slack"\nurl_file = "a"\nsigning_key_env = "K"\n', "means nothing for slack"),
        ('[alerts]\nwait = "-1s"\n', "is '-1s'"),
        ('[alerts]\nrunbook_url = "wiki"\n', "is 'wiki'"),
        ('[alerts]\ngroup_interval = "0s"\n', "it must be from"),
        ('[monitor.payers.a]\nowner = "x"\n', "is 'x'"),
        (f'[monitor.payers.a]\nowner = "{LEDGER}"\nsubaccount = "zz"\n', "is 'zz'"),
        ('[monitor.heartbeats.lunch]\nurl_file = "a"\n', "is not known"),
        ('[monitor.metrics]\nlisten = "9187"\n', "is '9187'"),
        ('[monitor.metrics]\nlisten = "127.0.0.1:99999"\n', "is '127.0.0.1:99999'"),
        ('[monitor]\nsources = ["query", "query"]\n', "names 'query'"),
        ('[monitor]\nsources = ["oracle"]\n', "names 'oracle'"),
        ('[monitor]\nblackhole = "nowhere"\n', "is 'nowhere'"),
        (f'[canisters.a]\nid = "{LEDGER}"\ninterval = "0s"\n', "it must be from"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_line_and_what_is_allowed(tmp_path: Path, text: str, part: str) -> None:
    with pytest.raises(ConfigError) as failure:
        loaded(tmp_path, text)
    assert part in str(failure.value)
    assert "line" in failure.value.what
    assert failure.value.next_step


def test_a_channel_that_is_not_there_is_named_with_those_that_are(tmp_path: Path) -> None:
    config = loaded(tmp_path, '[channels.ops]\nkind = "slack"\nurl_file = "a"\n')
    with pytest.raises(UsageError) as failure:
        config.channel("opps")
    assert "Did you mean 'ops'?" in failure.value.next_step
