"""The command line's front: global options, one lazily imported module per verb, and one place for failures."""

from __future__ import annotations

import contextlib
import importlib
import keyword
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import click

from quri_console import __version__
from quri_console.cli.console_options import OPENING_CONSOLE, WITH_VALUE, console_options, options_of, refuse_given
from quri_console.cli.invocation import Invocation
from quri_console.cli.opening import CONSOLE_MODULE, end_at_once, open_console
from quri_console.cli.standard_streams import open_closed
from quri_console.errors import Cancelled, ExitCode, QuriError, UsageError

PROGRAM = "quri-console"
HEALTH_UNKNOWN = 3
READER_WENT_AWAY = 128 + 13
"""What a shell reports of a program that SIGPIPE ended, as `| head` does to the usual tools."""

# verb → what it does; its module quri_console.cli.<verb> has the click command `command` and is imported on use.
COMMANDS = {
    "init": "Make the repository, encrypted or in the clear.",
    "status": "Show the fleet: health, cycles, runway, age of every number.",
    "monitor": "Ask the network once and judge the fleet; the exit code is its health.",
    "watch": "Watch without end: poll, alert, deliver messages, serve metrics.",
    "schedule": "Show, run and explain what runs by itself, and install its timers.",
    "alerts": "List, acknowledge and silence alerts.",
    "history": "Show a canister's balance, burn and events over time.",
    "burn": "Show how fast cycles go and how long they last.",
    "logs": "Show what a canister wrote into its log.",
    "service-logs": "Show what watch, consoles, schedules and runners did.",
    "doctor": "Say what is overdue or stuck.",
    "notify": "Try the channels that messages go to.",
    "metrics": "Print the fleet as Prometheus metrics.",
    "backup": "Copy canisters' whole state into the repository.",
    "list": "List the backups in the repository.",
    "show": "Show what one backup holds.",
    "ls": "List the files of a backup, with their sizes.",
    "cat": "Write out one file of a backup.",
    "export": "Write a canister's copy as a snapshot directory that icp uploads.",
    "import": "Take over snapshot directories, legacy backups and archives.",
    "diff": "Compare two of backup, archive, snapshot and live canister, to the page of memory.",
    "verify": "Read backups again and compare every byte with their manifest.",
    "rehearse": "Load backups into a sandbox on this machine and ask their health queries.",
    "check": "Check the whole repository, and name the backups that damage reaches.",
    "repair": "Put right what can be put right in a damaged repository.",
    "archive": "Seal one backup into one portable file.",
    "key": "List, add, remove and rotate what opens an encrypted repository.",
    "pin": "Keep a backup from being forgotten and pruned.",
    "forget": "Hide backups, by name or by the retention policy, and bring them back.",
    "prune": "Delete what was forgotten long ago, and the chunks that no backup needs.",
    "restore": "Bring a canister back from a backup, with dry run, proof and way back.",
    "start": "Start a canister that is stopped.",
    "stop": "Stop a canister, within a deadline, and leave it so.",
    "topup": "Pay cycles of the cycles ledger into a canister.",
    "create": "Create a canister anew in the place of one that was deleted.",
    "ready": "Say whether canisters could be restored this minute.",
    "rollback": "Undo a restore by its safety snapshot.",
    "snapshots": "List snapshots on chain, whose they are, and delete what is not needed.",
    "operations": "List, show, resume and abort backups and restores.",
    "audit": "Show the audit log, and check that nobody changed it.",
    "report": "Report on health, backups, evidence, alerts and access of a period.",
    "docs": "Show the runbook: what to do when something is wrong.",
    "lockdown": "Halt schedules and every effect, and lift that again.",
    "demo": "Open the console on a fresh local network with a live fleet.",
    "drill": "Play incidents on a local network, judged by its canisters, and keep the score.",
    "localnet": "Run the embedded Internet Computer until interrupted.",
    "completion": "Print the shell completion script for bash, zsh or fish.",
}

EXIT_CODES_HELP = (
    "Exit codes: 0 ok, 1 failed, 2 usage or configuration, 3 partial, 10 repository or backup missing, "
    "11 locked, 12 wrong key, 13 corruption, 14 refused by a safety rule, 15 not authorised, 16 network, "
    "130 cancelled, 141 the reader of a pipe went away."
)


class ReaderWentAway(Exception):
    """The pipe that a command writes into was closed; not an OSError, because click would make exit code 1 of one."""


class LazyGroup(click.Group):
    """A group whose help needs no command's module."""

    def make_context(self, *args: Any, **extra: Any) -> click.Context:
        with _closed_pipe_told():
            return super().make_context(*args, **extra)

    def invoke(self, ctx: click.Context) -> Any:
        with _closed_pipe_told():
            return super().invoke(ctx)

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        # no module can be called like a word of the language
        module = f"{cmd_name}_" if keyword.iskeyword(cmd_name) else cmd_name.replace("-", "_")
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


@contextlib.contextmanager
def _closed_pipe_told() -> Iterator[None]:
    try:
        yield
    except BrokenPipeError as error:
        raise ReaderWentAway from error


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
@console_options
@click.version_option(__version__, prog_name=PROGRAM, message="%(prog)s %(version)s")
@click.pass_context
def cli(
    ctx: click.Context, /, config: Path | None, network: str | None, read_only: bool, debug: bool, **console: Any
) -> int | None:
    """Watch, back up, compare and restore Internet Computer canisters.

    Without a command the console opens.
    """
    ctx.obj = Invocation(
        config=config, network=network, read_only=read_only, debug=debug, console_options=options_of(console)
    )
    if ctx.invoked_subcommand is None:
        return open_console(ctx.obj)
    if ctx.invoked_subcommand not in OPENING_CONSOLE:
        refuse_given(console, ctx.invoked_subcommand)
    return None


def run(arguments: list[str] | None = None) -> int:
    """Run one command line and return its exit code."""
    words = sys.argv[1:] if arguments is None else arguments
    asked = words[: words.index("--")] if "--" in words else words
    debug, as_json = "--debug" in asked, "--json" in asked
    try:
        try:
            code, failed = _run(arguments, debug=debug, as_json=as_json)
        finally:
            # here, because a pipe that closed is answered for below and at the interpreter's end is not
            for stream in (sys.stdout, sys.stderr):
                stream.flush()
    except (ReaderWentAway, BrokenPipeError):
        return _reader_went_away()
    # its other codes are the fleet's health, so a failure must not look like one of them
    return HEALTH_UNKNOWN if failed and _is_monitor(asked) else code


def _run(arguments: list[str] | None, *, debug: bool, as_json: bool) -> tuple[int, bool]:
    """The exit code, and whether the command failed (else the code is what the command says)."""
    try:
        result = cli.main(args=arguments, prog_name=PROGRAM, standalone_mode=False)
    except click.ClickException as error:
        return _misused(error, as_json=as_json), True
    except (click.Abort, KeyboardInterrupt):
        return _cancelled(as_json=as_json), True
    except ReaderWentAway:
        raise
    except QuriError as error:
        return _failed(error, debug=debug, as_json=as_json), True
    except Exception as error:  # noqa: BLE001 - the last resort: an internal error must not show a traceback unasked
        return _internal_error(error, debug=debug, as_json=as_json), True
    return result if isinstance(result, int) else int(ExitCode.OK), False


def _is_monitor(words: list[str]) -> bool:
    """Whether the command is `monitor`: the first word that is neither a global option nor its value."""
    words_left = iter(words)
    for word in words_left:
        if word in ("--config", "--network", *WITH_VALUE):
            next(words_left, None)
        elif not word.startswith("-"):
            return word == "monitor"
    return False


def _misused(error: click.ClickException, *, as_json: bool) -> int:
    if not as_json:
        error.show()
        return int(ExitCode.USAGE)
    context = error.ctx if isinstance(error, click.UsageError) else None
    path = context.command_path if context is not None else PROGRAM
    return _failed(UsageError(error.format_message(), next_step=f"`{path} --help` shows how it is used."), as_json=True)


def _cancelled(*, as_json: bool) -> int:
    if as_json:
        return _failed(Cancelled("Cancelled"), as_json=True)
    click.echo("Cancelled.", err=True)
    return int(ExitCode.CANCELLED)


def _failed(error: QuriError, *, debug: bool = False, as_json: bool = False) -> int:
    from quri_console.cli.output import show_error

    show_error(error, debug=debug, as_json=as_json)
    return int(error.exit_code)


def _internal_error(error: Exception, *, debug: bool, as_json: bool) -> int:
    report = QuriError(
        f"quri-console itself failed: {type(error).__name__}",
        why=str(error),
        next_step="This is a bug. Please report it with the output of the same command with --debug before the verb.",
    )
    report.__cause__ = error
    return _failed(report, debug=debug, as_json=as_json)


def _reader_went_away() -> int:
    """The exit code of a program that a closed pipe (`| head`) ends; nothing more is written."""
    # keep Python from complaining when it flushes at exit, whichever of the two it was
    silence = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(BrokenPipeError):
            stream.flush()
        os.dup2(silence, stream.fileno())
    os.close(silence)
    return READER_WENT_AWAY


def main() -> None:
    """The installed command."""
    open_closed()
    code = run()
    if CONSOLE_MODULE in sys.modules:
        end_at_once(code)
    sys.exit(code)
