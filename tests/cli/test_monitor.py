"""`monitor` as cron and Nagios use it: its exit code is the fleet's health, and 3 for everything else."""

from __future__ import annotations

from pathlib import Path

import pytest

from quri_console.config.principal_text import principal_text
from quri_console.localnet.canister import RunState
from tests.support.operator_command import Operator, operator_on_fleet
from tests.support.webhook_receiver import webhook_receiver

WELL = '[monitor]\ninterval = "5s"\nwarning = "1B"\ncritical = "1M"\nrunway_warning = "2s"\nrunway_critical = "1s"\n'


def set_up(operator: Operator, more: str = "") -> None:
    """Thresholds under which the demo fleet is healthy, and `more` in front of the paths."""
    operator.edit('[monitor]\ninterval = "5s"\n', WELL + more)


async def stop_registry(operator: Operator, *, stopped: bool = True) -> None:
    """Stop it, or start it again, behind the operator's back."""
    network = operator.net.network
    canister = next(canister for canister in network.canister_ids() if principal_text(canister).startswith("pnqje-"))
    network.subnet.canisters[canister].run_state = RunState.STOPPED if stopped else RunState.RUNNING


async def test_the_exit_code_is_the_fleets_health(tmp_path: Path) -> None:
    async with operator_on_fleet(tmp_path) as operator:
        set_up(operator)
        well = await operator("monitor", "--quiet")
        assert (well.code, well.output) == (0, "")
        operator.edit('warning = "1B"', 'warning = "1000T"')
        warning = await operator("monitor", "--json")
        assert warning.code == 1
        assert {entry["health"]["level"] for entry in warning.json()["canisters"]} == {"warning"}
        operator.edit('critical = "1M"', 'critical = "900T"')
        critical = await operator("monitor", "--quiet")
        assert critical.code == 2
        assert "are below 900 T (critical)" in critical.output


@pytest.mark.parametrize("arguments", [("--nonsense",), ("--json", "--nagios"), ("stray",)])
async def test_wrong_usage_is_never_taken_for_health(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    async with operator_on_fleet(tmp_path) as operator:
        assert (await operator("monitor", *arguments)).code == 3
        assert (await operator("status", "--nonsense")).code == 2


async def test_a_faulty_configuration_is_unknown_and_nagios_is_told_so(tmp_path: Path) -> None:
    async with operator_on_fleet(tmp_path) as operator:
        operator.edit('interval = "5s"', 'interval = "-5s"')
        ended = await operator("monitor", "--nagios")
    assert ended.code == 3
    assert ended.output.startswith("QURI UNKNOWN: ")
    assert ended.output.count("\n") == 1


async def test_a_silent_network_is_unknown(tmp_path: Path) -> None:
    async with operator_on_fleet(tmp_path) as operator:
        operator.edit(operator.net.url, "http://127.0.0.1:9")
        ended = await operator("monitor", "--quiet")
    assert ended.code == 3
    assert "unreachable" in ended.output


async def test_nagios_gets_one_line_with_the_configured_limits(tmp_path: Path) -> None:
    async with operator_on_fleet(tmp_path) as operator:
        set_up(operator)
        ended = await operator("monitor", "--nagios")
    assert ended.code == 0
    line, _, performance = ended.output.partition(" | ")
    assert line.startswith("QURI OK: ")
    assert "'rune-engine cycles'=" in performance
    assert ":;1000000:;0" in performance
    assert ended.output.count("\n") == 1


async def test_an_alert_is_sent_once_however_often_cron_runs(tmp_path: Path) -> None:
    async with operator_on_fleet(tmp_path) as operator, webhook_receiver() as receiver:
        secret = tmp_path / "hook.url"
        secret.write_text(f"{receiver.url}\n")
        secret.chmod(0o600)
        more = '[alerts]\ngroup_wait = "1s"\n[channels.hook]\nkind = "generic"\nurl_file = "hook.url"\n'
        set_up(operator, more)
        await operator("monitor", "--notify")
        assert receiver.received == []
        await stop_registry(operator)
        ended = await operator("monitor", "--notify")
        assert ended.code == 2
        for _ in range(3):
            await operator("monitor", "--notify")
        assert len(receiver.received) == 1
        alert = receiver.received[0].json()["alerts"][0]
    assert (alert["labels"]["name"], alert["labels"]["severity"]) == ("registry", "critical")
    assert "s3cr3t" not in ended.output + ended.errors
