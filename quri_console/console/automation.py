"""What runs by itself, and what is told of it: schedules, reports, runbook, doctor, audit, lockdown."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from quri_console.console.door import Door

if TYPE_CHECKING:
    from quri_console.effects.audit_check import AuditCheck
    from quri_console.effects.lockdown import Lockdown
    from quri_console.errors import ConfigError
    from quri_console.history.outbox import Message
    from quri_console.history.schedule_runs import ScheduleRun
    from quri_console.history.schedule_views import Installation, SchedulesView, ScheduleView
    from quri_console.report.model import Report, ReportKind
    from quri_console.report.runbook import Runbook
    from quri_console.service.doctor import Diagnosis
    from quri_console.service.schedule_install import Wish as InstallWish
    from quri_console.service_log.line import LogLine
    from quri_console.service_log.reading import Wanted


class Automation(Door):
    """What runs by itself, and what is told of it: schedules, reports, runbook, doctor, audit, lockdown."""

    async def schedules(self) -> SchedulesView:
        """What runs by itself, when it comes next, and how it went last. Raises HistoryUnusable."""
        from quri_console.service import schedules

        return await schedules.schedules(self.session)

    async def explain_schedule(self, name: str) -> ScheduleView:
        """One schedule with its next and last runs, and why it will not run. Raises UsageError, HistoryUnusable."""
        from quri_console.service import schedules

        return await schedules.explain(self.session, name)

    async def run_schedule(self, name: str, *, if_due: bool = False) -> ScheduleRun | None:
        """Run a schedule now, or only if a slot of it waits; None when nothing was. Raises UsageError, QuriError."""
        from quri_console.service import schedules
        from quri_console.service.process_log import briefly_logged

        with briefly_logged(self.session, "schedule") as session:
            return await schedules.run_schedule(session, name, if_due=if_due)

    def install_schedules(self, wish: InstallWish, *, dry_run: bool = False) -> Installation:
        """Write the schedules into the system's timers. Raises ConfigError, UsageError, RefusedBySafetyRule."""
        from quri_console.service import schedule_install

        return schedule_install.install(self.session, wish, dry_run=dry_run)

    def uninstall_schedules(self, wish: InstallWish, *, dry_run: bool = False) -> Installation:
        """Take away what `install_schedules` wrote, and nothing else. Raises QuriError."""
        from quri_console.service import schedule_install

        return schedule_install.uninstall(self.session, wish, dry_run=dry_run)

    async def report(self, kind: ReportKind, *, since_seconds: float | None = None) -> Report:
        """What happened since then, by default within the period of its kind. Raises HistoryUnusable."""
        from quri_console.report.forms import PERIODS
        from quri_console.report.making import make_report
        from quri_console.service.report_facts import report_facts

        seconds = PERIODS[kind] if since_seconds is None else since_seconds
        return make_report(await report_facts(self.session, since_seconds=seconds), kind)

    async def send_report(
        self, report: Report, channels: Sequence[str], path: Path | None = None, *, seconds: float = 30.0
    ) -> Sequence[Message]:
        """Send a short summary that names the file; what some channel has not taken within `seconds`, and why.

        Raises UsageError for a channel that is not there, HistoryUnusable.
        """
        from quri_console.report.summary import summary
        from quri_console.service.report_messages import send_summary

        told = summary(report, "" if path is None else str(path))
        return await send_summary(self.session, told.key, told.title, told.text, channels, seconds=seconds)

    def runbook(self, *, commands: str = "") -> Runbook:
        """The runbook, with what the configuration adds and a reference of the `commands`. Raises ConfigError."""
        from quri_console.report.runbook import read_runbook

        return read_runbook(self.config, commands=commands)

    def readable_runbook(self, *, commands: str = "") -> tuple[Runbook, ConfigError | None]:
        """The same; with the program's pages alone, and why, where the folder of the configuration cannot be used."""
        from quri_console.report.runbook import read_readable_runbook

        return read_readable_runbook(self.config, commands=commands)

    async def doctor(self) -> tuple[Diagnosis, ...]:
        """What is overdue or stuck, and what is well."""
        from quri_console.service.doctor import examine

        return await examine(self.session)

    def lockdown(self) -> Lockdown | None:
        """The lockdown that is on; None when it is off."""
        from quri_console.effects.lockdown import read_lockdown

        return read_lockdown(self.session.config.paths.state)

    def lockdown_on(self, reason: str) -> Lockdown:
        """Halt schedules and every effect, on all networks of this state folder."""
        from quri_console.service import lockdowns
        from quri_console.service.process_log import briefly_logged

        with briefly_logged(self.session, "console") as session:
            return lockdowns.lockdown_on(session, reason)

    def lockdown_off(self, reason: str) -> Lockdown | None:
        """End a lockdown; the one that was on, None when none was."""
        from quri_console.service import lockdowns
        from quri_console.service.process_log import briefly_logged

        with briefly_logged(self.session, "console") as session:
            return lockdowns.lockdown_off(session, reason)

    def audit_events(
        self, *, since_seconds: float | None = None, operation: str | None = None
    ) -> Iterator[dict[str, Any]]:
        """The events of the audit log, oldest first: of late, or of one operation. Raises StateFolderUnusable."""
        from quri_console.service import audit

        return audit.audit_events(self.session, since_seconds=since_seconds, operation=operation)

    def verify_audit(self) -> AuditCheck:
        """Whether the audit log is what was written. Raises StateFolderUnusable."""
        from quri_console.service import audit

        return audit.verify_audit(self.session)

    async def newest_audit(self, operation_id: str | None = None) -> Sequence[dict[str, Any]]:
        """The newest events of the audit log, oldest first. Raises StateFolderUnusable."""
        from quri_console.service import activity

        return await activity.newest_audit(self.session, operation_id)

    def service_log(self, wanted: Wanted, *, newest: int | None = None, follow: bool = False) -> AsyncIterator[LogLine]:
        """What our processes did, oldest first: the `newest` so many, and with `follow` what comes after.

        Raises LogUnreadable.
        """
        from quri_console.service.service_logs import service_log

        return service_log(self.session, wanted, newest=newest, follow=follow)

    async def newest_messages(self) -> tuple[Message, ...]:
        """The newest messages to all channels, newest first. Raises HistoryUnusable."""
        from quri_console.service import activity

        return await activity.newest_messages(self.session)

    async def write_support_bundle(self, to: Path | None = None) -> Path:
        """Write what helps somebody else to understand what went wrong, without secrets, into one file; where.

        Raises StateFolderUnusable.
        """
        from quri_console.service.support_bundle import write_support_bundle

        return await write_support_bundle(self.session, to)
