"""What the service log hears of an operation's own process: when it begins, and how it ends."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from quri_console.clock import Clock, SystemClock
from quri_console.config import load_config
from quri_console.config.log import LogConfig
from quri_console.effects.operation_files import OperationFiles
from quri_console.errors import ExitCode, QuriError
from quri_console.service_log.writer import ServiceLog


def logged_operation(directory: Path, run: Callable[[], int], clock: Clock | None = None) -> int:
    """Run an operation's process between two lines of the log; its exit code."""
    files = OperationFiles(directory)
    # operations/ and logs/ lie side by side in the state folder
    folder = directory.parent.parent / "logs"
    problems: list[str] = []
    log = ServiceLog(folder, "runner", _log_config(files), clock or SystemClock(), problems.append)
    name = directory.name
    try:
        log.say("operation", f"{name} begins{_about(files)}", operation=name)
        code = run()
        ended = "" if code == ExitCode.OK else f" with exit code {code}"
        log.say("operation", f"{name} ended{ended}{_outcome(files)}", "error" if ended else "info", operation=name)
    except BaseException as error:
        log.say("operation", f"{name} broke off: {type(error).__name__}: {error}", "error", operation=name)
        raise
    finally:
        log.close()
        for problem in problems:
            # into the operation's own log, which may lie on the same disk but is all there is
            print(problem, flush=True)  # noqa: T201
    return code


def _log_config(files: OperationFiles) -> LogConfig:
    """What the configuration says; where it cannot be read the operation will say so itself."""
    try:
        return load_config(Path(files.request().config_path)).monitor.log
    except QuriError:
        return LogConfig()


def _about(files: OperationFiles) -> str:
    try:
        request = files.request()
    except QuriError as error:
        return f": {error}"
    reason = f", reason: {request.reason}" if request.reason else ""
    return f": {request.kind} of {', '.join(request.canisters)} on {request.network}{reason}"


def _outcome(files: OperationFiles) -> str:
    try:
        outcome = files.outcome()
    except QuriError as error:
        return f": {error}"
    return "" if outcome is None else f": {': '.join(part for part in (outcome.what, outcome.why) if part)}"
