"""Everything that helps somebody else to understand what went wrong, in one file, without any secret."""

from __future__ import annotations

import asyncio
import dataclasses
import io
import json
import os
import platform
import re
import sys
import zipfile
from collections import deque
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

from quri_console import __version__
from quri_console.clock import utc_datetime
from quri_console.effects.durable import make_private_directory, unusable
from quri_console.errors import QuriError
from quri_console.redaction import without_keys, without_secrets
from quri_console.service.activity import all_operations, newest_audit, operation_steps
from quri_console.service.alerting import alerts_view
from quri_console.service.doctor import examine
from quri_console.service.session import Session
from quri_console.service_log.reading import LogReader
from quri_console.units import DAY_SECONDS

OPERATIONS = 20
LOG_LINES = 200
SERVICE_LINES = 5_000
_SECRET_KEY = re.compile(r"(?i)^(\s*[\w.-]*(?:url|token|password|secret|passphrase|command|header)[\w.-]*\s*=\s*).+$")
_LOCATOR = re.compile(r"(?i)^\s*url\s*=\s*")


async def write_support_bundle(session: Session, to: Path | None = None) -> Path:
    """Write the bundle (owner-only zip) to `to` or into the state folder; where. Raises StateFolderUnusable."""
    now = utc_datetime(session.clock.now_ns())
    path = to or session.config.paths.state / "reports" / f"support-{now:%Y%m%dT%H%M%SZ}.zip"
    files = {
        "versions.json": _json(_versions()),
        "config.toml": redacted(session.config.path.read_text("utf-8", "replace")),
        "doctor.json": _json([dataclasses.asdict(item) for item in await examine(session)]),
        "alerts.json": await _or_why(_alerts(session)),
        "audit.json": await _or_why(_audit(session)),
        "service-log.jsonl": await asyncio.to_thread(_service_log, session),
        **dict([item async for item in _operations(session)]),
    }
    await asyncio.to_thread(_write, path, files)
    return path


def redacted(config: str) -> str:
    """A configuration without what may be a secret; the address of a network (`url`) stays, it tells which one."""
    return "\n".join(_redacted_lines(config)) + "\n"


def _redacted_lines(config: str) -> Iterator[str]:
    in_network = False
    for line in config.splitlines():
        if line.startswith("["):
            in_network = line.startswith("[networks.")
        if in_network and _LOCATOR.match(line):
            yield re.sub(r"//[^/@\s]*@", "//…@", line)
        else:
            yield without_keys(_SECRET_KEY.sub(r'\1"(left out)"', line))


def _versions() -> dict[str, Any]:
    packages = sorted((item.metadata["Name"], item.version) for item in metadata.distributions())
    return {
        "quri-console": __version__,
        "python": sys.version,
        "platform": platform.platform(),
        "terminal": {name: os.environ.get(name, "") for name in ("TERM", "COLORTERM", "LANG", "LC_ALL")},
        "in": {name: name in os.environ for name in ("TMUX", "SSH_CONNECTION", "NO_COLOR")},
        "packages": dict(packages),
    }


async def _alerts(session: Session) -> Any:
    view = await alerts_view(session, since_seconds=7.0 * DAY_SECONDS)
    return {"current": view.current, "events": view.events, "mutes": view.mutes}


async def _audit(session: Session) -> Any:
    return list(await newest_audit(session))


def _service_log(session: Session) -> str:
    """The newest lines of the service log of all processes; they were redacted when they were written."""
    reader = LogReader(session.config.paths.logs)
    try:
        return "".join(line.written().decode() for line in deque(reader.lines(), SERVICE_LINES))
    except QuriError as error:
        return _json({"problem": str(error)})


async def _operations(session: Session) -> Any:
    for summary in (await all_operations(session))[:OPERATIONS]:
        name = f"operations/{summary.id}"
        try:
            steps = await operation_steps(session, summary.id)
        except QuriError as error:
            yield f"{name}/problem.txt", f"{error}\n"
            continue
        records = [
            # whoever has a signed request can send it
            {**{key: value for key, value in record.fields.items() if key != "request"}, "event": record.event,
             "at_ns": record.at_ns, "seq": record.sequence}
            for record in steps.records
        ]  # fmt: skip
        yield f"{name}/summary.json", _json(steps.summary)
        yield f"{name}/journal.json", _json(records)
        yield f"{name}/log.txt", without_secrets("\n".join(steps.log[-LOG_LINES:])) + "\n"


async def _or_why(found: Any) -> str:
    """The part as JSON, or why it is not there: a damaged part must not keep the others from being sent."""
    try:
        return _json(await found)
    except QuriError as error:
        return _json({"problem": str(error)})


def _json(value: object) -> str:
    return json.dumps(value, default=_plain, indent=1, sort_keys=True) + "\n"


def _plain(value: object) -> object:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    return value.hex() if isinstance(value, bytes) else str(value)


def _write(path: Path, files: dict[str, str]) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as bundle:
        for name, text in files.items():
            bundle.writestr(name, text)
    if not path.parent.exists():
        make_private_directory(path.parent)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(buffer.getvalue())
    except OSError as error:
        raise unusable(path, error) from error
