"""Trying a backup: load a canister of it into the sandbox, ask its health queries, judge and compare the replies."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

from quri_console.backup.browse import NoState, StoredCanister
from quri_console.backup.health_replies import HealthReply, argument_of, recorded_replies
from quri_console.config.model import HealthCheck
from quri_console.errors import CorruptionError
from quri_console.ic.encoding.candid import MalformedCandid
from quri_console.ic.encoding.candid_shown import text_of_values
from quri_console.ic.encoding.candid_values import decode_values, same_values
from quri_console.ic.encoding.principal import ANONYMOUS
from quri_console.progress import NoProgress, Progress, ProgressEvent
from quri_console.repository.backend import ObjectMissing
from quri_console.restore.health import Unhealthy, field_names, health_query_in, judge, reply_text, shortened
from quri_console.restore.rehearsal import Rehearsed
from quri_console.restore.sandbox import NotRehearsable, Sandbox, free_memory_bytes
from quri_console.wasm.errors import StateMismatch
from quri_console.wasm.instance import Outcome

_AFTER_A_FAILURE = "Restore from another backup until you know why: `quri-console rehearse --all` tries the others."
_NOTHING_TO_ASK = "it loaded, but there is nothing to ask it"


def rehearse(
    open_canister: Callable[[], StoredCanister],
    subject: Rehearsed,
    checks: Sequence[HealthCheck],
    progress: Progress | None = None,
    *,
    free_bytes: Callable[[], int | None] = free_memory_bytes,
    refresh: Callable[[], None] = lambda: None,
) -> Rehearsed:
    """`subject`, which names the canister, with the verdict on its copy; damage is a verdict, too.

    Without `checks` those are asked whose replies the backup recorded; without any the query `health`, where the
    module's own interface has it. Raises WrongKey, UnusableCheck, StorageFailed.
    """
    started = time.perf_counter()
    progress = progress or NoProgress()
    try:
        stored = open_canister()
        found = _Rehearsal(stored, subject, checks, progress).run(free_bytes(), refresh)
    except (NotRehearsable, NoState) as error:
        found = replace(subject, verdict="not rehearsable", reason=str(error), next_step=error.next_step)
    except (CorruptionError, ObjectMissing, StateMismatch) as error:
        found = replace(subject, verdict="failed", reason=str(error), next_step=error.next_step)
    next_step = found.next_step or (_AFTER_A_FAILURE if found.verdict == "failed" else "")
    return replace(found, next_step=next_step, seconds=time.perf_counter() - started)


class _Rehearsal:
    """One canister's."""

    def __init__(
        self, stored: StoredCanister, subject: Rehearsed, checks: Sequence[HealthCheck], progress: Progress
    ) -> None:
        self._stored = stored
        self._subject = subject
        self._checks = checks
        self._progress = progress

    def run(self, free_bytes: int | None, refresh: Callable[[], None]) -> Rehearsed:
        """Load it and ask everything. Raises NotRehearsable, CorruptionError, StateMismatch."""
        metadata = self._stored.metadata
        recorded = recorded_replies(self._stored)
        sandbox = Sandbox.open(self._stored, self._progress, free_bytes=free_bytes, refresh=refresh)
        subject = replace(self._subject, heap_bytes=metadata.wasm_memory_size, stable_bytes=metadata.stable_memory_size)
        checks = self._checks or tuple(_recorded_checks(recorded)) or tuple(_found_in(sandbox.interface))
        if not checks:
            raise NotRehearsable(
                _NOTHING_TO_ASK,
                why="no health query is configured, and its interface has no query `health`",
                next_step=f'Add health_query = "METHOD" to [canisters.{subject.name}] of the configuration.',
            )
        answers, failures, unable = [], [], []
        for number, check in enumerate(checks):
            self._progress.report(ProgressEvent("ask", number, len(checks), "steps", subject=subject.name))
            try:
                answers.append(self._asked(sandbox, check, recorded))
            except Unhealthy as error:
                failures.append(str(error))
            except NotRehearsable as error:
                unable.append(str(error))
        return replace(
            subject,
            verdict="failed" if failures else "not rehearsable" if unable else "passed",
            answers=tuple(answers),
            reason="; ".join(failures or unable),
            stable_pages_read=sandbox.stable_pages_read,
        )

    def _asked(self, sandbox: Sandbox, check: HealthCheck, recorded: Sequence[HealthReply]) -> str:
        argument = argument_of(check)
        then = next((one for one in recorded if (one.method, one.argument) == (check.method, argument)), None)
        caller = ANONYMOUS.bytes if then is None else then.caller
        outcome = sandbox.query(check.method, argument, seconds=check.timeout_seconds, caller=caller)
        reply = _reply(check, outcome, self._subject.name, uses_certificate=sandbox.uses_certificate)
        names = field_names(sandbox.interface or b"")
        words = judge(check, reply, self._subject.name, names)
        if then is None:
            return words
        if then.reply is None:
            return f"{words} (not compared with the time of the backup: {shortened(then.problem)})"
        if not _same(then.reply, reply):
            was, now = _text(check, then.reply, names), _text(check, reply, names)
            raise Unhealthy(
                f"`{check.method}` of {self._subject.name} answers otherwise than when the backup was taken",
                why=f"then {was}, now {now}",
            )
        return f"{words}, the same as when the backup was taken"


def _recorded_checks(recorded: Sequence[HealthReply]) -> Iterator[HealthCheck]:
    """The queries that were configured when the backup was taken, without what was expected of them."""
    for reply in recorded:
        if reply.reply is not None:
            yield HealthCheck(reply.method, text_of_values(decode_values(reply.argument)))


def _found_in(interface: bytes | None) -> Iterator[HealthCheck]:
    method = None if interface is None else health_query_in(interface)
    if method is not None:
        yield HealthCheck(method)


def _reply(check: HealthCheck, outcome: Outcome, name: str, *, uses_certificate: bool) -> bytes:
    """The reply of a query that gave one. Raises NotRehearsable, Unhealthy."""
    failed = f"`{check.method}` of {name} failed"
    if outcome.trap is not None:
        if outcome.trap.lacks:
            raise NotRehearsable(f"`{check.method}` needs {outcome.trap.lacks}, which the sandbox does not have")
        hint = " (its module uses data certificates, which the sandbox does not have)" if uses_certificate else ""
        raise Unhealthy(failed, why=f"{shortened(outcome.trap.message)}{hint}")
    if outcome.reject is not None:
        raise Unhealthy(failed, why=f"it answered with a refusal: {shortened(outcome.reject)}")
    if outcome.reply is None:
        if outcome.outgoing:
            raise NotRehearsable(f"`{check.method}` asks other canisters, which the sandbox does not have")
        raise Unhealthy(failed, why="it did not answer")
    if len(outcome.reply) > check.max_reply_bytes:
        why = f"its reply has {len(outcome.reply):,} bytes, and {check.max_reply_bytes:,} are allowed"
        raise Unhealthy(failed, why=why)
    return outcome.reply


def _same(then: bytes, now: bytes) -> bool:
    if then == now:
        return True
    try:
        return same_values(decode_values(then), decode_values(now))
    except MalformedCandid:
        return False


def _text(check: HealthCheck, reply: bytes, names: Mapping[int, str]) -> str:
    try:
        return shortened(reply_text(check, decode_values(reply), names))
    except MalformedCandid:
        return f"{len(reply):,} bytes that are not Candid"
