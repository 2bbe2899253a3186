"""What the fleet is now: rounds, alerts, messages, cycles over time, and what canisters write."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from quri_console.console.door import Door

if TYPE_CHECKING:
    from quri_console.ic.management.types import LogRecord
    from quri_console.monitor.burn_report import CanisterBurn
    from quri_console.monitor.canister_facts import CanisterFacts
    from quri_console.monitor.chart_data import CyclesChart
    from quri_console.monitor.fleet import FleetStatus
    from quri_console.monitor.metrics import MetricsFormat
    from quri_console.monitor.series import CanisterHistory, Resolution
    from quri_console.service.alerting import AlertsView
    from quri_console.service.history_import import ImportedHistory
    from quri_console.service.thread import ServiceHandle
    from quri_console.service.watch import Notice


class Watching(Door):
    """What the fleet is now: rounds, alerts, messages, cycles over time, and what canisters write."""

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
        from quri_console.service.process_log import briefly_logged

        with briefly_logged(self.session, "console") as session:
            return await monitor_once(session, notify=notify)

    async def watch(self, say: Callable[[Notice], None]) -> None:
        """Watch the fleet until cancelled; `say` hears of what changes."""
        from quri_console.service.watch import watch

        await watch(self.session, say)

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

    async def canister_history(
        self, canister: str, *, since_seconds: float, resolution: Resolution = "auto"
    ) -> CanisterHistory:
        """What the history knows of a canister. Raises UsageError, HistoryUnusable."""
        from quri_console.service.history_view import canister_history

        return await canister_history(self.session, canister, since_seconds=since_seconds, resolution=resolution)

    async def import_history(self, path: Path) -> ImportedHistory:
        """Take over the balances of a cycles_history.json. Raises UsageError, RefusedBySafetyRule, HistoryUnusable."""
        from quri_console.service.history_import import import_history

        return await import_history(self.session, path)

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
