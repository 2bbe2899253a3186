"""The reference of all commands, made from the commands themselves, as Markdown of the runbook."""

from __future__ import annotations

from collections.abc import Iterator

import click


def command_reference(root: click.Group) -> str:
    """Every command below `root`: how it is used, what it does, its options."""
    context = click.Context(root, info_name="quri-console")
    return "\n".join(_group(root, context))


def _group(group: click.Group, context: click.Context) -> Iterator[str]:
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if command is None or command.hidden:
            continue
        inner = click.Context(command, info_name=name, parent=context)
        yield from _command(command, inner)
        if isinstance(command, click.Group):
            yield from _group(command, inner)


def _command(command: click.Command, context: click.Context) -> Iterator[str]:
    usage = " ".join([context.command_path, *command.collect_usage_pieces(context)])
    about = (command.help or "").split("\b")[0].split("\f")[0]
    yield f"## {context.command_path}"
    yield ""
    yield f"`{usage}`"
    yield ""
    for paragraph in about.strip().split("\n\n"):
        yield " ".join(paragraph.split())
        yield ""
    for parameter in command.get_params(context):
        told = parameter.get_help_record(context)
        if told is not None and "--help" not in parameter.opts:
            yield f"- `{told[0]}` {' '.join(told[1].split())}".rstrip()
    yield ""
