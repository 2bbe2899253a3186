"""The alerts of one network as one value, and as the documents that the history keeps of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, cast, get_args

from quri_console.history.alerts import AlertPages, AlertRow, Mute
from quri_console.monitor.alert_state import Alert, Told, WatchClock
from quri_console.monitor.rules import Rule

AlertKey = tuple[str, Rule]

_COLUMNS = ("subject", "rule", "state", "level", "since_ns")


@dataclass(frozen=True, slots=True)
class Book:
    """Everything that has to outlive a process; `groups` is when each group was last sent, on the steady clock."""

    alerts: Mapping[AlertKey, Alert] = field(default_factory=dict)
    groups: Mapping[str, int] = field(default_factory=dict)
    mutes: tuple[Mute, ...] = ()
    clock: WatchClock = field(default_factory=WatchClock)


def read_book(pages: AlertPages) -> Book:
    """The book that the history holds; an alert of a rule that there is no more is left out."""
    rules = get_args(Rule)
    alerts = [alert_of(row) for row in pages.alerts if row.rule in rules]
    return Book(
        {(alert.subject, alert.rule): alert for alert in alerts},
        {key: int(document) for key, document in pages.groups.items()},
        pages.mutes,
        WatchClock(**_known(WatchClock, json.loads(pages.clock))) if pages.clock else WatchClock(),
    )


def alert_of(row: AlertRow) -> Alert:
    """An alert from its row; fields of a newer version are left out."""
    document = _known(Alert, json.loads(row.document))
    if document.get("told") is not None:
        document["told"] = Told(**_known(Told, document["told"]))
    columns = {name: getattr(row, name) for name in _COLUMNS}
    return Alert(**(document | columns))


def row_of(alert: Alert) -> AlertRow:
    """An alert as it is stored."""
    document = {name: value for name, value in asdict(alert).items() if name not in _COLUMNS}
    return AlertRow(
        alert.subject, alert.rule, alert.state, alert.level, alert.since_ns, json.dumps(document, allow_nan=False)
    )


def clock_document(clock: WatchClock) -> str:
    """The clock as it is stored."""
    return json.dumps(asdict(clock))


def _known(kind: type[Any], document: object) -> dict[str, Any]:
    names = {item.name for item in fields(kind)}
    return {name: value for name, value in cast("dict[str, Any]", document).items() if name in names}
