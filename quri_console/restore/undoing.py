"""The way back inside a restore: what was loaded is replaced by its safety snapshot, and everything runs as before."""

from __future__ import annotations

from collections.abc import Sequence

from quri_console.effects.attempt import EffectUndecided
from quri_console.effects.calls import UPDATE_SETTINGS
from quri_console.effects.journal import Record
from quri_console.effects.perform import Effects
from quri_console.effects.replay import attempts
from quri_console.errors import ExitCode, NetworkError, QuriError
from quri_console.ic.encoding.principal import Principal
from quri_console.progress import Progress, ProgressEvent
from quri_console.restore.at_once import each_to_its_end
from quri_console.restore.drift import ChangedByOthers, Vigil
from quri_console.restore.journalled import bring_back, is_held, oldest_safety_of, state_of
from quri_console.restore.settings_step import change_settings, settings_before
from quri_console.restore.swap_target import (
    MIXED_STATE,
    NEW_STATE,
    OLD_STATE,
    Exchanged,
    RestoreFailed,
)

WAY_BACK, WENT_BACK = "way back", "went back"


class WayBack:
    """Undoes an exchange that cannot be finished, or must not be."""

    def __init__(self, effects: Effects, targets: Sequence[Exchanged], progress: Progress) -> None:
        self._effects = effects
        self._targets = tuple(targets)
        self._progress = progress

    async def after(self, cause: QuriError, *, look_first: bool = False) -> RestoreFailed:
        """Undo what a failed exchange did, give the canisters their status back, and word the failure."""
        if self._must_undo(cause):
            try:
                await self.go(cause, look_first=look_first)
            except QuriError as error:
                failure = await self.stuck(cause, error)
                again = isinstance(error, NetworkError) and self.half_way and not self._held()
                return await self._once_more(cause) if again else failure
        return await self._worded(cause)

    async def _once_more(self, cause: QuriError) -> RestoreFailed:
        """The canisters could be started, so the network is back: those of a group are not left in two states."""
        try:
            await self._go_on(look_first=True)
        except QuriError as error:
            return await self.stuck(cause, error)
        return await self._worded(cause)

    def _must_undo(self, cause: QuriError) -> bool:
        """Whether what was loaded must go: it is wrong, or it is on some canisters of a group only.

        What is whole stays when only the network failed after it; what somebody else made of it is theirs.
        """
        states = {state_of(self._effects, target) for target in self._targets}
        if states == {OLD_STATE} or not self._undoable():
            return False
        if len(states) > 1:
            return True
        return states == {NEW_STATE} and not isinstance(cause, (NetworkError, EffectUndecided, ChangedByOthers))

    @property
    def half_way(self) -> bool:
        """Whether the canisters do not have the same state: an earlier process died between two of them."""
        return len({state_of(self._effects, target) for target in self._targets}) > 1

    def _undoable(self) -> tuple[Exchanged, ...]:
        return tuple(
            target
            for target in self._targets
            if state_of(self._effects, target) != OLD_STATE and oldest_safety_of(self._effects, target) is not None
        )

    async def go(self, cause: QuriError, *, look_first: bool = False) -> None:
        """Load the safety snapshot of each canister that has the new state, step by step for all of them.

        `look_first`: they ran meanwhile, so somebody else may have changed them. Raises ChangedByOthers,
         StopTimedOut, Rejected, EffectUndecided, NetworkError; a later process goes on.
        """
        self._effects.journal.append(
            WAY_BACK, what=cause.what, why=cause.why, next_step=cause.next_step, exit_code=int(cause.exit_code)
        )
        await self._go_on(look_first=look_first)

    async def _go_on(self, *, look_first: bool = False) -> None:
        targets = self._undoable()
        for target in targets:
            self._progress.report(ProgressEvent("undo", subject=target.name))
        # one that runs again already is stopped once more; one that is stopped is left alone
        await each_to_its_end(
            [
                self._effects.stop_canister(t.canister, timeout_seconds=t.stop_timeout_seconds, leads_back=True)
                for t in targets
            ]
        )
        if look_first:
            await each_to_its_end(
                [Vigil(self._effects, t.canister, t.name, t.live, _controllers(t)).look() for t in targets]
            )
        await each_to_its_end([self._undo(target) for target in targets])
        await bring_back(self._effects, self._targets)
        self._effects.journal.append(WENT_BACK)

    async def _undo(self, target: Exchanged) -> None:
        safety = oldest_safety_of(self._effects, target)
        assert safety is not None
        await self._effects.load_snapshot(target.canister, safety, leads_back=True)
        sent = attempts(self._effects.journal.records, UPDATE_SETTINGS, canister=target.canister.to_str())
        before = settings_before(target.settings, target.live.settings)
        if before is not None and any(change.may_have_happened for change in sent):
            await change_settings(self._effects, target.canister, before, leads_back=True)

    async def finish(self) -> None:
        """Go on with a way back that an earlier process began, then raise the failure that was its reason."""
        begun = unfinished(self._effects.journal.records)
        if begun is None:
            return
        fields = begun.fields
        cause = QuriError(
            fields["what"], why=fields["why"], next_step=fields["next_step"], exit_code=ExitCode(fields["exit_code"])
        )
        try:
            await self._go_on()
        except QuriError as error:
            raise await self.stuck(cause, error) from error
        raise await self._worded(cause)

    async def stuck(self, cause: QuriError, error: QuriError) -> RestoreFailed:
        """Word the failure of a way back that could not be finished; canisters that stand still are started."""
        failure = await self._worded(cause)
        operation = self._effects.journal.path.parent.name
        return RestoreFailed(
            cause,
            self._headline(),
            f"{failure.why}. Bringing the old state back failed: {error.what}",
            next_step=f"Run `quri-console operations resume {operation}`: it goes on bringing the old state back.",
            result=failure.result,
        )

    async def _worded(self, cause: QuriError) -> RestoreFailed:
        """The failure with the state that each canister is in, once they have their status back."""
        try:
            # all of them: those that an earlier process loaded were stopped for the way back, too
            await bring_back(self._effects, self._targets)
        except QuriError as error:
            unstarted: QuriError | None = error
        else:
            unstarted = None
        state = self._common_state()
        return RestoreFailed(
            cause,
            self._headline(),
            self._sentence(unstarted),
            next_step="" if unstarted is None else self.start_by_hand(self._held()[0]),
            result=self.result(state, self._targets),
        )

    def _headline(self) -> str:
        names = " and ".join(target.name for target in self._targets)
        return f"{names} {'was' if len(self._targets) == 1 else 'were'} not restored"

    def _sentence(self, unstarted: QuriError | None) -> str:
        held = self._held()
        sentences = []
        for target in self._targets:
            subject = "the canister" if len(self._targets) == 1 else target.name
            state = state_of(self._effects, target)
            if target in held and unstarted is not None:
                sentences.append(f"{subject} has {state} and is stopped, because it could not be started: {unstarted}")
            else:
                status = self._effects.status_before(target.canister) or target.live.status
                sentences.append(f"{subject} has {state} and is {status} as before")
        return "; ".join(sentences)

    def _held(self) -> tuple[Exchanged, ...]:
        running = [t for t in self._targets if self._effects.status_before(t.canister) == "running"]
        return tuple(target for target in running if is_held(self._effects, target))

    def _common_state(self) -> str:
        states = {state_of(self._effects, target) for target in self._targets}
        return states.pop() if len(states) == 1 else MIXED_STATE

    def start_by_hand(self, target: Exchanged) -> str:
        """What to do about a canister that could not be started."""
        return (
            f"A child process goes on trying to start it for some minutes; then start it yourself: "
            f"quri-console start {target.name or target.canister.to_str()}"
        )

    def result(self, state: str, targets: Sequence[Exchanged]) -> dict[str, object]:
        """What the outcome keeps of a failure."""
        safety = oldest_safety_of(self._effects, targets[0])
        return {
            "state": state,
            "safety_snapshot": None if safety is None else safety.hex(),
            "left_stopped": any(is_held(self._effects, target) for target in targets),
        }


def unfinished(records: Sequence[Record]) -> Record | None:
    """The way back that an earlier process began and did not finish."""
    last = next((record for record in reversed(records) if record.event in (WAY_BACK, WENT_BACK)), None)
    return last if last is not None and last.event == WAY_BACK else None


def _controllers(target: Exchanged) -> tuple[Principal, ...] | None:
    return None if target.settings is None else target.settings.controllers
