"""What each job is: the command lines that it consists of, and what an operator has to know of them."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path

from quri_console.clock import utc_datetime
from quri_console.config import Config, NetworkConfig
from quri_console.config.model import CanisterConfig
from quri_console.config.schedule_model import JobKind, ScheduleConfig
from quri_console.effects.gate import expected_confirmation

LOCK_WAIT = "1h"
"""How long a job waits for others who use the repository."""
REHEARSED_SINCE = "35d"
READ_AT_MOST = "2h"

MEANING: dict[JobKind, str] = {
    "poll": "ask the fleet once, judge it and send alerts (`watch` does this by itself)",
    "backup": "back canisters up; stops each for seconds, costs cycles, needs the key of [identities.backup]",
    "verify": f"read the repository's packs again, those not read for longest first, for up to {READ_AT_MOST}",
    "rehearse": f"load the backups of the last {REHEARSED_SINCE} into the sandbox that were not rehearsed yet",
    "ready": "ask whether the fleet could be restored; needs the key of [identities.operate]",
    "retention": "forget what the policy keeps no longer, and prune what was forgotten longer ago than the grace",
    "seal": "seal the newest backup into one file",
    "report-daily": "make the health report of the last day",
    "report-weekly": "make the summary of the last week",
}


@dataclass(frozen=True, slots=True)
class JobCommand:
    """One command of a job; of its exit codes those in `fine` mean that it did its work."""

    arguments: tuple[str, ...]
    fine: tuple[int, ...] = (0,)


def canisters_of(config: Config, schedule: ScheduleConfig) -> tuple[CanisterConfig, ...]:
    """The canisters that a schedule is for, in the order in which a backup names them."""
    if schedule.canisters:
        chosen = [canister for canister in config.canisters if canister.name in schedule.canisters]
    else:
        chosen = [item for item in config.canisters if schedule.criticality in (None, item.criticality)]
    return tuple(chosen)


def run_reason(config: Config, schedule: ScheduleConfig, slot_ns: int) -> str:
    """The reason of the operations of one run: it names the run, so that these are found again."""
    name = f"schedule {schedule.name} {utc_datetime(slot_ns):%Y-%m-%dT%H:%M:%SZ}"
    return f"{config.schedules.reason}: {name}" if config.schedules.reason else name


def commands_of(
    config: Config, network: NetworkConfig, schedule: ScheduleConfig, slot_ns: int
) -> tuple[JobCommand, ...]:
    """What a job runs, one after the other until one fails. Nobody is there, so nothing may ask."""
    wait, reason = ("--wait", LOCK_WAIT), run_reason(config, schedule, slot_ns)
    match schedule.job:
        case "poll":
            # its exit code is the fleet's health; 3 is that it could not tell
            found = [JobCommand(("monitor", "--quiet", "--notify"), (0, 1, 2))]
        case "backup":
            found = [_backup(config, network, schedule, reason)]
        case "verify":
            found = [JobCommand(("check", "--read-data", "--max-duration", READ_AT_MOST, *wait))]
        case "rehearse":
            # 3: some canister has no query that could be asked, which is no news every month
            found = [JobCommand(("rehearse", "--all", "--since", REHEARSED_SINCE, *wait), (0, 3))]
        case "ready":
            found = [JobCommand(("ready", *_names(config, schedule)))]
        case "retention":
            found = [
                JobCommand(("forget", "--policy", "--reason", reason, *wait)),
                JobCommand(("prune", "--yes", *wait)),
            ]
        case "seal":
            found = [JobCommand(("archive", "latest", "--to", str(schedule.folder)))]
        case "report-daily" | "report-weekly":
            found = [_report(config, schedule, slot_ns)]
    return tuple(found)


def _backup(config: Config, network: NetworkConfig, schedule: ScheduleConfig, reason: str) -> JobCommand:
    from quri_console.service.backups import backup_targets, confirmed_names

    names = [canister.name for canister in canisters_of(config, schedule)]
    permit: tuple[str, ...] = ()
    if config.schedules.production:
        # the gate asks for the typed name; the permit in the configuration stands for whoever is not there
        typed = expected_confirmation(network.name, confirmed_names(backup_targets(config, names)))
        permit = ("--force", "--confirm", typed)
    return JobCommand(("backup", *names, *permit, "--reason", reason, "--json"))


def _report(config: Config, schedule: ScheduleConfig, slot_ns: int) -> JobCommand:
    name = f"{schedule.name}-{utc_datetime(slot_ns):%Y%m%dT%H%M%SZ}.md"
    kind = schedule.job.removeprefix("report-")
    send = [word for channel in schedule.channels for word in ("--send", channel)]
    # 3: written, but a channel has not taken the message yet, which is tried for a day like every other
    return JobCommand(("report", kind, "--out", str(reports_folder(config) / name), *send), (0, 3))


def reports_folder(config: Config) -> Path:
    """Where scheduled reports go."""
    return config.paths.state / "reports"


def _names(config: Config, schedule: ScheduleConfig) -> tuple[str, ...]:
    whole = not schedule.canisters and schedule.criticality is None
    return () if whole else tuple(canister.name for canister in canisters_of(config, schedule))


def not_there(schedule: ScheduleConfig) -> str:
    """Why this program cannot do a job at all; empty when it can."""
    if schedule.job.startswith("report") and importlib.util.find_spec("quri_console.cli.report") is None:
        return "this version has no `report`"
    return ""
