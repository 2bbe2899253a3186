"""What the service log hears of rounds: who polls, which of them failed and came back, who answers, what is alerted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from quri_console.clock import NANOSECONDS_PER_SECOND
from quri_console.config.log import LogLevel
from quri_console.history import Sample
from quri_console.history.alerts import AlertEvent
from quri_console.history.leases import Lease
from quri_console.monitor.fleet import FleetStatus
from quri_console.service.alerting import subject_names
from quri_console.service.session import Session
from quri_console.units import format_duration

_LEVEL_OF_STATE: Mapping[str, LogLevel] = {"pending": "debug"}
LEVEL_OF: Mapping[str, LogLevel] = {"ok": "info", "unknown": "warning", "warning": "warning", "critical": "error"}


class RoundLog:
    """Writes what is new; what stays as it was is no line every minute."""

    def __init__(self, session: Session) -> None:
        self._log = session.log
        self._clock = session.clock
        self._network = session.network.name
        self._names = subject_names(session)
        self._leader: str | None = None
        self._failing_since_ns: int | None = None
        self._failed_rounds = 0
        self._silent: set[str] = set()
        self._levels: dict[str, str] = {}

    def lease(self, lease: Lease, me: str) -> None:
        """Who polls now, as the lease says."""
        if lease.holder == self._leader:
            return
        was, self._leader = self._leader, lease.holder
        if lease.holder == me:
            self._log.say("lease", f"polling {self._network} from here", duty="poll", news=True)
        elif was == me:
            self._log.say(
                "lease", f"lost the lease: {lease.holder} polls {self._network} now", "warning", duty="poll", news=True
            )
        else:
            self._log.say("lease", f"{lease.holder} polls {self._network}; reading along", duty="poll", news=True)

    def released(self, me: str) -> None:
        """The lease was given back."""
        if self._leader == me:
            self._leader = None
            self._log.say(
                "lease", f"gave back the lease: nothing here polls {self._network} any more", duty="poll", news=True
            )

    def failed(self, why: str) -> None:
        """A round came to nothing."""
        if self._failing_since_ns is None:
            self._failing_since_ns = self._clock.now_ns()
        self._failed_rounds += 1
        self._log.say("round", f"a round failed: {why}", "error")

    def answered(self, samples: Iterable[Sample]) -> None:
        """A round is over, and this is what came of it."""
        found = list(samples)
        if found and not any(sample.answered for sample in found):
            self.failed(f"no canister answered: {found[0].error or 'no reason is known'}")
        elif found:
            self._say_back()
        for sample in found:
            self._answered(sample)

    def _say_back(self) -> None:
        since_ns, rounds = self._failing_since_ns, self._failed_rounds
        self._failing_since_ns, self._failed_rounds = None, 0
        if since_ns is not None:
            lasted = format_duration((self._clock.now_ns() - since_ns) / NANOSECONDS_PER_SECOND)
            count = "1 round" if rounds == 1 else f"{rounds} rounds"
            self._log.say("round", f"rounds come through again, after {count} that failed within {lasted}", news=True)

    def _answered(self, sample: Sample) -> None:
        name = self._names.get(sample.canister_id, sample.canister_id)
        if sample.answered and sample.canister_id in self._silent:
            self._silent.discard(sample.canister_id)
            self._log.say("canister", f"{name} answers again", canister=sample.canister_id, news=True)
        elif not sample.answered and sample.canister_id not in self._silent:
            self._silent.add(sample.canister_id)
            why = sample.error or "no reason is known"
            self._log.say(
                "canister", f"{name} does not answer: {why}", "warning", canister=sample.canister_id, news=True
            )

    def judged(self, fleet: FleetStatus) -> None:
        """How the fleet fares after a round; of what was well from the start nothing is said."""
        for view in fleet.canisters:
            level = view.health.level
            if self._levels.get(view.canister_id, "ok") != level:
                said = view.health.reasons[0] if view.health.reasons else "healthy"
                self._log.say("canister", f"{view.name}: {said}", LEVEL_OF[level], canister=view.canister_id, news=True)
            self._levels[view.canister_id] = level

    def alerts(self, events: Iterable[AlertEvent]) -> None:
        """What became of alerts."""
        for event in events:
            name = self._names.get(event.subject, event.subject)
            level = _LEVEL_OF_STATE.get(event.state, "info")
            if event.state == "firing":
                level = LEVEL_OF.get(event.level, "warning")
            text = f"{name} {event.rule} {event.state}: {event.text}"
            self._log.say("alert", text, level, subject=event.subject, rule=event.rule, state=event.state, news=True)
