"""Carrying a smaller remedy out, from the start or from where the journal says that an earlier process stopped."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from quri_console.effects.calls import START, STOP, UPDATE_SETTINGS
from quri_console.effects.cycles import create_canister, top_up
from quri_console.effects.perform import Effects
from quri_console.effects.recover import recover
from quri_console.effects.replay import attempts
from quri_console.effects.settings import differing, update_settings
from quri_console.errors import NetworkError, RefusedBySafetyRule
from quri_console.ic.management.read import canister_status
from quri_console.ic.management.types import CanisterStatus
from quri_console.ic.rejection import Rejected
from quri_console.progress import Progress, ProgressEvent
from quri_console.restore.health import Unhealthy, ask_all
from quri_console.restore.module_swap import ModuleSwap
from quri_console.restore.remedy_plan import RemedyPlan
from quri_console.restore.swap_target import NotAsRestored
from quri_console.restore.words import named
from quri_console.units import format_cycles


@dataclass(frozen=True, slots=True)
class RemedyReport:
    """How a remedy went: what was done in one sentence, and its particulars as the outcome keeps them."""

    what: str
    fields: Mapping[str, object]
    notes: tuple[str, ...] = ()

    def result(self) -> dict[str, object]:
        """The report as the outcome keeps it."""
        return {**self.fields, "notes": list(self.notes)}


@dataclass(slots=True)
class RemedyWork:
    """One remedy under way."""

    plan: RemedyPlan
    effects: Effects
    progress: Progress
    module: Callable[[], bytes] | None = None
    """Reads the module that the plan names, compared with its hash."""
    _notes: list[str] = field(default_factory=list, init=False)

    async def run(self) -> RemedyReport:
        """Do what the plan says.

        Raises RefusedBySafetyRule before any effect when the canister has moved on, StopTimedOut with nothing
        changed, RestoreFailed, WithdrawalRefused, CreationRefused, EffectUndecided, Cancelled.
        """
        self._notes += await recover(self.effects)
        work = {
            "start": self._start,
            "stop": self._stop,
            "top-up": self._top_up,
            "settings": self._settings,
            "module": self._module,
            "create": self._create,
        }[self.plan.kind]
        return await work()

    async def _start(self) -> RemedyReport:
        if not attempts(self.effects.journal.records, START):
            self._require_unmoved(await self._status(), "status")
        self.effects.checkpoint()
        self._report("start")
        await self.effects.start_canister(self.plan.canister)
        status = await self._status()
        health = await self._health(status)
        return self._reported(f"{self.plan.name} was started", status=status.status, health=health)

    async def _stop(self) -> RemedyReport:
        if not attempts(self.effects.journal.records, STOP):
            self._require_unmoved(await self._status(), "status")
        self._report("stop")
        await self.effects.stop_canister(self.plan.canister, timeout_seconds=self.plan.stop_timeout_seconds)
        await self.effects.keep_stopped(self.plan.canister)
        status = await self._status()
        return self._reported(
            f"{self.plan.name} was stopped", status=status.status, next=f"quri-console start {self.plan.name}"
        )

    async def _top_up(self) -> RemedyReport:
        payment = self.plan.payment
        assert payment is not None
        self._report("withdraw")
        paid = await top_up(
            self.effects,
            self.plan.canister,
            payment.amount,
            created_at_ns=payment.created_at_ns,
            from_subaccount=payment.from_subaccount,
        )
        if paid.duplicate:
            self._notes.append("The ledger had paid it already when it was asked again: it was paid once.")
        try:
            balance = (await self._status()).cycles
        except Rejected:
            balance = None  # anybody may top up; who is no controller does not see what came of it
        return self._reported(
            f"{self.plan.name} was topped up with {format_cycles(payment.amount)} cycles",
            cycles=payment.amount,
            fee=payment.fee,
            block=paid.block_index,
            balance=balance,
        )

    async def _create(self) -> RemedyReport:
        payment, source = self.plan.payment, self.plan.source
        assert payment is not None
        assert source is not None
        self._report("create")
        made = await create_canister(
            self.effects,
            payment.amount,
            created_at_ns=payment.created_at_ns,
            settings=self.plan.settings,
            subnet=self.plan.subnet,
            from_subaccount=payment.from_subaccount,
        )
        new = made.canister.to_str()
        backup = source.label.partition("/")[0]
        following = f"quri-console restore {self.plan.name} --from {backup} --to {new} --start"
        self._notes.append(f"It is empty. To restore the backup into it: {following}")
        self._notes.append(f"Then write the new id into the configuration as the id of {self.plan.name}.")
        return self._reported(
            f"{self.plan.name} was created anew as {new}", new_canister=new, block=made.block_index, next=following
        )

    async def _settings(self) -> RemedyReport:
        change = self.plan.settings
        assert change is not None
        if not attempts(self.effects.journal.records, UPDATE_SETTINGS):
            self._require_unmoved(await self._status(), "controllers", "settings")
        self._report("settings")
        await update_settings(self.effects, self.plan.canister, change)
        self._report("check")
        status = await self._status()
        left = differing(change, status.settings)
        if left:
            raise NotAsRestored(
                f"{self.plan.name} has other settings than were sent: {', '.join(left)}",
                why="somebody else changed them at the same time, or the network does not tell them",
                next_step="Look at them: icp canister settings show.",
            )
        names = [difference.name for difference in self.plan.differences]
        source = self.plan.undoes or (self.plan.source.label if self.plan.source else "")
        return self._reported(
            f"{self.plan.name} has the settings {'from before' if self.plan.undoes else 'of'} {source} again",
            settings=list(dict.fromkeys(names)),
            settings_undo=True,
            status=status.status,
        )

    async def _module(self) -> RemedyReport:
        assert self.module is not None
        assert self.plan.source is not None
        swap = ModuleSwap(self.plan, self.effects, self.progress)
        if not swap.begun:
            self._require_unmoved(await self._status(), "module", "controllers", "status")
        swapped = await swap.run(self.module)
        status = await self._status()
        health = await self._health(status)
        return self._reported(
            f"{self.plan.name} has the module of {self.plan.source.label}, its memory kept",
            source=self.plan.source.label,
            state="the backup's module, its memory kept",
            safety_snapshot=None if swapped.safety_snapshot is None else swapped.safety_snapshot.hex(),
            downtime_seconds=round(swapped.downtime_seconds, 3),
            status=status.status,
            health=health,
        )

    def _require_unmoved(self, status: CanisterStatus, *names: str) -> None:
        """Raise RefusedBySafetyRule when the canister is not as the plan found it."""
        live = self.plan.live
        assert live is not None
        pairs = {
            "status": (live.status, status.status),
            "module": (live.module_hash, status.module_hash),
            "controllers": (set(live.controllers), set(status.settings.controllers)),
            "settings": (live.settings, status.settings),
        }
        moved = [name for name in names if pairs[name][0] != pairs[name][1]]
        if moved:
            raise RefusedBySafetyRule(
                f"{named(self.plan.name, self.plan.canister)} has changed since the plan was made, so nothing was done",
                why=f"another {' and '.join(moved)}",
                next_step="Find out who works on it, then make and read a new plan.",
            )

    async def _health(self, status: CanisterStatus) -> str:
        """What the health queries say; that they fail is told, and is for the operator to judge."""
        if not self.plan.health_checks or status.status != "running":
            return "not asked"
        self._report("health")
        try:
            return await ask_all(self.effects.agent, self.plan.canister, self.plan.health_checks, name=self.plan.name)
        except (Unhealthy, NetworkError) as error:
            self._notes.append("It is not well: look at it before you rely on it.")
            return str(error)

    async def _status(self) -> CanisterStatus:
        return await canister_status(self.effects.agent, self.plan.canister)

    def _report(self, phase: str) -> None:
        self.progress.report(ProgressEvent(phase, subject=self.plan.name))

    def _reported(self, what: str, **particulars: object) -> RemedyReport:
        fields = {"canister": self.plan.canister.to_str(), "name": self.plan.name, "remedy": self.plan.kind}
        return RemedyReport(what, {**fields, **particulars}, tuple(self._notes))
