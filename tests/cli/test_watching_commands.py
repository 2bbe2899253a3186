"""What is known of the past, from the command line: history, burn, alerts, logs, metrics, doctor."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

from quri_console.clock import NANOSECONDS_PER_SECOND, SystemClock
from quri_console.config import load_config
from quri_console.config.principal_text import principal_text
from quri_console.history import History, Sample
from quri_console.units import DAY_SECONDS, HOUR_SECONDS
from tests.cli.test_monitor import set_up, stop_registry
from tests.support.operator_command import Operator, operator_on_fleet

HOSTILE = "\x1b]52;c;cm0gLXJm\x07"


async def recorded(operator: Operator, *, days: int = 3, top_up_at_hour: int = 30) -> None:
    """Hourly balances that fall by 1 B an hour, with a top-up of 1 T."""
    config = load_config(operator.config)
    now_ns = SystemClock().now_ns()
    start_ns = now_ns - days * DAY_SECONDS * NANOSECONDS_PER_SECOND
    samples = []
    for hour in range(days * 24):
        cycles = 5 * 10**12 - hour * 10**9 + (10**12 if hour >= top_up_at_hour else 0)
        at_ns = start_ns + hour * HOUR_SECONDS * NANOSECONDS_PER_SECOND
        samples.append(Sample(config.canister("registry").id, at_ns, "query", "running", cycles, freezing_limit=10**11))
    async with await History.open(config.paths.history) as history:
        await history.add_samples("local", samples)


async def test_history_is_shown_charted_and_exported(tmp_path: Path) -> None:
    async with operator_on_fleet(tmp_path) as operator:
        empty = await operator("history", "registry")
        assert (empty.code, "Nothing is known of registry" in empty.output) == (0, True)
        await recorded(operator)
        table = await operator("history", "registry", "--since", "4d", "--resolution", "hour")
        assert "topped-up of 999 B" in table.output
        rows = list(
            csv.DictReader(io.StringIO((await operator("history", "registry", "--since", "4d", "--csv")).output))
        )
        assert len(rows) >= 70
        assert sum(int(row["top_up_cycles"]) for row in rows) == 999 * 10**9
        assert {int(row["burnt"]) for row in rows[1:]} == {0, 10**9}
        document = (await operator("history", "registry", "--since", "4d", "--json")).json()
        assert (document["resolution"], len(document["points"])) == ("hour", len(rows))
        chart = await operator("history", "registry", "--since", "4d", "--plot")
        assert "registry: T cycles" in chart.output
        assert "\x1b" not in chart.output
        assert max(map(len, chart.output.splitlines())) <= 80
        wrong = await operator("history", "registry", "--csv", "--json")
        assert wrong.code == 2
        assert (await operator("history", "registri")).code == 2


async def test_burn_leaves_the_top_up_out_and_says_how_sure_it_is(tmp_path: Path) -> None:
    async with operator_on_fleet(tmp_path) as operator:
        await recorded(operator)
        (found,) = (await operator("burn", "registry", "--json")).json()
        assert abs(found["expected_burn_per_day"] - 24 * 10**9) < 10**9
        assert found["no_forecast"]
        assert len(found["top_ups"]) == 1
        assert abs(found["top_ups"][0]["cycles"] - 10**12) < 10**10
        shown = await operator("burn")
        assert "registry: no interval yet" in shown.output
        assert "topped up by ≈ 1 T" in shown.output


async def test_alerts_are_acknowledged_silenced_and_taken_back(tmp_path: Path) -> None:
    async with operator_on_fleet(tmp_path) as operator:
        set_up(operator, '[alerts]\nwait = "0s"\n')
        assert "No alert is firing." in (await operator("alerts", "list")).output
        nothing = await operator("alerts", "ack", "registry")
        assert (nothing.code, "alerts list" in nothing.errors) == (2, True)
        await stop_registry(operator)
        await operator("monitor", "--notify")
        listed = await operator("alerts", "list")
        assert "registry" in listed.output
        assert "stopped" in listed.output
        assert (await operator("alerts", "ack", "registry", "--note", HOSTILE, "--for", "4h")).code == 0
        assert (await operator("alerts", "silence", "*", "--rule", "burn-*", "--for", "1d")).code == 0
        assert (await operator("alerts", "silence", "registry")).code == 2
        shown = await operator("alerts", "list", "--all")
        assert "acknowledged by" in shown.output
        assert "everything burn-* silenced by" in shown.output
        assert "\x1b" not in shown.output
        document = (await operator("alerts", "list", "--json")).json()
        assert [entry["kind"] for entry in document["silences"]] == ["ack", "silence"]
        for entry in document["silences"]:
            assert (await operator("alerts", "unsilence", str(entry["id"]))).code == 0
        assert (await operator("alerts", "unsilence", "99")).code == 2
        assert (await operator("alerts", "list", "--json")).json()["silences"] == []


async def test_old_histories_are_taken_over_once(tmp_path: Path) -> None:
    entry = {"name": "registry", "cycles": 493_800_000_000, "status": "HEALTHY"}
    other = {"name": "stranger", "cycles": 1, "status": "HEALTHY"}
    old = tmp_path / "cycles_history.json"
    old.write_text(json.dumps([{"timestamp": "2025-01-24T02:00:07Z", "network": "local", "canisters": [entry, other]}]))
    async with operator_on_fleet(tmp_path) as operator:
        first = await operator("import", "history", str(old))
        assert (first.code, "1 balances added" in first.output) == (3, True)
        assert "stranger is no canister of the configuration" in first.output
        again = (await operator("import", "history", str(old), "--json")).json()
        assert (again[0]["added"], again[0]["skipped"]) == (0, 1)
        (point,) = (await operator("history", "registry", "--since", "500w", "--resolution", "raw", "--json")).json()[
            "points"
        ]
        assert (point["cycles"], point["origin"]) == (493_800_000_000, "imported")


async def test_metrics_and_doctor_tell_what_the_history_knows(tmp_path: Path) -> None:
    async with operator_on_fleet(tmp_path) as operator:
        set_up(operator)
        sick = await operator("doctor")
        assert sick.code == 1
        assert "registry was never asked" in sick.output
        assert "no channel is configured" in sick.output
        await operator("monitor")
        document = (await operator("doctor", "--json")).json()
        levels = {entry["what"]: entry["level"] for entry in document}
        assert (levels["rounds"], levels["history"], levels["messages"]) == ("ok", "ok", "ok")
        assert levels["backups"] == "warning"
        text = (await operator("metrics")).output
        assert 'quri_canister_up{network="local",canister="registry"' in text
        assert (await operator("metrics", "--textfile", str(tmp_path / "q.prom"))).output == ""
        assert (tmp_path / "q.prom").read_text().startswith("# HELP")


async def test_logs_are_escaped_and_only_for_those_who_may_read_them(tmp_path: Path) -> None:
    async with operator_on_fleet(tmp_path) as operator:
        known = {principal_text(canister): canister for canister in operator.net.network.canister_ids()}
        log = operator.net.network.subnet.canisters[known[load_config(operator.config).canister("registry").id]].log
        log.append(f"first {HOSTILE}".encode(), 10**18, 4096)
        log.append(b"\xff\xfe", 10**18 + 1, 4096)
        shown = await operator("logs", "registry")
        assert (shown.code, len(shown.output.splitlines())) == (0, 2)
        assert shown.output.startswith("2001-09-09 01:46:40Z first ")
        assert "\x1b" not in shown.output
        assert len((await operator("logs", "registry", "-n", "1")).output.splitlines()) == 1
        lines = [json.loads(line) for line in (await operator("logs", "registry", "--json")).output.splitlines()]
        assert (lines[0]["text"], lines[1]["hex"]) == (f"first {HOSTILE}", "fffe")
        operator.edit("[identities.poll]", "[identities.none]")
        operator.edit('[identities.none]\npem = "controller.pem"\n', "")
        refused = await operator("logs", "registry")
        assert (refused.code, "log_visibility" in refused.errors) == (15, True)
        assert (await operator("logs", "nobody")).code == 2
