"""The proposal as TOML with a comment for each thing to know, in the form that the first run writes."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from quri_console.service.first_configuration import identity_parts, network_part
from quri_console.service.first_run import FoundNetwork
from quri_console.service.old_scripts.amounts import Proposed, written_cycles
from quri_console.service.old_scripts.fleet import Fleet
from quri_console.service.old_scripts.jobs import Jobs
from quri_console.service.old_scripts.notes import Note, gathered
from quri_console.service.old_scripts.webhooks import Channel
from quri_console.untrusted import spell_out

WIDTH = 110


def configuration_text(
    networks: Sequence[FoundNetwork],
    fleet: Fleet,
    thresholds: Proposed,
    channels: Sequence[Channel],
    jobs: Jobs,
    notes: Iterable[Note],
) -> str:
    """The whole file."""
    told = tuple(notes)
    parts = [
        "# quri-console, proposed from the old scripts; all else that can stand here: config.example.toml\n",
        *(network_part(network) for network in networks),
        *identity_parts(None),
        *_said("canisters", told),
        *_canisters(fleet),
        *_said("monitor", told),
        *_monitor(thresholds),
        *_said("channels", told),
        *_channels(channels),
        *_said("repository", told),
        *_said("retention", told),
        *_retention(jobs, fleet),
        *_said("schedules", told),
        *_schedules(jobs),
    ]
    return "\n".join(parts)


def _said(setting: str, notes: Iterable[Note]) -> Iterator[str]:
    """What there is to know of a table, above it."""
    for note in gathered(note for note in notes if note.setting.partition(".")[0] == setting):
        mark = "DECIDE: " if note.kind == "decision" else ""
        where = f" ({', '.join(map(str, note.places[:3]))})" if note.places else ""
        text = spell_out(f"{mark}{note.text}{where}", {})
        yield textwrap.fill(text, WIDTH, initial_indent="# ", subsequent_indent="#   ", break_on_hyphens=False)


def _dumped(table: dict[str, Any]) -> str:
    import tomli_w

    return tomli_w.dumps(table)


def _canisters(fleet: Fleet) -> Iterator[str]:
    if not fleet.ids:
        yield '# [canisters.NAME]\n# id = "ryjl3-tyaaa-aaaaa-aaaba-cai"\n'
        return
    tables = {name: {"id": item, "criticality": fleet.criticality(name)} for name, item in fleet.ids.items()}
    yield _dumped({"canisters": tables})


def _monitor(thresholds: Proposed) -> Iterator[str]:
    if thresholds.warning is not None and thresholds.critical is not None:
        table = {"warning": written_cycles(thresholds.warning), "critical": written_cycles(thresholds.critical)}
        yield _dumped({"monitor": table})


def _channels(channels: Sequence[Channel]) -> Iterator[str]:
    for channel in channels:
        source = {"url_env": channel.variable} if channel.variable else {"url_file": channel.file}
        text = _dumped({"channels": {channel.name: {"kind": channel.kind, **source}}})
        yield textwrap.indent(text, "# ", lambda line: bool(line.strip())) if channel.unusable else text


def _retention(jobs: Jobs, fleet: Fleet) -> Iterator[str]:
    if jobs.delete_days is not None:
        rules = {"keep_within": f"{jobs.delete_days}d", "minimum_age": f"{jobs.delete_days}d"}
        yield _dumped({"retention": dict.fromkeys(fleet.levels() or ("medium",), rules)})


def _schedules(jobs: Jobs) -> Iterator[str]:
    if jobs.schedules:
        yield "# [schedules]\n# production = true\n"
        yield _dumped({"schedules": jobs.schedules})
