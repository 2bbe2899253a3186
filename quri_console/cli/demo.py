"""`quri-console demo`: the console, or its whole story, on a fresh local network."""

from __future__ import annotations

import click

from quri_console.cli.invocation import Invocation
from quri_console.cli.opening import require_terminal


@click.command("demo")
@click.option("--script", is_flag=True, help="Play the whole story without a screen, each step with its proof.")
@click.pass_obj
def command(invocation: Invocation, script: bool) -> int:
    """Open the console on a freshly started local network with a live fleet.

    With --script the story is played without a screen: status, backup, damage through a real call,
    dry-run difference, restore, the data read back, roll back. It ends with 1 if any proof fails.

    \b
    Examples:
      quri-console demo
      quri-console demo --script
    """
    if not script:
        require_terminal()
    from quri_console.drill.local_process import local_process

    with local_process() as process:
        if script:
            from quri_console.drill.demo_script import play

            return play(process.wait_until_serving(), click.echo)
        # imported while the network starts
        from quri_console.console import Console
        from quri_console.ui.terminal import run_console

        console = Console.open(config_path=process.wait_until_serving().config, read_only=invocation.read_only)
        return run_console(console, invocation.console_options)
