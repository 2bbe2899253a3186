"""What the text files of one legacy backup say, each parsed by itself: manifest, metrics, and the head of an export."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from quri_console.ic.encoding.principal import InvalidPrincipal, Principal, parse_principal

_NAME = r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}"
_CANISTER_FILE = re.compile(rf"({_NAME})_(status|info|metrics|export)\.txt")
_LISTED = re.compile(rf"[-*] +({_NAME}): *(\S{{1,100}})")
_STAMP = re.compile(r"[0-9]{8}_[0-9]{6}")
_UTC_DATE = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})[T ]([0-9]{2}:[0-9]{2}:[0-9]{2})(?:Z|\+00:00| UTC)")
_NETWORK_CHARACTERS = 200
# the zones of the world, and an hour for the run itself: the folder is named at its start, the manifest at its end
_EARLIEST_ZONE, _LATEST_ZONE = timedelta(hours=-13), timedelta(hours=14)


@dataclass(frozen=True, slots=True)
class ManifestText:
    """`MANIFEST.txt`. `ids` holds what the list says of each name, in its order; None where it is no principal."""

    taken_at: datetime | None
    network: str | None
    ids: tuple[tuple[str, Principal | None], ...]
    notes: tuple[str, ...]


def parse_manifest(text: str) -> ManifestText:
    """The known lines of a manifest; whatever else it says is skipped, and what is unusable becomes a note."""
    taken_at: datetime | None = None
    network: str | None = None
    listed: dict[str, Principal | None] = {}
    notes: list[str] = []
    for line in map(str.strip, text.split("\n")):
        label, _, value = line.partition(":")
        if label.lower() == "backup date" and taken_at is None:
            taken_at = _utc_date(value.strip())
            if taken_at is None:
                notes.append("The manifest's `Backup Date` is no time in UTC.")
        elif label.lower() == "network" and network is None:
            network = value.strip()[:_NETWORK_CHARACTERS] or None
        elif match := _LISTED.fullmatch(line):
            _list(listed, match[1], match[2], notes)
    return ManifestText(taken_at, network, tuple(listed.items()), tuple(notes))


def _list(listed: dict[str, Principal | None], name: str, text: str, notes: list[str]) -> None:
    canister = principal(text)
    if canister is None:
        notes.append(f"The manifest's id of {name} is no principal.")
    if name in listed and listed[name] != canister:
        notes.append(f"The manifest lists {name} twice with different ids, so its id is unknown.")
        canister = None
    listed[name] = canister


def principal(text: str) -> Principal | None:
    """The principal in `text`, or None."""
    try:
        return parse_principal(text)
    except InvalidPrincipal:
        return None


def _utc_date(text: str) -> datetime | None:
    match = _UTC_DATE.fullmatch(text)
    try:
        return datetime.fromisoformat(f"{match[1]}T{match[2]}").replace(tzinfo=UTC) if match else None
    except ValueError:
        return None


def canister_file(name: str) -> tuple[str, str] | None:
    """Canister and kind (`status`, `info`, `metrics`, `export`) of a file in a backup; None for any other name."""
    match = _CANISTER_FILE.fullmatch(name)
    return (match[1], match[2]) if match else None


def metrics_id(text: str) -> Principal | None:
    """The id in the header of a metrics file."""
    for line in text.split("\n"):
        label, separator, value = line.strip().partition(":")
        if separator and label.lower() == "id":
            return principal(value.strip())
    return None


def local_time(stamp: str) -> datetime | None:
    """The naive local time in a folder's name `YYYYMMDD_HHMMSS`, or None when the name is no such time."""
    try:
        return datetime.fromisoformat(stamp.replace("_", "T")) if _STAMP.fullmatch(stamp) else None
    except ValueError:
        return None


def fits_some_zone(local: datetime, utc: datetime) -> bool:
    """Whether a machine somewhere on Earth showed the naive `local` when the aware `utc` was written down."""
    return _EARLIEST_ZONE <= local - utc.replace(tzinfo=None) <= _LATEST_ZONE


def candid_start(text: str) -> int | None:
    """Where the Candid text of an export begins, after warnings of dfx; None when an error stands there instead."""
    position = 0
    for line in text.splitlines(keepends=True):
        content = line.lstrip()
        if content.startswith("("):
            return position + len(line) - len(content)
        if content and not content.startswith("WARN"):
            return None
        position += len(line)
    return None
