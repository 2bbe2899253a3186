"""`quri-console metrics`: what Prometheus would be told, from the history."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import click

from quri_console.cli.invocation import Invocation


@click.command("metrics")
@click.option("--textfile", type=click.Path(path_type=Path), metavar="FILE", help="Write FILE in one step instead.")
@click.option("--openmetrics", is_flag=True, help="OpenMetrics 1.0 instead of the Prometheus text format.")
@click.pass_obj
def command(invocation: Invocation, textfile: Path | None, openmetrics: bool) -> None:
    """Print the fleet as Prometheus metrics, from the history; the network is not asked.

    `watch` serves the same under [monitor.metrics] listen, and writes textfile after each round.
    A dashboard for Grafana and rules for Prometheus come with the package.

    \b
    Examples:
      quri-console metrics
      quri-console metrics --textfile /var/lib/node_exporter/quri.prom
    """
    text = asyncio.run(invocation.console().metrics_text("openmetrics" if openmetrics else "text"))
    if textfile is None:
        sys.stdout.write(text)
        return
    from quri_console.service.metrics_textfile import write_metrics_textfile

    write_metrics_textfile(textfile, text)
