"""`quri-console cat`: one file of a backup, as text at a terminal, as its very bytes elsewhere."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from quri_console.cli.invocation import Invocation
from quri_console.errors import UsageError

if TYPE_CHECKING:
    from quri_console.backup.contents import ContentFile

_RANGE = re.compile(r"([0-9]{1,18}):([0-9]{1,18})")


@click.command("cat")
@click.argument("words", nargs=-1, required=True, metavar="BACKUP/CANISTER/FILE")
@click.option("--output", "-o", type=click.Path(path_type=Path), metavar="FILE", help="Write into this new file.")
@click.option("--range", "span", metavar="OFFSET:SIZE", help="Only so many bytes from an offset on.")
@click.pass_obj
def command(invocation: Invocation, words: tuple[str, ...], output: Path | None, span: str | None) -> None:
    """Write out one FILE of a backup, as `ls` lists it: BACKUP/CANISTER/FILE, or in words of their own.

    BACKUP may be `latest`: the newest backup that holds CANISTER. A terminal is told which one that is.

    Records are text: at a terminal control characters are spelt out, in a pipe every byte is as it was stored.
    Memories, modules and exports are binary and go into a pipe or a file only.

    \b
    Examples:
      quri-console cat latest/rune-engine/status.toml
      quri-console cat latest/rune-engine/wasm_module.bin -o module.wasm
      quri-console cat latest/registry/stable_memory.bin --range 0:64 | xxd
    """
    from quri_console.backup.contents import content_file, save_content
    from quri_console.cli.output import painted, say
    from quri_console.render.escape import escape
    from quri_console.units import format_bytes

    path = "/".join(words)
    backup, canister, name = _parts(path)
    offset, size = _parsed(span)
    with invocation.console().held_backup(f"{backup}/{canister}", f"cat {path}"[:200]) as (opened, still_held):
        stored = opened.canister(canister)
        file = content_file(stored, name)
        if opened.name != backup and sys.stderr.isatty():
            sys.stderr.write(f"{painted(f'{escape(stored.label)}/{escape(name)}', 'muted', sys.stderr)}\n")
        if output is not None:
            written = save_content(file, output, offset, size)
            say(f"Wrote {format_bytes(written)} of {escape(stored.label)}/{escape(name)} into {escape(str(output))}.")
        elif not sys.stdout.isatty():
            for block in file.blocks(offset, size):
                still_held()
                sys.stdout.buffer.write(block)
            sys.stdout.buffer.flush()
        else:
            _show(path, file, offset, size)


def _show(path: str, file: ContentFile, offset: int, size: int | None) -> None:
    from quri_console.cli.output import say
    from quri_console.render.escape import escape_lines

    if file.kind == "binary":
        raise UsageError(
            f"{file.name} is binary, so it is not shown at a terminal",
            next_step=f"quri-console cat {path} --output FILE, or pipe it into a program such as xxd.",
        )
    for line in escape_lines(b"".join(file.blocks(offset, size)).decode(errors="replace").removesuffix("\n")):
        say(line)


def _parts(path: str) -> tuple[str, str, str]:
    parts = path.split("/", 2)
    if len(parts) != 3 or not all(parts):
        raise UsageError(
            f"{path!r} names no file of a backup",
            next_step="Write BACKUP/CANISTER/FILE; `quri-console ls BACKUP` lists what there is.",
        )
    return parts[0], parts[1], parts[2]


def _parsed(span: str | None) -> tuple[int, int | None]:
    if span is None:
        return 0, None
    match = _RANGE.fullmatch(span)
    if match is None:
        raise UsageError(f"{span!r} is no range", next_step="Write OFFSET:SIZE in bytes, as 0:64.")
    return int(match[1]), int(match[2])
