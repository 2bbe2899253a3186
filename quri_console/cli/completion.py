"""`quri-console completion`: the script that makes a shell complete our commands and options."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

VARIABLE = "_QURI_CONSOLE_COMPLETE"


@click.command("completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def command(ctx: click.Context, shell: str) -> None:
    """Print the completion script of SHELL.

    \b
    bash:  quri-console completion bash > ~/.local/share/bash-completion/completions/quri-console
    zsh:   quri-console completion zsh > "${fpath[1]}/_quri-console"
    fish:  quri-console completion fish > ~/.config/fish/completions/quri-console.fish
    """
    completion_class = get_completion_class(shell)
    assert completion_class is not None
    root = ctx.find_root()
    click.echo(completion_class(root.command, {}, "quri-console", VARIABLE).source())
