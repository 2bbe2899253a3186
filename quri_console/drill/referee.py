"""Watches a drill from the incident to its end: when somebody noticed, when all was well again, and what it came to."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from quri_console import __version__
from quri_console.clock import NANOSECONDS_PER_SECOND, Clock, utc_datetime
from quri_console.config import Config, load_config
from quri_console.drill.evidence import RepositoryEvidence, keys_problem, principals
from quri_console.drill.judge import lost_entries, unmet, written_entries
from quri_console.drill.scenario import Scenario
from quri_console.drill.sight import Sight, look_at_fleet
from quri_console.drill.staging import Stage
from quri_console.drill.wrong_turns import operations_since, wrong_turns
from quri_console.effects.lockdown import operating_user
from quri_console.effects.operation_summary import OperationSummary
from quri_console.errors import QuriError
from quri_console.history import History
from quri_console.history.alerts import AlertEvent
from quri_console.history.drills import DrillMode, DrillRecord
from quri_console.ic.encoding.principal import Principal, parse_principal
from quri_console.ic.management import change
from quri_console.ic.management.types import SettingsChange
from quri_console.ic.prepared import perform
from quri_console.service.following import OperationHandle, follow
from quri_console.service.session import Session

TOOL = f"quri-console {__version__}"


@dataclass(frozen=True, slots=True)
class News:
    """Something that the trainee is told during the drill."""

    title: str
    text: str
    severity: Literal["information", "warning"] = "information"


class Referee:
    """Judges one drill by looking at its fleet again and again."""

    def __init__(self, stage: Stage, scenario: Scenario, clock: Clock) -> None:
        self._stage = stage
        self._scenario = scenario
        self._clock = clock
        self._repository = RepositoryEvidence()
        self._config: Config = stage.console.config
        """As it could be read last."""
        self._sights: dict[str, Sight] = dict(stage.before.sights)
        self._looking = asyncio.Lock()
        self.news: deque[News] = deque()
        """What the trainee has not been told yet, oldest first."""
        self.incident_ns = clock.now_ns()
        self.first_look_ns: int | None = None
        self.recovered_ns: int | None = None
        self.unmet: tuple[str, ...] = ()

    def looked(self) -> None:
        """The trainee has looked at the fleet; only the first time counts."""
        if self.first_look_ns is None:
            self.first_look_ns = self._clock.now_ns()

    async def look(self) -> tuple[str, ...]:
        """What is still wrong now; a moment at which nothing is any more is kept until something is again."""
        async with self._looking:
            await self._colleague()
            self._sights = await look_at_fleet(self._stage.agent, self._canisters())
            self.unmet = await self._wrong()
            if self.unmet:
                self.recovered_ns = None
            elif self.recovered_ns is None:
                self.recovered_ns = self._clock.now_ns()
                self.news.append(News("Recovered", "Everything is well again. Leave to end the drill."))
            return self.unmet

    async def record(self, mode: DrillMode) -> DrillRecord:
        """What the drill came to, after a last look."""
        await self.look()
        ended_ns = self._clock.now_ns()
        alerts = await self._alerts()
        detected_ns, detected_by = self._detected(alerts)
        acknowledged = [event.at_ns for event in alerts if event.state == "acknowledged"]
        scenario = self._scenario
        return DrillRecord(
            scenario=scenario.name,
            title=scenario.title,
            page=scenario.page,
            started_at=utc_datetime(self.incident_ns),
            by=operating_user(),
            mode=mode,
            limit_seconds=scenario.limit_seconds,
            limit_of=scenario.limit_of,
            detected_by=detected_by,
            seconds_to_detect=None if detected_ns is None else self._since(detected_ns),
            seconds_to_acknowledge=self._since(acknowledged[0]) if acknowledged else None,
            seconds_to_recover=None if self.recovered_ns is None else self._since(self.recovered_ns),
            seconds=self._since(ended_ns),
            unmet=self.unmet,
            wrong_turns=wrong_turns(self._session, scenario, since_ns=self.incident_ns, good=self._stage.good),
            written=written_entries(self._stage.before),
            lost=lost_entries(self._stage.before, self._sights),
            tool=TOOL,
        )

    def _since(self, at_ns: int) -> float:
        return round(max(0, at_ns - self.incident_ns) / NANOSECONDS_PER_SECOND, 3)

    def _canisters(self) -> dict[str, Principal]:
        """The fleet as the operator's configuration has it now: a canister may have got another id."""
        canisters = self._stage.canisters
        try:
            self._config = load_config(self._stage.ground.config)
        except QuriError:
            return canisters  # that it cannot be used is said where it matters
        present = {item.name: parse_principal(item.id) for item in self._config.canisters}
        return {name: present.get(name, canister) for name, canister in canisters.items()}

    async def _wrong(self) -> tuple[str, ...]:
        newcomers = frozenset(self._new_principals())
        found = list(unmet(self._stage.before, self._sights, newcomers=newcomers))
        if self._scenario.scene in ("lost-key", "lost-machine"):
            found += filter(None, [self._machine_problem()])
        if self._scenario.scene in ("damaged", "lost-machine") and not found:
            found += filter(None, [await asyncio.to_thread(self._repository.problem, self._config)])
        return tuple(found)

    def _machine_problem(self) -> str:
        path = self._stage.ground.config
        if not path.exists():
            return f"there is no configuration at {path} yet"
        try:
            config = load_config(path)
        except QuriError as error:
            return str(error)
        return keys_problem(config, self._sights)

    def _new_principals(self) -> set[str]:
        """Keys that the operator has put into the configuration in place of the lost one."""
        if self._scenario.scene != "lost-key":
            return set()
        try:
            holders = set(principals(load_config(self._stage.ground.config)).values())
        except QuriError:
            return set()  # not there yet
        return holders - next(iter(self._stage.before.sights.values())).controllers

    async def _colleague(self) -> None:
        """The other controller takes a new key of the operator on, as they would be asked to by telephone."""
        for holder in sorted(self._new_principals()):
            principal = parse_principal(holder)
            mine = self._stage.agent.identity.sender
            for name, canister in self._stage.canisters.items():
                if holder not in self._sights[name].controllers:
                    wanted = SettingsChange(controllers=(principal, mine))
                    await perform(self._stage.agent, change.update_settings(canister, wanted))
                    said = f"I have made {holder} a controller of {name}."
                    self.news.append(News("Your colleague", said))

    def _detected(self, alerts: tuple[AlertEvent, ...]) -> tuple[int | None, str]:
        """The earliest sign that somebody, or something, had noticed; None without any."""
        if not self._scenario.alert:
            # the watch sees no such thing; what it says later is about the trainee's own steps
            operations = self._operations()
            if operations:
                return min(item.created_at_ns for item in operations), "first operation"
            return self.first_look_ns, "" if self.first_look_ns is None else "first look"
        signs = [(event.at_ns, event.rule != self._scenario.alert, f"alert {event.rule}") for event in _fired(alerts)]
        signs += [(event.at_ns, True, "acknowledgement") for event in alerts if event.state == "acknowledged"]
        at_ns, _, words = min(signs, default=(None, True, ""))
        return at_ns, words

    async def _alerts(self) -> tuple[AlertEvent, ...]:
        path = self._config.paths.history
        # opening a history makes one: a machine that is gone must stay so
        if not path.exists():
            return ()
        async with await History.open(path) as history:
            return await history.alerts.events(self._config.network(None).name, self.incident_ns)

    async def alerted(self) -> bool:
        """Whether an alert has fired since the incident."""
        return bool(_fired(await self._alerts()))

    def running(self) -> list[OperationHandle]:
        """The operations that are under way."""
        return [follow(self._session, item.id) for item in self._operations() if item.state == "running"]

    @property
    def _session(self) -> Session:
        return Session(self._config, self._config.network(None), clock=self._clock)

    def _operations(self) -> list[OperationSummary]:
        """What the trainee has begun, oldest first."""
        return operations_since(self._session, self.incident_ns)


def _fired(alerts: Iterable[AlertEvent]) -> list[AlertEvent]:
    return [event for event in alerts if event.state == "firing"]
