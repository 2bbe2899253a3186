"""Prometheus itself judges the metrics, the rules and what the dashboard asks (Debian package `prometheus`)."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import socket
import subprocess
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any

import httpx
import pytest

from quri_console.clock import NANOSECONDS_PER_SECOND
from quri_console.monitor.fleet import Finding, FleetStatus, Health
from quri_console.monitor.metrics import PayerFacts, WatchFacts, metrics_text
from quri_console.service.metrics_endpoint import MetricsEndpoint
from tests.support.fleets import HEALTHY, NEVER_SEEN, REGISTRY, fleet, view

pytestmark = pytest.mark.interop

RULES = files("quri_console.monitor") / "prometheus" / "alert_rules.yml"
DASHBOARD = files("quri_console.monitor") / "prometheus" / "dashboard.json"
BALANCE = 10**38
TROUBLE = Path(__file__).with_name("trouble.yml")
FROZEN = Health("critical", (Finding("frozen", "critical", "frozen"),))


def program(name: str) -> str:
    """A program of the Debian package `prometheus`; skips the test by name where it is missing."""
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed (Debian package prometheus)")
    return found


def promtool(*arguments: str, stdin: str = "") -> str:
    """What promtool says; it must be content."""
    run = subprocess.run(
        [program("promtool"), *arguments], input=stdin, capture_output=True, text=True, timeout=60, check=False
    )
    said = run.stdout + run.stderr
    assert run.returncode == 0, said
    return said


def pictured(now_ns: int) -> tuple[FleetStatus, WatchFacts]:
    """A fleet with a canister of each kind, and a watch that knows everything of itself."""
    here = {"sampled_at_ns": now_ns, "attempted_at_ns": now_ns, "last_backup_at_ns": now_ns}
    views = (
        view(cycles=BALANCE, **here),
        view(name="registry", canister_id=REGISTRY, health=FROZEN, **here),
        view(name='odd "name"\\\n', canister_id="odd", health=NEVER_SEEN.health),
    )
    facts = WatchFacts(
        heartbeat_at_ns=now_ns,
        last_round_at_ns=now_ns,
        last_round_seconds=0.7,
        outbox_waiting={"ops": 2},
        alerts_firing={"critical": 1},
        payers=(PayerFacts("main", BALANCE, 10**12, now_ns),),
    )
    return fleet(*views), facts


def test_promtool_finds_no_fault_in_the_metrics() -> None:
    now_ns = HEALTHY.sampled_at_ns or 0
    assert promtool("check", "metrics", stdin=metrics_text(*pictured(now_ns))) == ""
    assert promtool("check", "metrics", stdin=metrics_text(fleet(NEVER_SEEN))) == ""


def test_promtool_finds_no_fault_in_the_rules() -> None:
    said = promtool("check", "rules", str(RULES))
    assert "SUCCESS" in said, said


def test_each_rule_fires_on_its_trouble_and_on_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "trouble.yml"
    path.write_text(TROUBLE.read_text().replace("[RULES]", "[" + json.dumps(str(RULES)) + "]"))
    assert "SUCCESS" in promtool("test", "rules", str(path))


@asynccontextmanager
async def prometheus(folder: Path, scraped_port: int) -> AsyncIterator[httpx.AsyncClient]:
    """A running Prometheus that scrapes one endpoint, with our rules loaded."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    configuration = {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": [str(RULES)],
        "scrape_configs": [{"job_name": "quri", "static_configs": [{"targets": [f"127.0.0.1:{scraped_port}"]}]}],
    }
    (folder / "prometheus.yml").write_text(json.dumps(configuration))  # JSON is YAML
    with (folder / "log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            program("prometheus"),
            f"--config.file={folder / 'prometheus.yml'}",
            f"--storage.tsdb.path={folder / 'data'}",
            f"--web.listen-address=127.0.0.1:{port}",
            stdout=log,
            stderr=log,
        )
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=10) as client:
            yield client
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def query(client: httpx.AsyncClient, expression: str) -> list[Any]:
    """What an expression evaluates to now."""
    reply = await client.get("/api/v1/query", params={"query": expression})
    reply.raise_for_status()
    answer = reply.json()
    assert answer["status"] == "success", (expression, answer)
    result: list[Any] = answer["data"]["result"]
    return result


async def scraped(client: httpx.AsyncClient) -> None:
    """Wait for the first scrape that succeeded."""
    async with asyncio.timeout(30):
        while True:
            try:
                if [result["value"][1] for result in await query(client, "up")] == ["1"]:
                    return
            except httpx.TransportError:
                pass  # it is not listening yet
            except httpx.HTTPStatusError as error:
                if error.response.status_code != httpx.codes.SERVICE_UNAVAILABLE:  # it listens before its storage opens
                    raise
            await asyncio.sleep(0.1)


async def test_a_real_prometheus_scrapes_the_endpoint_and_the_dashboard_finds_its_numbers(tmp_path: Path) -> None:
    endpoint = MetricsEndpoint("127.0.0.1", 0)
    await endpoint.start()
    endpoint.publish(*pictured(time.time_ns() // NANOSECONDS_PER_SECOND * NANOSECONDS_PER_SECOND))
    try:
        async with prometheus(tmp_path, endpoint.port) as client:
            await scraped(client)
            balance = await query(client, 'quri_canister_cycles{canister="rune-engine"}')
            assert float(balance[0]["value"][1]) == float(BALANCE)
            odd = await query(client, 'quri_canister_info{id="odd"}')
            assert odd[0]["metric"]["canister"] == 'odd "name"\\\n'
            for expression in dashboard_expressions():
                assert await query(client, expression), f"nothing is found by {expression}"
            for name, label in dashboard_labels():
                values = (await client.get(f"/api/v1/label/{label}/values", params={"match[]": name})).json()
                assert values["data"], (name, label)
            rules = (await client.get("/api/v1/rules")).json()["data"]["groups"]
            assert {rule["lastError"] for group in rules for rule in group["rules"] if rule.get("lastError")} == set()
    finally:
        await endpoint.aclose()


def dashboard_expressions() -> list[str]:
    """What the panels ask, with every variable set to all."""
    panels = json.loads(DASHBOARD.read_text("utf-8"))["panels"]
    return [re.sub(r"\$(network|canister)", ".*", target["expr"]) for panel in panels for target in panel["targets"]]


def dashboard_labels() -> list[tuple[str, str]]:
    """The metric and the label that each variable takes its values from."""
    variables = json.loads(DASHBOARD.read_text("utf-8"))["templating"]["list"]
    asked = (variable["query"]["query"] for variable in variables if variable["type"] == "query")
    found = (re.fullmatch(r"label_values\((.+), (\w+)\)", question.replace("$network", ".*")) for question in asked)
    return [(match[1], match[2]) for match in found if match]
