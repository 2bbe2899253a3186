"""The one door for cli and ui; every room is imported inside the method that needs it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from quri_console.clock import Clock, SystemClock
from quri_console.config import Config, NetworkConfig, find_config_path, load_config
from quri_console.service.session import Session

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from quri_console.backup.browse import OpenBackup
    from quri_console.backup.closer_look import BackupLook
    from quri_console.backup.comparison import Part
    from quri_console.backup.diff import Approve, Diff
    from quri_console.backup.import_backup import Imported
    from quri_console.backup.manifest import TakenMode
    from quri_console.backup.plan import BackupPlan
    from quri_console.backup.summaries import BackupSummary, RepositorySummary
    from quri_console.effects.audit_check import AuditCheck
    from quri_console.effects.lockdown import Lockdown
    from quri_console.effects.operation_summary import OperationSummary
    from quri_console.history.outbox import Message
    from quri_console.history.schedule_runs import ScheduleRun
    from quri_console.history.schedule_views import Installation, SchedulesView, ScheduleView
    from quri_console.ic.management.types import LogRecord
    from quri_console.monitor.burn_report import CanisterBurn
    from quri_console.monitor.canister_facts import CanisterFacts
    from quri_console.monitor.chart_data import CyclesChart
    from quri_console.monitor.fleet import FleetStatus
    from quri_console.monitor.metrics import MetricsFormat
    from quri_console.monitor.series import CanisterHistory, Resolution
    from quri_console.progress import Progress
    from quri_console.report.model import Report, ReportKind
    from quri_console.report.runbook import Runbook
    from quri_console.repository.archive import Archived
    from quri_console.repository.check_report import CheckReport, Verification
    from quri_console.repository.key_changes import RemovedWay, Rotated
    from quri_console.repository.key_file import Way
    from quri_console.repository.key_files import WaysListed
    from quri_console.repository.locks import LockInfo
    from quri_console.repository.marks import Mark
    from quri_console.repository.prune_plan import PrunePlan, PruneResult
    from quri_console.repository.recovery_kit import RecoveryKit
    from quri_console.repository.repair_report import IndexRepair, MarksRepair, PacksRepair
    from quri_console.repository.store import RepositoryFacts
    from quri_console.repository.ways import NewWay
    from quri_console.restore.chain_snapshots import SnapshotsView
    from quri_console.restore.group_plan import GroupPlan
    from quri_console.restore.plan import RestorePlan
    from quri_console.restore.points import RestorePoints
    from quri_console.restore.ready import Readiness
    from quri_console.restore.rehearsal import SetRehearsal
    from quri_console.restore.remedies import Proposal
    from quri_console.restore.remedy_plan import RemedyPlan
    from quri_console.restore.rollback import RollbackPlan
    from quri_console.restore.snapshot_deletion import DeletionPlan
    from quri_console.service.activity import OperationSteps
    from quri_console.service.alerting import AlertsView
    from quri_console.service.checks import CheckRequest
    from quri_console.service.doctor import Diagnosis
    from quri_console.service.following import OperationHandle
    from quri_console.service.forgetting import ForgetPlan
    from quri_console.service.history_import import ImportedHistory
    from quri_console.service.imports import ImportWishes, NotImported
    from quri_console.service.keeping import Keep
    from quri_console.service.keys import KeyAccess
    from quri_console.service.left_stopped import LeftStopped
    from quri_console.service.operation_reports import OperationEvidence
    from quri_console.service.restores import RestoreWishes
    from quri_console.service.schedule_install import Wish as InstallWish
    from quri_console.service.thread import ServiceHandle
    from quri_console.service.watch import Notice


class Console:
    """A configuration opened on one of its networks."""

    def __init__(self, session: Session) -> None:
        self.session = session

    @property
    def config(self) -> Config:
        """The checked configuration."""
        return self.session.config

    @property
    def network(self) -> NetworkConfig:
        """The network that this console works on."""
        return self.session.network

    @property
    def read_only(self) -> bool:
        """Whether every change is refused."""
        return self.session.read_only

    @property
    def clock(self) -> Clock:
        """The clock that ages are measured by."""
        return self.session.clock

    @classmethod
    def open(
        cls,
        *,
        config_path: Path | None = None,
        network: str | None = None,
        read_only: bool = False,
        clock: Clock | None = None,
        passphrase: Callable[[], str] | None = None,
        repository_passphrase: Callable[[], str] | None = None,
    ) -> Console:
        """Load the configuration and choose the network (the first one unless named).

        `passphrase` asks the operator for that of an encrypted key, `repository_passphrase` for that of an encrypted
        repository. Raises ConfigError, UsageError.
        """
        config = load_config(find_config_path(config_path))
        session = Session(
            config,
            config.network(network),
            read_only=read_only,
            clock=clock or SystemClock(),
            passphrase=passphrase,
            repository_passphrase=repository_passphrase,
        )
        return cls(session)

    async def fleet_status(self, *, live: bool = False) -> FleetStatus:
        """The fleet from the history; from the network when `live` or the newest round is older than two intervals."""
        from quri_console.service.status import fleet_status

        return await fleet_status(self.session, live=live)

    def start_service(self, publish: Callable[[FleetStatus], None]) -> ServiceHandle:
        """Poll in a thread of its own; `publish` is called there with every new picture, at first from the history."""
        from quri_console.service.thread import ServiceThread

        return ServiceThread(self.session, publish).start()

    async def monitor_once(self, *, notify: bool = False) -> FleetStatus:
        """One round, kept and judged; with `notify` alerts are judged and delivered, too. Raises QuriError."""
        from quri_console.service.monitoring import monitor_once

        return await monitor_once(self.session, notify=notify)

    async def watch(self, say: Callable[[Notice], None]) -> None:
        """Watch the fleet until cancelled; `say` hears of what changes."""
        from quri_console.service.watch import Watch

        await Watch(self.session, say).run()

    async def alerts(self, *, since_seconds: float) -> AlertsView:
        """What fires, what happened to alerts since, and what is silenced. Raises HistoryUnusable."""
        from quri_console.service import alerting

        return await alerting.alerts_view(self.session, since_seconds=since_seconds)

    async def acknowledge_alerts(self, what: str, rule: str, *, note: str, for_seconds: float | None) -> int:
        """Acknowledge firing alerts of a canister, a payer or `*`; how many. Raises NoSuchAlert, UsageError."""
        from quri_console.service import alerting

        return await alerting.acknowledge(self.session, what, rule, note=note, for_seconds=for_seconds)

    async def silence_alerts(self, what: str, rule: str, *, note: str, for_seconds: float | None) -> int:
        """Send nothing about alerts of a canister, a payer or `*`; the silence's number. Raises UsageError."""
        from quri_console.service import alerting

        return await alerting.silence(self.session, what, rule, note=note, for_seconds=for_seconds)

    async def unsilence_alerts(self, number: int) -> None:
        """End a silence or take an acknowledgement back. Raises NoSuchAlert."""
        from quri_console.service import alerting

        await alerting.unsilence(self.session, number)

    async def send_test_message(self, channel: str) -> str:
        """Send a test message to a channel; what was answered. Raises UsageError, NotDelivered."""
        from quri_console.service import alerting

        return await alerting.send_test(self.session, channel)

    async def fleet_burn(self, canisters: tuple[str, ...] = ()) -> tuple[CanisterBurn, ...]:
        """How fast these canisters (all when empty) burn cycles and how long they last. Raises HistoryUnusable."""
        from quri_console.service.burn_view import fleet_burn

        return await fleet_burn(self.session, canisters)

    async def metrics_text(self, form: MetricsFormat = "text") -> str:
        """The fleet as the history has it, as Prometheus metrics. Raises HistoryUnusable."""
        from quri_console.service.metrics_now import metrics_now

        return await metrics_now(self.session, form)

    def lockdown(self) -> Lockdown | None:
        """The lockdown that is on; None when it is off."""
        from quri_console.effects.lockdown import read_lockdown

        return read_lockdown(self.session.config.paths.state)

    def lockdown_on(self, reason: str) -> Lockdown:
        """Halt schedules and every effect, on all networks of this state folder."""
        from quri_console.service import lockdowns

        return lockdowns.lockdown_on(self.session, reason)

    def lockdown_off(self, reason: str) -> Lockdown | None:
        """End a lockdown; the one that was on, None when none was."""
        from quri_console.service import lockdowns

        return lockdowns.lockdown_off(self.session, reason)

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

    async def report(self, kind: ReportKind, *, since_seconds: float | None = None) -> Report:
        """What happened since then, by default within the period of its kind. Raises HistoryUnusable."""
        from quri_console.report.forms import PERIODS
        from quri_console.report.making import make_report
        from quri_console.service.report_facts import report_facts

        seconds = PERIODS[kind] if since_seconds is None else since_seconds
        return make_report(await report_facts(self.session, since_seconds=seconds), kind)

    def runbook(self, *, commands: str = "") -> Runbook:
        """The runbook, with what the configuration adds and a reference of the `commands`. Raises ConfigError."""
        from quri_console.report.runbook import read_runbook

        return read_runbook(self.config, commands=commands)

    async def bring_back(self) -> tuple[LeftStopped, ...]:
        """Start again what operations that died left stopped; what was found. Asks nobody."""
        from quri_console.service import left_stopped

        return await left_stopped.bring_back(self.session)

    async def doctor(self) -> tuple[Diagnosis, ...]:
        """What is overdue or stuck, and what is well."""
        from quri_console.service.doctor import examine

        return await examine(self.session)

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

        return await schedules.run_schedule(self.session, name, if_due=if_due)

    def install_schedules(self, wish: InstallWish, *, dry_run: bool = False) -> Installation:
        """Write the schedules into the system's timers. Raises ConfigError, UsageError, RefusedBySafetyRule."""
        from quri_console.service import schedule_install

        return schedule_install.install(self.session, wish, dry_run=dry_run)

    def uninstall_schedules(self, wish: InstallWish, *, dry_run: bool = False) -> Installation:
        """Take away what `install_schedules` wrote, and nothing else. Raises QuriError."""
        from quri_console.service import schedule_install

        return schedule_install.uninstall(self.session, wish, dry_run=dry_run)

    async def canister_history(
        self, canister: str, *, since_seconds: float, resolution: Resolution = "auto"
    ) -> CanisterHistory:
        """What the history knows of a canister. Raises UsageError, HistoryUnusable."""
        from quri_console.service.history_view import canister_history

        return await canister_history(self.session, canister, since_seconds=since_seconds, resolution=resolution)

    async def canister_facts(self, canister: str) -> CanisterFacts:
        """Recent events, operations and burn of a canister. Raises UsageError."""
        from quri_console.service.canister_facts import canister_facts

        return await canister_facts(self.session, canister)

    async def cycles_charts(
        self, canisters: Sequence[str], *, since_ns: int, until_ns: int, points: int
    ) -> tuple[CyclesChart, ...]:
        """Balances (in about `points` slices), burn by hour or day and events of canisters between two moments.

        Raises UsageError, HistoryUnusable.
        """
        from quri_console.service.history_view import cycles_charts

        return await cycles_charts(self.session, canisters, since_ns=since_ns, until_ns=until_ns, points=points)

    def save_export(self, path: Path, text: str) -> Path:
        """Write what a view shows into a new file; relative paths begin in `exports` of the state folder.

        Raises UsageError, StateFolderUnusable.
        """
        from quri_console.service.exports import save_export

        return save_export(self.session, path, text)

    def canister_logs(self, canister: str, *, follow: bool = False) -> AsyncIterator[LogRecord]:
        """The lines of a canister's log, oldest first; with `follow` without end.

        Raises UsageError, NotAuthorised, Rejected, NetworkError.
        """
        from quri_console.service.canister_logs import canister_logs

        return canister_logs(self.session, canister, follow=follow)

    def init_repository(self, ways: Sequence[NewWay]) -> RepositoryFacts:
        """Make the configured repository, encrypted for these ways in, in the clear without any."""
        from quri_console.service import keys

        return keys.init_repository(self.session, ways)

    def key_ways(self) -> tuple[RepositoryFacts, WaysListed]:
        """Who can open the repository, and which key files are damaged."""
        from quri_console.service import keys

        return keys.key_ways(self.session)

    def add_key_ways(self, ways: Sequence[NewWay], access: KeyAccess) -> tuple[Way, ...]:
        """Let others open the repository, too."""
        from quri_console.service import keys

        return keys.add_key_ways(self.session, ways, access)

    def remove_key_way(self, which: str, access: KeyAccess) -> RemovedWay:
        """Take a way into the repository away, named by its id, how that begins, or its label."""
        from quri_console.service import keys

        return keys.remove_key_way(self.session, which, access)

    def rotate_keys(self, access: KeyAccess) -> Rotated:
        """Use a new master key for what is written from now on."""
        from quri_console.service import keys

        return keys.rotate_keys(self.session, access)

    def recovery_kit(self, access: KeyAccess) -> RecoveryKit:
        """A page to print with a secret of its own that opens the repository."""
        from quri_console.service import keys

        return keys.recovery_kit(self.session, access)

    def repository_summary(self) -> RepositorySummary:
        """All backups of the repository, forgotten and unfinished ones too, and the room they take."""
        from quri_console.service import browsing

        return browsing.repository_summary(self.session)

    def backups(self) -> tuple[BackupSummary, ...]:
        """The backups of the repository that nobody forgot, newest first; none where there is no repository yet."""
        from quri_console.service import browsing

        return browsing.backups(self.session)

    def backup(self, name: str = "latest") -> OpenBackup:
        """A backup by its name, how that begins, or `latest`, opened for reading.

        Raises RepositoryMissing, BackupNotFound, CorruptionError, NewerFormat.
        """
        from quri_console.service import browsing

        return browsing.opened_backup(self.session, name)

    def held_backup(self, name: str, holder: str) -> AbstractContextManager[tuple[OpenBackup, Callable[[], None]]]:
        """As `backup`, held against prune for the length of a `with` block; with what keeps it so in a long one.

        `holder` says what it is read for. Raises RepositoryLocked.
        """
        from quri_console.service import browsing

        return browsing.held_backup(self.session, name, holder)

    def verify(self, backup: str, progress: Progress | None = None, *, wait_seconds: float = 0.0) -> Verification:
        """Read a backup again and note beside it what came of it; damage is told, not raised."""
        from quri_console.service import checks

        return checks.verify(self.session, backup, progress, wait_seconds=wait_seconds)

    def verify_all(self, progress: Progress | None = None, *, wait_seconds: float = 0.0) -> Iterator[Verification]:
        """Read every backup again, one after the other."""
        from quri_console.service import checks

        return checks.verify_all(self.session, progress, wait_seconds=wait_seconds)

    def rehearse(self, backup: str, progress: Progress | None = None, *, wait_seconds: float = 0.0) -> SetRehearsal:
        """Load a backup, or one canister of it (BACKUP/CANISTER), into the sandbox and ask its health queries."""
        from quri_console.service.rehearsals import rehearse_backup

        return rehearse_backup(self.session, backup, progress, wait_seconds=wait_seconds)

    def rehearse_new(
        self, progress: Progress | None = None, *, since_seconds: float | None = None, wait_seconds: float = 0.0
    ) -> Iterator[SetRehearsal]:
        """Rehearse every backup that was not yet, oldest first."""
        from quri_console.service.rehearsals import rehearse_new

        return rehearse_new(self.session, progress, since_seconds=since_seconds, wait_seconds=wait_seconds)

    def check(self, request: CheckRequest, progress: Progress | None = None) -> CheckReport:
        """Check the whole repository; damage is told, not raised."""
        from quri_console.service import checks

        return checks.check(self.session, request, progress)

    def repair_index(
        self, progress: Progress | None = None, *, dry_run: bool = False, wait_seconds: float = 0.0
    ) -> IndexRepair:
        """Make the index of the repository anew from its packs."""
        from quri_console.service import checks

        return checks.repaired_index(self.session, progress, dry_run=dry_run, wait_seconds=wait_seconds)

    def repair_packs(
        self,
        names: Sequence[str] = (),
        progress: Progress | None = None,
        *,
        dry_run: bool = False,
        wait_seconds: float = 0.0,
    ) -> PacksRepair:
        """Put damaged packs away (these, by how their names begin, or all) and store anew what can be read of them."""
        from quri_console.service import checks

        return checks.repaired_packs(self.session, names, progress, dry_run=dry_run, wait_seconds=wait_seconds)

    def repair_marks(self, *, dry_run: bool = False, wait_seconds: float = 0.0) -> MarksRepair:
        """Put damaged marks away, and leave a hold in their place."""
        from quri_console.service import checks

        return checks.repaired_marks(self.session, dry_run=dry_run, wait_seconds=wait_seconds)

    def repair_locks(self, *, dry_run: bool = False) -> tuple[tuple[LockInfo, ...], tuple[LockInfo, ...]]:
        """Remove locks of processes that are gone, and unreadable ones; those, and those that are left."""
        from quri_console.service import checks

        return checks.repaired_locks(self.session, dry_run=dry_run)

    def import_backups(
        self, paths: Sequence[Path], wishes: ImportWishes, progress: Progress | None = None
    ) -> Iterator[Imported | NotImported]:
        """Take over what lies at the paths, one thing after the other; a faulty one leaves the others alone."""
        from quri_console.service.imports import import_backups

        return import_backups(self.session, paths, wishes, progress)

    async def import_history(self, path: Path) -> ImportedHistory:
        """Take over the balances of a cycles_history.json. Raises UsageError, RefusedBySafetyRule, HistoryUnusable."""
        from quri_console.service.history_import import import_history

        return await import_history(self.session, path)

    def archive(self, backup: str, to: Path, progress: Progress | None = None) -> Archived:
        """Seal a backup into the file `to`, or into one called after it in the folder `to`."""
        from quri_console.service.archives import archive_backup

        return archive_backup(self.session, backup, to, progress)

    async def diff(
        self,
        left: str,
        right: str,
        *,
        approve: Approve,
        parts: Collection[Part] | None = None,
        progress: Progress | None = None,
        wait_seconds: float = 0.0,
    ) -> Diff:
        """What differs between two sides, named as on the command line; has no effects.

        `approve` is called before a snapshot on chain is read, which costs its canister cycles, and raises to refuse.
        `wait_seconds`: how long to wait for others who prune the repository. Raises UsageError, RepositoryLocked,
        and as reading backups and the network does.
        """
        from quri_console.backup.comparison import PARTS
        from quri_console.service.comparisons import diff

        return await diff(
            self.session,
            left,
            right,
            approve=approve,
            parts=parts or PARTS,
            progress=progress,
            wait_seconds=wait_seconds,
        )

    def keep(
        self,
        backup: str,
        action: Keep,
        *,
        reason: str,
        expires_at: datetime | None = None,
        wait_seconds: float = 0,
    ) -> Mark:
        """Pin or hold a backup (a name, how it begins, or latest), or end that.

        Raises UsageError, BackupNotFound, RefusedBySafetyRule, RepositoryLocked.
        """
        from quri_console.service.keeping import keep

        return keep(self.session, backup, action, reason=reason, expires_at=expires_at, wait_seconds=wait_seconds)

    def forget(
        self,
        backups: Sequence[str] = (),
        *,
        by_policy: bool = False,
        reason: str = "",
        dry_run: bool = False,
        wait_seconds: float = 0,
    ) -> ForgetPlan:
        """Hide backups (whole names), or those that the retention policy keeps no longer; nothing is deleted.

        Raises RefusedBySafetyRule, UsageError, RepositoryLocked, WrongKey, NewerFormat, StorageFailed.
        """
        from quri_console.service.forgetting import forget_backups

        return forget_backups(
            self.session, backups, by_policy=by_policy, reason=reason, dry_run=dry_run, wait_seconds=wait_seconds
        )

    def unforget(self, backups: Sequence[str], *, wait_seconds: float = 0) -> tuple[str, ...]:
        """Bring forgotten backups back; those that had been forgotten. Raises RefusedBySafetyRule, RepositoryLocked."""
        from quri_console.service.forgetting import unforget_backups

        return unforget_backups(self.session, backups, wait_seconds=wait_seconds)

    def plan_prune(
        self, *, grace: timedelta | None = None, dry_run: bool = False, wait_seconds: float = 0
    ) -> PrunePlan:
        """What a prune would do now; `grace` is the configuration's unless given.

        Raises RepositoryLocked, WrongKey, NewerFormat, StorageFailed.
        """
        from quri_console.service.keeping import prune_plan

        return prune_plan(self.session, grace=grace, dry_run=dry_run, wait_seconds=wait_seconds)

    def prune(self, plan: PrunePlan, *, wait_seconds: float = 0, progress: Progress | None = None) -> PruneResult:
        """Carry a plan out: delete what was forgotten long enough ago, and what no backup needs."""
        from quri_console.service.keeping import prune

        return prune(self.session, plan, wait_seconds=wait_seconds, progress=progress)

    def prune_at_once(
        self,
        show: Callable[[PrunePlan], None],
        *,
        grace: timedelta | None = None,
        wait_seconds: float = 0,
        progress: Progress | None = None,
    ) -> PruneResult:
        """Plan, `show` and carry out under one lock, where nobody has to be asked between. Raises as `prune`."""
        from quri_console.service.keeping import prune_at_once

        return prune_at_once(self.session, grace=grace, show=show, wait_seconds=wait_seconds, progress=progress)

    async def plan_backup(
        self,
        canisters: Sequence[str],
        *,
        mode: TakenMode = "stop",
        stop_timeout_seconds: float = 60.0,
        snapshots: Mapping[str, str] | None = None,
    ) -> BackupPlan:
        """What backing up these canisters (names or ids; all of the fleet when empty) would do and cost."""
        from quri_console.service import audit
        from quri_console.service.backups import plan_of_backup

        plan = await plan_of_backup(
            self.session, canisters, mode=mode, stop_timeout_seconds=stop_timeout_seconds, snapshots=snapshots
        )
        audit.note_backup_plan(self.session, plan)
        return plan

    async def start_backup(
        self,
        canisters: Sequence[str],
        *,
        mode: TakenMode = "stop",
        stop_timeout_seconds: float = 60.0,
        snapshots: Mapping[str, str] | None = None,
        confirmation: str = "",
        force: bool = False,
        reason: str | None = None,
    ) -> OperationHandle:
        """Back up canisters (names or ids; all of the fleet when empty) in a runner process.

        `snapshots` are ids in hex by canister name, for mode `reuse`. On a production network `force` and the typed
        NETWORK/NAME are needed.
        """
        from quri_console.service import backup_start

        return await backup_start.start_backup(
            self.session,
            canisters,
            mode=mode,
            stop_timeout_seconds=stop_timeout_seconds,
            snapshots=snapshots,
            confirmation=confirmation,
            force=force,
            reason=reason,
        )

    async def plan_restore(
        self, canister: str, source: str = "latest", wishes: RestoreWishes | None = None
    ) -> RestorePlan:
        """What a restore would do and change; has no effects.

        `source` is a backup's name or path, `latest`, or a snapshot on chain, `snapshot:ID`. Raises BackupNotFound,
        UsageError, CorruptionError, RefusedBySafetyRule, NotAuthorised, NetworkError.
        """
        from quri_console.service import audit, restores

        plan = await restores.plan_restore(self.session, canister, source, wishes or restores.NO_WISHES)
        audit.note_restore_plan(self.session, plan)
        return plan

    async def plan_group_restore(
        self, group: str, source: str = "latest", wishes: RestoreWishes | None = None
    ) -> GroupPlan:
        """What restoring a whole group from one consistent set would do; has no effects. Raises as `plan_restore`."""
        from quri_console.service import audit, restores

        plan = await restores.plan_group_restore(self.session, group, source, wishes or restores.NO_WISHES)
        for member in plan.members:
            audit.note_restore_plan(self.session, member)
        return plan

    async def start_present_state(
        self, canister: str, *, confirmation: str = "", force: bool = False, reason: str | None = None
    ) -> OperationHandle:
        """Back the present state of a canister up while it runs, so that a restore's plan can compare its pages.

        On a production network `force` and the typed NETWORK/NAME are needed.
        """
        from quri_console.service.present_state import start_present_state

        return await start_present_state(self.session, canister, confirmation=confirmation, force=force, reason=reason)

    async def restore_points(self, canister: str) -> RestorePoints:
        """What a canister can be restored from, newest first; has no effects. Raises UsageError."""
        from quri_console.service.restore_points import restore_points

        return await restore_points(self.session, canister)

    def save_restore_plan(
        self, plan: RestorePlan | GroupPlan, path: Path, *, valid_seconds: float
    ) -> RestorePlan | GroupPlan:
        """Write a plan into a file that only its owner can read; the plan with its end."""
        from quri_console.service.plan_files import save_plan

        return save_plan(plan, path, valid_seconds=valid_seconds)

    async def saved_restore_plan(self, path: Path) -> RestorePlan | GroupPlan:
        """The plan in a file, when everything is still as it found it. Raises RefusedBySafetyRule, UsageError."""
        from quri_console.service.plan_files import plan_to_apply

        return await plan_to_apply(self.session, path)

    async def start_restore(
        self,
        plan: RestorePlan | GroupPlan,
        *,
        confirmation: str,
        force: bool = False,
        reason: str | None = None,
        undo_if_unhealthy: bool = False,
        pause: bool = False,
    ) -> OperationHandle:
        """Carry a plan out in a runner process; `confirmation` is the typed NETWORK/NAME.

        With `pause` it waits for `proceed` before it stops anything.
        """
        from quri_console.service import restores

        return await restores.start_restore(
            self.session,
            plan,
            confirmation=confirmation,
            force=force,
            reason=reason,
            undo_if_unhealthy=undo_if_unhealthy,
            pause=pause,
        )

    async def plan_start(self, canister: str) -> RemedyPlan:
        """What starting a canister would do; has no effects."""
        from quri_console.service import remedies

        return await remedies.plan_start(self.session, canister)

    async def plan_stop(self, canister: str, *, stop_timeout_seconds: float = 60.0) -> RemedyPlan:
        """What stopping a canister would do; has no effects."""
        from quri_console.service import remedies

        return await remedies.plan_stop(self.session, canister, stop_timeout_seconds=stop_timeout_seconds)

    async def plan_top_up(self, canister: str, amount: int, *, from_subaccount: bytes | None = None) -> RemedyPlan:
        """What paying `amount` cycles of the cycles ledger into a canister would do; has no effects."""
        from quri_console.service import remedies

        return await remedies.plan_top_up(self.session, canister, amount, from_subaccount=from_subaccount)

    async def plan_create(
        self, canister: str, source: str = "latest", *, amount: int, from_subaccount: bytes | None = None
    ) -> RemedyPlan:
        """What creating a canister in the place of one that is gone would do; has no effects."""
        from quri_console.service import remedies

        return await remedies.plan_create(
            self.session, canister, source, amount=amount, from_subaccount=from_subaccount
        )

    async def plan_settings(self, canister: str, source: str = "latest") -> RemedyPlan:
        """What putting a backup's settings and controllers back would do; has no effects."""
        from quri_console.service import remedies

        return await remedies.plan_settings(self.session, canister, source)

    async def plan_settings_back(self, operation_id: str) -> RemedyPlan:
        """What taking the settings of an operation back would do; has no effects."""
        from quri_console.service import remedies

        return await remedies.plan_settings_back(self.session, operation_id)

    async def plan_module(
        self, canister: str, source: str = "latest", *, stop_timeout_seconds: float = 60.0
    ) -> RemedyPlan:
        """What an upgrade to a backup's module, the memory kept, would do; has no effects."""
        from quri_console.service import remedies

        return await remedies.plan_module(self.session, canister, source, stop_timeout_seconds=stop_timeout_seconds)

    async def start_remedy(
        self, plan: RemedyPlan, *, confirmation: str = "", force: bool = False, reason: str | None = None
    ) -> OperationHandle:
        """Carry the plan of a smaller remedy out in a runner process; `confirmation` is the typed NETWORK/NAME."""
        from quri_console.service import remedies

        return await remedies.start_remedy(self.session, plan, confirmation=confirmation, force=force, reason=reason)

    async def remedies(self, canister: str) -> Proposal:
        """What would help a canister, least destructive first; has no effects. Raises NetworkError."""
        from quri_console.service import remedies

        return await remedies.propose(self.session, canister)

    async def readiness(self, canisters: Sequence[str] = ()) -> tuple[Readiness, ...]:
        """Whether these canisters (all when empty) could be restored now; kept in the history, no other effects."""
        from quri_console.service import readiness

        return await readiness.readiness(self.session, canisters)

    async def snapshots(self, canister: str | None = None) -> SnapshotsView:
        """The snapshots that the fleet, or one canister, has on chain, and whose they are; has no effects."""
        from quri_console.service import snapshots

        return await snapshots.snapshots(self.session, canister)

    async def plan_snapshot_deletion(self, canister: str, snapshot: str) -> DeletionPlan:
        """What deleting a snapshot (its id in hex, or how that begins) would do; has no effects."""
        from quri_console.service import snapshots

        return await snapshots.plan_deletion(self.session, canister, snapshot)

    async def plan_snapshot_cleaning(self, canister: str | None = None) -> DeletionPlan | None:
        """Which of our own snapshots are not needed any more; None when there are none. Has no effects."""
        from quri_console.service import snapshots

        return await snapshots.plan_cleaning(self.session, canister)

    async def start_snapshot_deletion(
        self, plan: DeletionPlan, *, confirmation: str, force: bool = False, reason: str | None = None
    ) -> OperationHandle:
        """Delete snapshots from the network in a runner process; `confirmation` is the typed NETWORK/NAME."""
        from quri_console.service import snapshots

        return await snapshots.start_deletion(self.session, plan, confirmation=confirmation, force=force, reason=reason)

    async def plan_rollback(self, operation_id: str) -> RollbackPlan:
        """What undoing a restore would do; has no effects."""
        from quri_console.service import audit, rollbacks

        plan = await rollbacks.plan_rollback(self.session, operation_id)
        audit.note_rollback_plan(self.session, plan)
        return plan

    async def start_rollback(
        self,
        operation_id: str,
        *,
        confirmation: str,
        force: bool = False,
        reason: str | None = None,
        shown: RollbackPlan | None = None,
    ) -> OperationHandle:
        """Undo a restore by its safety snapshot, in a runner process; `shown` is the plan that was confirmed."""
        from quri_console.service import rollbacks

        return await rollbacks.start_rollback(
            self.session, operation_id, confirmation=confirmation, force=force, reason=reason, shown=shown
        )

    def look_into(self, name: str) -> BackupLook:
        """Everything that is known of a backup or, as BACKUP/CANISTER, of a canister in it. Raises as `backup`."""
        from quri_console.service import browsing

        return browsing.look_into(self.session, name)

    async def write_support_bundle(self, to: Path | None = None) -> Path:
        """Write what helps somebody else to understand what went wrong, without secrets, into one file; where.

        Raises StateFolderUnusable.
        """
        from quri_console.service.support_bundle import write_support_bundle

        return await write_support_bundle(self.session, to)

    async def all_operations(self) -> tuple[OperationSummary, ...]:
        """As `operations`, read in a thread."""
        from quri_console.service import activity

        return await activity.all_operations(self.session)

    async def operation_steps(self, operation_id: str) -> OperationSteps:
        """An operation with its journal and the end of its log. Raises UsageError, CorruptionError."""
        from quri_console.service import activity

        return await activity.operation_steps(self.session, operation_id)

    async def operation_evidence(self, operation_id: str) -> OperationEvidence:
        """What a report of an operation is made of. Raises UsageError, CorruptionError, StateFolderUnusable."""
        from quri_console.service import operation_reports

        return await operation_reports.operation_evidence(self.session, operation_id)

    def save_report(self, operation_id: str, text: str) -> Path:
        """Keep the report of an operation in the state folder; where. Raises StateFolderUnusable."""
        from quri_console.service import operation_reports

        return operation_reports.save_report(self.session, operation_id, text)

    async def newest_messages(self) -> tuple[Message, ...]:
        """The newest messages to all channels, newest first. Raises HistoryUnusable."""
        from quri_console.service import activity

        return await activity.newest_messages(self.session)

    async def newest_audit(self, operation_id: str | None = None) -> Sequence[dict[str, Any]]:
        """The newest events of the audit log, oldest first. Raises StateFolderUnusable."""
        from quri_console.service import activity

        return await activity.newest_audit(self.session, operation_id)

    def resume(self, operation_id: str) -> OperationHandle:
        """Go on with an operation whose process is gone."""
        from quri_console.service import resuming

        return resuming.resume(self.session, operation_id)

    def operations(self) -> tuple[OperationSummary, ...]:
        """All operations in the state folder, newest first."""
        from quri_console.service import following

        return following.operations(self.session)

    def follow(self, operation_id: str) -> OperationHandle:
        """The handle of an operation that runs or has run, whoever started it."""
        from quri_console.service import following

        return following.follow(self.session, operation_id)

    def proceed(self, operation_id: str) -> OperationHandle:
        """Tell an operation that paused before it stops anything to go on."""
        from quri_console.service import resuming

        return resuming.proceed(self.session, operation_id)

    def abort(self, operation_id: str) -> OperationHandle:
        """Ask a running operation to end before its next effect."""
        from quri_console.service import resuming

        return resuming.abort(self.session, operation_id)
