"""Drills that were played: one small JSON file each, written once, in a folder of the operator's own state.

Files instead of rows: what proves an exercise outlives a history that was damaged and begun anew.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

DRILLS_FOLDER = "drills"
SCHEMA = 1
DrillMode = Literal["console", "shell", "script"]
LimitOrigin = Literal["seed", "ours"]


@dataclass(frozen=True, slots=True)
class DrillRecord:
    """One drill. Times in seconds since the incident; None where it did not come to that. Texts are untrusted.

    `unmet` is what was still wrong at the end; the drill is recovered when nothing was. `written` entries were made
    after the backup, `lost` of them are gone (None: the canister could not be asked).
    """

    scenario: str
    title: str
    page: str
    """The section of the runbook that it is about."""
    started_at: datetime
    """When the incident happened."""
    by: str
    mode: DrillMode
    limit_seconds: float
    limit_of: LimitOrigin
    """Whether the limit is the figure that the old runbook promised, or ours."""
    detected_by: str
    """The first sign that somebody or something had noticed; empty without any."""
    seconds_to_detect: float | None
    seconds_to_acknowledge: float | None
    seconds_to_recover: float | None
    seconds: float
    """How long the drill lasted."""
    unmet: tuple[str, ...]
    wrong_turns: tuple[str, ...]
    written: int
    lost: int | None
    tool: str

    @property
    def recovered(self) -> bool:
        """Whether everything was well again at the end."""
        return not self.unmet

    @property
    def in_time(self) -> bool:
        """Whether it was recovered within its limit."""
        seconds = self.seconds_to_recover
        return self.recovered and seconds is not None and seconds < self.limit_seconds

    @property
    def file_name(self) -> str:
        """The name of its file; the microsecond keeps two apart."""
        return f"{self.started_at.astimezone(UTC):%Y%m%dT%H%M%S.%fZ}-{self.scenario}.json"


@dataclass(frozen=True, slots=True)
class Drills:
    """The drills of a state folder, oldest first, and what could not be read, in words."""

    records: tuple[DrillRecord, ...] = ()
    problems: tuple[str, ...] = ()


def drill_json(record: DrillRecord) -> dict[str, Any]:
    """The record as JSON values, with its verdict."""
    started = f"{record.started_at.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%f}Z"
    fields = {**asdict(record), "started_at": started, "unmet": list(record.unmet)}
    fields["wrong_turns"] = list(record.wrong_turns)
    return {"schema": SCHEMA, "recovered": record.recovered, "in_time": record.in_time, **fields}


def drill_text(record: DrillRecord) -> str:
    """What is written into its file."""
    return json.dumps(drill_json(record), indent=2, sort_keys=True, ensure_ascii=True, allow_nan=False) + "\n"


def read_drills(state_folder: Path) -> Drills:
    """Every drill in the state folder. A file that cannot be read is named and hides no other."""
    records: list[DrillRecord] = []
    problems: list[str] = []
    for path in sorted((state_folder / DRILLS_FOLDER).glob("*.json")):
        try:
            records.append(_record(json.loads(path.read_bytes())))
        except OSError as error:
            problems.append(f"{path.name} cannot be read: {error.strerror or error}")
        except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
            problems.append(f"{path.name} is damaged, or of another version")
    return Drills(tuple(sorted(records, key=lambda record: record.started_at)), tuple(problems))


def _record(fields: Mapping[str, Any]) -> DrillRecord:
    if fields["schema"] != SCHEMA:
        raise ValueError("another version")
    started = datetime.fromisoformat(_text(fields, "started_at"))
    mode, limit_of = _text(fields, "mode"), _text(fields, "limit_of")
    if started.tzinfo is None or mode not in ("console", "shell", "script") or limit_of not in ("seed", "ours"):
        raise ValueError("no drill")
    return DrillRecord(
        scenario=_text(fields, "scenario"),
        title=_text(fields, "title"),
        page=_text(fields, "page"),
        started_at=started,
        by=_text(fields, "by"),
        mode=mode,  # type: ignore[arg-type]
        limit_seconds=float(fields["limit_seconds"]),
        limit_of=limit_of,  # type: ignore[arg-type]
        detected_by=_text(fields, "detected_by"),
        seconds_to_detect=_seconds(fields["seconds_to_detect"]),
        seconds_to_acknowledge=_seconds(fields["seconds_to_acknowledge"]),
        seconds_to_recover=_seconds(fields["seconds_to_recover"]),
        seconds=float(fields["seconds"]),
        unmet=_texts(fields, "unmet"),
        wrong_turns=_texts(fields, "wrong_turns"),
        written=int(fields["written"]),
        lost=None if fields["lost"] is None else int(fields["lost"]),
        tool=_text(fields, "tool"),
    )


def _text(fields: Mapping[str, Any], name: str) -> str:
    value = fields[name]
    if not isinstance(value, str):
        raise TypeError(name)
    return value


def _texts(fields: Mapping[str, Any], name: str) -> tuple[str, ...]:
    if not isinstance(fields[name], list):
        raise TypeError(name)
    return tuple(map(str, fields[name]))


def _seconds(value: Any) -> float | None:
    return None if value is None else float(value)
