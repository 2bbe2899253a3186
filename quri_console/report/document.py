"""A report's JSON: the source that everything else is rendered from."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from quri_console.report.model import Report


def report_json(report: Report) -> dict[str, Any]:
    """The report field by field; times are ISO 8601 texts in UTC, names are those of the classes."""
    found = _plain(dataclasses.asdict(report))
    assert isinstance(found, dict)
    return {"schema": found.pop("schema"), **found}


def json_text(report: Report) -> str:
    """As a document for people and programs."""
    return json.dumps(report_json(report), indent=2, ensure_ascii=True, allow_nan=False) + "\n"


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    if isinstance(value, Mapping):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value
