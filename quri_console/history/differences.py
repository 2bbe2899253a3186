"""What two looks at a canister in a row show to have happened between them; pure."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Literal

from quri_console.history.samples import Sample
from quri_console.units import DAY_SECONDS

EventKind = Literal[
    "controllers-changed",
    "module-changed",
    "settings-changed",
    "status-changed",
    "topped-up",
    "emptied",
    "deleted",
    "appeared",
]

NO_MODULE = ""
LAG_SECONDS = 600
"""Nodes answer seconds apart; so long may the idle burn stand for what a canister at work burns in them."""
_TELL_THE_MODULE = frozenset({"query", "update", "public", "blackhole"})


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a canister after the sample of `at_ns`: of each fact the newest that any sample told.

    `module` is hexadecimal, empty where no code is installed. `controllers` and `settings` (everything else
    of the settings document) are canonical JSON. `present` is false after the network said that it knows no
    such canister. None: no sample told.
    """

    at_ns: int
    cycles: int | None = None
    status: str | None = None
    module: str | None = None
    controllers: str | None = None
    settings: str | None = None
    present: bool | None = None


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that happened between two samples; before and after as text, cycles by which the balance rose."""

    kind: EventKind
    before: str | None = None
    after: str | None = None
    cycles: int | None = None


def differences(known: Known, sample: Sample) -> tuple[Difference, ...]:
    """What the sample shows to have changed since what was known; a fact that was not known has not changed."""
    return tuple(_differences(known, sample))


def learn(known: Known | None, sample: Sample) -> Known:
    """What is known after the sample."""
    before = known or Known(sample.at_ns)
    if sample.error_kind == "not found":
        return replace(before, at_ns=sample.at_ns, present=False)
    if not sample.answered:
        return replace(before, at_ns=sample.at_ns)
    controllers, settings = split_settings(sample.settings)
    module = _module(sample)
    return Known(
        at_ns=sample.at_ns,
        cycles=sample.cycles if sample.cycles is not None else before.cycles,
        status=sample.status or before.status,
        module=module if module is not None else before.module,
        controllers=controllers or before.controllers,
        settings=_merged(before.settings, settings),
        # another tool's file says nothing of today
        present=before.present if sample.origin == "imported" else True,
    )


def _differences(known: Known, sample: Sample) -> Iterator[Difference]:
    if sample.error_kind == "not found" and not sample.answered:
        if known.present:
            yield Difference("deleted")
        return
    if not sample.answered:
        return
    if known.present is False and sample.origin != "imported":
        yield Difference("appeared")
    controllers, settings = split_settings(sample.settings)
    if _changed(known.controllers, controllers):
        yield Difference("controllers-changed", known.controllers, controllers)
    yield from _of_module(known.module, _module(sample), sample)
    if _changed(known.settings, settings):
        yield from _of_settings(known.settings or "{}", settings or "{}")
    if _changed(known.status, sample.status):
        yield Difference("status-changed", known.status, sample.status)
    if (
        known.cycles is not None
        and sample.cycles is not None
        and (sample.cycles - known.cycles > lag_cycles(sample.idle_burn_per_day))
    ):
        yield Difference("topped-up", str(known.cycles), str(sample.cycles), sample.cycles - known.cycles)


def lag_cycles(idle_burn_per_day: int | None) -> int:
    """By so many cycles a balance may seem to rise when a node answers that lags behind the one asked before."""
    return round((idle_burn_per_day or 0) * LAG_SECONDS / DAY_SECONDS)


def _changed(before: str | None, after: str | None) -> bool:
    return before is not None and after is not None and before != after


def _of_module(before: str | None, after: str | None, sample: Sample) -> Iterator[Difference]:
    if not _changed(before, after):
        return
    emptied = after == NO_MODULE and sample.cycles == 0
    yield Difference("emptied" if emptied else "module-changed", before or None, after or None)


def _of_settings(before: str, after: str) -> Iterator[Difference]:
    """The settings that both know and that differ; a source that tells fewer has changed none."""
    old, new = json.loads(before), json.loads(after)
    keys = [key for key in new if key in old and old[key] != new[key]]
    if keys:
        yield Difference("settings-changed", _json({k: old[k] for k in keys}), _json({k: new[k] for k in keys}))


@lru_cache(maxsize=4096)
def split_settings(document: str | None) -> tuple[str | None, str | None]:
    """The controllers and the rest of a settings document, each None where the document does not tell them."""
    try:
        whole = json.loads(document) if document else {}
    except ValueError:
        return None, None
    if not isinstance(whole, dict):
        return None, None
    controllers = whole.pop("controllers", None)
    return (_json(controllers) if controllers is not None else None, _json(whole) if whole else None)


def _merged(before: str | None, after: str | None) -> str | None:
    if before is None or after is None or before == after:
        return after or before
    return _json({**json.loads(before), **json.loads(after)})


def _module(sample: Sample) -> str | None:
    if sample.origin not in _TELL_THE_MODULE:
        return None
    return sample.module_hash.hex() if sample.module_hash is not None else NO_MODULE


def _json(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"))
