"""The command line's front: global options, one lazily imported module per verb, and one place for failures."""

from __future__ import annotations

import importlib
import keyword
import os
import sys
from pathlib import Path
from typing import cast

import click

from quri_console import __version__
from quri_console.cli.invocation import Invocation
from quri_console.errors import ExitCode, QuriError, UsageError

PROGRAM = "quri-console"

# verb → what it does; its module quri_console.cli.<verb> has the click command `command` and is imported on use.
COMMANDS = {
    "init": "Make the repository, encrypted or in the clear.",
    "status": "Show the fleet: health, cycles, runway, age of every number.",
    "backup": "Copy canisters' whole state into the repository.",
    "list": "List the backups in the repository.",
    "show": "Show what one backup holds.",
    "ls": "List the files of a backup, with their sizes.",
    "cat": "Write out one file of a backup.",
    "export": "Write a canister's copy as a snapshot directory that icp uploads.",
    "import": "Take over snapshot directories, legacy backups and archives.",
    "diff": "Compare two of backup, archive, snapshot and live canister, to the page of memory.",
    "verify": "Read backups again and compare every byte with their manifest.",
    "check": "Check the whole repository, and name the backups that damage reaches.",
    "repair": "Put right what can be put right in a damaged repository.",
    "archive": "Seal one backup into one portable file.",
    "key": "List, add, remove and rotate what opens an encrypted repository.",
    "pin": "Keep a backup from being forgotten and pruned.",
    "forget": "Hide backups, by name or by the retention policy, and bring them back.",
    "prune": "Delete what was forgotten long ago, and the chunks that no backup needs.",
    "restore": "Bring a canister back from a backup, with dry run, proof and way back.",
    "rollback": "Undo a restore by its safety snapshot.",
    "operations": "List, show, resume and abort backups and restores.",
    "demo": "Open the console on a fresh local network with a live fleet.",
    "localnet": "Run the embedded Internet Computer until interrupted.",
    "completion": "Print the shell completion script for bash, zsh or fish.",
}

EXIT_CODES_HELP = (
    "Exit codes: 0 ok, 1 failed, 2 usage or configuration, 3 partial, 10 repository missing, 11 locked, "
    "12 wrong key, 13 corruption, 14 refused by a safety rule, 15 not authorised, 16 network, 130 cancelled."
)


class LazyGroup(click.Group):
    """A group whose help needs no command's module."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        # no module can be called like a word of the language
        module = f"{cmd_name}_" if keyword.iskeyword(cmd_name) else cmd_name
        return cast("click.Command", importlib.import_module(f"quri_console.cli.{module}").command)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and not args[0].startswith("-") and self.get_command(ctx, args[0]) is None:
            raise _no_such_command(args[0])
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


def _no_such_command(name: str) -> UsageError:
    import difflib

    from quri_console.render.escape import escape

    similar = difflib.get_close_matches(name, COMMANDS, n=1)
    hint = f"Did you mean {similar[0]}? " if similar else ""
    return UsageError(
        f"there is no command {escape(name)!r}", next_step=f"{hint}`quri-console --help` lists all commands."
    )


@click.group(
    cls=LazyGroup,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog=EXIT_CODES_HELP,
)
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Configuration file; else $QURI_CONFIG, else ~/.config/quri-console/config.toml.",
)
@click.option("--network", metavar="NAME", help="One of the configuration's networks; the first unless given.")
@click.option("--read-only", is_flag=True, help="Refuse whatever would change a canister.")
@click.option("--debug", is_flag=True, help="Show tracebacks of failures.")
@click.version_option(__version__, prog_name=PROGRAM, message="%(prog)s %(version)s")
@click.pass_context
def cli(ctx: click.Context, config: Path | None, network: str | None, read_only: bool, debug: bool) -> int | None:
    """Watch, back up, compare and restore Internet Computer canisters.

    Without a command the console opens.
    """
    ctx.obj = Invocation(config=config, network=network, read_only=read_only, debug=debug)
    if ctx.invoked_subcommand is not None:
        return None
    return open_console(ctx.obj)


def open_console(invocation: Invocation) -> int:
    """Open the full-screen console. Raises UsageError where there is no terminal for it."""
    require_terminal()
    console = invocation.console()
    from quri_console.ui.app import run_console

    return run_console(console)


def require_terminal() -> None:
    """Raise UsageError where there is no terminal for a full-screen console."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageError(
            "the console needs a terminal",
            why="standard input or output is not one",
            next_step="In scripts and pipes use `quri-console status`, or --help for the other commands.",
        )


def run(arguments: list[str] | None = None) -> int:
    """Run one command line and return its exit code."""
    debug = "--debug" in (sys.argv[1:] if arguments is None else arguments)
    try:
        result = cli.main(args=arguments, prog_name=PROGRAM, standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return int(ExitCode.USAGE)
    except (click.Abort, KeyboardInterrupt):
        click.echo("Cancelled.", err=True)
        return int(ExitCode.CANCELLED)
    except BrokenPipeError:
        return _reader_went_away()
    except QuriError as error:
        return _failed(error, debug=debug)
    except Exception as error:  # noqa: BLE001 - the last resort: an internal error must not show a traceback unasked
        return _internal_error(error, debug=debug)
    return result if isinstance(result, int) else int(ExitCode.OK)


def _failed(error: QuriError, *, debug: bool) -> int:
    from quri_console.cli.output import show_error

    show_error(error, debug=debug)
    return int(error.exit_code)


def _internal_error(error: Exception, *, debug: bool) -> int:
    report = QuriError(
        f"quri-console itself failed: {type(error).__name__}",
        why=str(error),
        next_step="This is a bug. Please report it with the output of the same command with --debug before the verb.",
    )
    report.__cause__ = error
    return _failed(report, debug=debug)


def _reader_went_away() -> int:
    # `| head` closed the pipe: keep Python from complaining about it again when it flushes at exit
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return int(ExitCode.FAILED)


def main() -> None:
    """The installed command."""
    sys.exit(run())
