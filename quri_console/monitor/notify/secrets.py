"""Reads secrets from where the configuration says: a file, the environment, the keyring or a command.

Nothing here puts a secret into an error, a log or an argument of a process.
"""

from __future__ import annotations

import asyncio
import importlib
import os
import signal
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from quri_console.config.alerting import SecretSource
from quri_console.errors import ConfigError, QuriError
from quri_console.monitor.notify.safe_text import safe
from quri_console.redaction import remember_secret

COMMAND_SECONDS = 10.0
_KEYRING_SERVICE = "quri-console"


class SecretUnavailable(ConfigError):
    """A secret cannot be had from where the configuration says that it is."""


class ExtraMissing(ConfigError):
    """An optional part of quri-console is needed and not installed."""


async def read_secret(
    source: SecretSource,
    what: str,
    *,
    environ: Mapping[str, str] | None = None,
    command_seconds: float = COMMAND_SECONDS,
) -> str:
    """The first line of a secret; `what` names it in errors (`the address of channel ops`).

    Raises SecretUnavailable, ExtraMissing; UsageError or RefusedBySafetyRule for a file that others may use.
    """
    if source.file is not None:
        text = _from_file(source.file, what)
    elif source.env is not None:
        text = _from_environment(source.env, what, os.environ if environ is None else environ)
    elif source.keyring is not None:
        text = await asyncio.to_thread(_from_keyring, source.keyring, what)
    else:
        text = await _from_command(source.command, what, command_seconds)
    lines = text.strip().splitlines()
    if not lines or not lines[0].strip():
        raise SecretUnavailable(f"There is nothing in {what}", next_step="Put the secret where [channels] says it is.")
    remember_secret(lines[0].strip())
    return lines[0].strip()


def _from_file(path: Path, what: str) -> str:
    from quri_console.repository.secret_files import read_secret_file

    try:
        return read_secret_file(path).decode()
    except UnicodeDecodeError:
        raise SecretUnavailable(f"{path} is not UTF-8 text", why=f"it should hold {what}") from None
    except QuriError as error:
        error.what = f"{error.what} (it holds {what})"
        raise


def _from_environment(name: str, what: str, environ: Mapping[str, str]) -> str:
    value = environ.get(name)
    if value is None:
        raise SecretUnavailable(
            f"The environment variable {name} is not set", why=f"it should hold {what}", next_step=f"Set {name}."
        )
    return value


def _from_keyring(entry: str, what: str) -> str:
    keyring = import_extra("keyring", "keyring", what)
    service, separator, user = entry.rpartition("/")
    service = service if separator else _KEYRING_SERVICE
    try:
        value = keyring.get_password(service, user)
    except Exception as error:  # noqa: BLE001 - every backend has errors of its own
        raise SecretUnavailable(
            f"The keyring did not give {what}",
            why=type(error).__name__,
            next_step="Unlock the keyring, or use a file, a variable or a command.",
        ) from None
    if value is None:
        raise SecretUnavailable(
            f"The keyring has no entry {safe(entry)}",
            why=f"it should hold {what}",
            next_step=f"keyring set {safe(service)} {safe(user)}",
        )
    return str(value)


async def _from_command(command: tuple[str, ...], what: str, seconds: float) -> str:
    name = safe(Path(command[0]).name) if command else ""
    try:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            # what it complains about could hold the secret
            stderr=asyncio.subprocess.DEVNULL,
            start_new_session=True,
        )
    except (OSError, ValueError, TypeError, IndexError) as error:
        raise SecretUnavailable(
            f"The command {name!r} for {what} cannot be started", why=getattr(error, "strerror", None) or ""
        ) from None
    assert process.stdout is not None
    try:
        async with asyncio.timeout(seconds):
            line = await process.stdout.readuntil(b"\n")
    except asyncio.IncompleteReadError as error:
        line = error.partial
    except asyncio.LimitOverrunError:
        raise SecretUnavailable(f"The command {name!r} for {what} wrote a line of more than 64 KiB") from None
    except TimeoutError:
        raise SecretUnavailable(
            f"The command {name!r} for {what} did not answer within {seconds:g} s",
            next_step="It must ask nobody anything: try it in a shell.",
        ) from None
    finally:
        code = await _end(process)
    if code not in (0, -signal.SIGKILL) or (code != 0 and not line.strip()):
        raise SecretUnavailable(
            f"The command {name!r} for {what} failed", why=f"it ended with {code}", next_step="Try it in a shell."
        )
    return line.decode(errors="replace")


async def _end(process: asyncio.subprocess.Process) -> int | None:
    """The exit code; a process that does not end by itself is killed with whatever it started."""
    with suppress(TimeoutError):
        async with asyncio.timeout(1.0):
            return await _drained(process)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    with suppress(TimeoutError):
        async with asyncio.timeout(1.0):
            return await _drained(process)
    return process.returncode


async def _drained(process: asyncio.subprocess.Process) -> int:
    # asyncio tells of the end of a process only after the end of its output
    assert process.stdout is not None
    while await process.stdout.read(1 << 16):
        pass
    return await process.wait()


def import_extra(module: str, extra: str, what: str) -> Any:
    """An optional module, imported when it is needed. Raises ExtraMissing with the command that installs it."""
    try:
        return importlib.import_module(module)
    except ImportError:
        raise ExtraMissing(
            f"{what} needs the package {module}",
            why="it is not installed",
            next_step=f'pip install "quri-console[{extra}]"',
        ) from None
