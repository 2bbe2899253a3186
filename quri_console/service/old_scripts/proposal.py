"""From a folder of old scripts to a proposed configuration that our own loader takes, with everything to know of it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from quri_console.config import load_config
from quri_console.service.first_run import ICP_LOCAL_URL, LOCAL_URLS, MAINNET, MAINNET_URL, FoundNetwork, usable_name
from quri_console.service.old_scripts.amounts import Amount, Proposed, amount_of, proposed
from quri_console.service.old_scripts.cron_zone import Zone, machine_zone
from quri_console.service.old_scripts.crontab import CronEntry, CronVariable, read_crontab
from quri_console.service.old_scripts.files import read_scripts
from quri_console.service.old_scripts.fleet import fleet_of
from quri_console.service.old_scripts.jobs import jobs_of
from quri_console.service.old_scripts.notes import Note, Notes
from quri_console.service.old_scripts.settings import Role, Settings, settings_of, usual_kind, webhooks_of
from quri_console.service.old_scripts.shell import Assignment
from quri_console.service.old_scripts.text import configuration_text
from quri_console.service.old_scripts.webhooks import channels

NETWORK_NAMES = {MAINNET: MAINNET_URL, "mainnet": MAINNET_URL, **LOCAL_URLS, "icp-local": ICP_LOCAL_URL}


@dataclass(frozen=True, slots=True)
class Proposal:
    """A configuration as TOML, what there is to know of it, and the secret files that it names, by their names."""

    text: str
    notes: tuple[Note, ...]
    files: tuple[str, ...]
    """The files that were read."""
    zone: str
    secrets: dict[str, str] = field(repr=False)

    @property
    def complete(self) -> bool:
        """Whether every line and file was understood."""
        return not any(note.kind in ("not understood", "not read") for note in self.notes)


def propose(folder: Path, zone: Zone | None = None) -> Proposal:
    """Read the scripts in `folder`; lines of cron without CRON_TZ ran in `zone` (this machine's). Nothing is executed.

    Raises UsageError, QuriError.
    """
    notes, zone = Notes(), zone or machine_zone()
    files = read_scripts(folder, notes)
    lines = [line for file in files if file.kind == "crontab" for line in read_crontab(file, zone, notes)]
    entries = tuple(line for line in lines if isinstance(line, CronEntry))
    settings = settings_of(files, _variables(lines, notes), notes)
    network = _network(settings, entries, notes)
    fleet = fleet_of(files, network.name, notes)
    jobs = jobs_of(entries, fleet, settings, notes)
    monitored = jobs.monitored or any("monitor-cycles" in file.name for file in files)
    thresholds = _thresholds(settings, entries, notes, monitored=monitored)
    made = channels(webhooks_of(settings, entries, notes), usual_kind(settings), notes)
    _say_leftovers(settings, notes)
    text = configuration_text([network], fleet, thresholds, made, jobs, notes.found)
    _require_loadable(text)
    secrets = {channel.file: channel.url for channel in made if channel.url and not channel.unusable}
    return Proposal(text, tuple(notes.found), tuple(file.name for file in files), zone.name, secrets)


def _variables(lines: list[CronEntry | CronVariable], notes: Notes) -> Iterator[Assignment]:
    for line in lines:
        if not isinstance(line, CronVariable) or line.name in ("CRON_TZ", "TZ", "PATH", "SHELL", "HOME"):
            continue
        if line.name == "MAILTO":
            text = "cron mailed what its lines printed; here failures go to [channels]. For mail: kind = apprise"
            notes.add("difference", text, line.place, setting="channels")
        else:
            yield Assignment(line.name, line.value, line.place, line.variable)


def _network(settings: Settings, entries: tuple[CronEntry, ...], notes: Notes) -> FoundNetwork:
    """The network of the lines of cron, of the scripts, or mainnet, which monitor-cycles.sh took by itself."""
    for entry in entries:
        given = entry.option("--network")
        if given and "$" not in given and entry.job in ("backup", "monitor", "report-daily", "report-weekly"):
            return _network_named(given, notes)
    assigned = settings.first("network")
    if assigned is not None and assigned.value:
        return _network_named(assigned.value, notes)
    notes.add("difference", "no line names a network; mainnet (ic) is proposed")
    return FoundNetwork(MAINNET, MAINNET_URL)


def _network_named(name: str, notes: Notes) -> FoundNetwork:
    if name.startswith(("http://", "https://")):
        notes.add("decision", "the network is given by its address; it is called network here")
        return FoundNetwork("network", name.rstrip("/"))
    if name not in NETWORK_NAMES:
        notes.add("decision", f"what the network {usable_name(name)} is only dfx knows; mainnet (ic) is proposed")
        return FoundNetwork(MAINNET, MAINNET_URL)
    return FoundNetwork(MAINNET if name == "mainnet" else name, NETWORK_NAMES[name])


def _thresholds(settings: Settings, entries: tuple[CronEntry, ...], notes: Notes, *, monitored: bool) -> Proposed:
    critical = _amount("critical", settings, entries, notes)
    warning = _amount("warning", settings, entries, notes)
    return proposed(critical, warning, notes, monitored=monitored)


def _amount(role: Role, settings: Settings, entries: tuple[CronEntry, ...], notes: Notes) -> Amount | None:
    """A threshold: an option of a line of cron goes before what scripts and files say."""
    found: list[Amount] = []
    for entry in entries:
        given = entry.option(f"--{role}")
        if given and "$" not in given:
            found += filter(None, [amount_of(f"--{role}", given, entry.place, notes)])
    for assignment in settings.by_role.get(role, ()):
        if assignment.value and not assignment.indented:
            found += filter(None, [amount_of(assignment.name, assignment.value, assignment.place, notes)])
    for other in found[1:]:
        if other.cycles != found[0].cycles:
            text = f"another {role} threshold; the one at {found[0].place} is taken"
            notes.add("difference", text, other.place, setting=f"monitor.{role}")
    return found[0] if found else None


def _say_leftovers(settings: Settings, notes: Notes) -> None:
    for assignment in settings.by_role.get("backups", ()):
        text = "the old backups stay where they are; `quri-console import DIR` takes over what they hold"
        notes.add("difference", text, assignment.place, setting="repository")
    for assignment in settings.by_role.get("history", ()):
        text = "the old balances can be taken over: `quri-console import history cycles_history.json`"
        notes.add("difference", text, assignment.place, setting="monitor")


def _require_loadable(text: str) -> None:
    """What is proposed must be what our own loader takes. Raises ConfigError."""
    with tempfile.TemporaryDirectory(prefix="quri-init-") as folder:
        path = Path(folder) / "config.toml"
        path.write_text(text, encoding="utf-8")
        load_config(path)
