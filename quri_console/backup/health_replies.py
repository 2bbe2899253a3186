"""What a canister's health queries answered around the moment of its copy: the record that rehearsals compare with.

A query cannot be asked of a snapshot, so each is asked twice, before the canister is stopped and when it runs again.
Where both answers are the same they are those of the copied state, and steady; where they differ the reply holds a
time, a balance, or what was written meanwhile, and says nothing about the copy.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from quri_console.backup.browse import HEALTH_NAME
from quri_console.backup.deadline import answered_within
from quri_console.config.model import HealthCheck
from quri_console.errors import Cancelled, ConfigError, CorruptionError, NetworkError, QuriError
from quri_console.ic.encoding.candid_sending import encode_values
from quri_console.ic.encoding.candid_text import parse_values
from quri_console.ic.encoding.candid_words import UnusableText
from quri_console.ic.encoding.principal import ANONYMOUS, Principal
from quri_console.repository.sealed import seal, unseal
from quri_console.repository.sets import typed

if TYPE_CHECKING:
    from quri_console.backup.browse import StoredCanister
    from quri_console.clock import Clock
    from quri_console.ic.agent import Agent

_LONGEST_PROBLEM = 500


class UnusableCheck(ConfigError):
    """A configured health check cannot be asked: its Candid text is none."""


class ReplyTooLarge(NetworkError):
    """More than the check allows."""


@dataclass(frozen=True, slots=True)
class HealthReply:
    """What one query answered at the time of the copy; `argument` and `reply` are Candid messages.

    `reply` is None where there is no answer that can be compared, `problem` then says why; both are untrusted.
    """

    method: str
    argument: bytes
    reply: bytes | None
    problem: str = ""
    caller: bytes = ANONYMOUS.bytes
    """The principal that asked, in bytes: replies may depend on it."""


def argument_of(check: HealthCheck) -> bytes:
    """The Candid message that the query is asked with. Raises UnusableCheck."""
    try:
        return encode_values(parse_values(check.argument))
    except ValueError as error:
        raise unusable(check, "argument", error) from error


def unusable(check: HealthCheck, field: str, error: ValueError) -> UnusableCheck:
    """The error for one of a check's Candid texts."""
    where = "is not Candid text" if isinstance(error, UnusableText) else "cannot be sent"
    return UnusableCheck(
        f"The {field} of the health check `{check.method}` {where}",
        why=str(error),
        next_step='Correct it in the configuration; it is written like "(5 : nat64, record { id = 7 : nat32 })".',
    )


async def ask(agent: Agent, canister: Principal, check: HealthCheck, clock: Clock) -> bytes:
    """The query's answer, within the check's bounds. Raises UnusableCheck, ReplyTooLarge, NetworkError (Rejected)."""
    asking = agent.query(canister, check.method, argument_of(check))
    reply = await answered_within(asking, clock, check.timeout_seconds)
    if len(reply) > check.max_reply_bytes:
        raise ReplyTooLarge(
            f"`{check.method}` of {canister.to_str()} answered too much",
            why=f"its reply has {len(reply):,} bytes, and {check.max_reply_bytes:,} are allowed",
            next_step="Ask for less, or raise max_reply of this check in the configuration.",
        )
    return reply


async def ask_around(
    agent: Agent, canister: Principal, checks: Sequence[HealthCheck], clock: Clock
) -> tuple[HealthReply, ...]:
    """Ask every query once; no failure is raised but Cancelled, because none may stop a backup."""
    return tuple([await _asked(agent, canister, check, clock) for check in checks])


async def _asked(agent: Agent, canister: Principal, check: HealthCheck, clock: Clock) -> HealthReply:
    argument, caller = b"", agent.identity.sender.bytes
    try:
        argument = argument_of(check)
        return HealthReply(check.method, argument, await ask(agent, canister, check, clock), caller=caller)
    except Cancelled:
        raise
    except QuriError as error:
        return HealthReply(check.method, argument, None, str(error)[:_LONGEST_PROBLEM])


def not_asked(checks: Sequence[HealthCheck], why: str) -> tuple[HealthReply, ...]:
    """No replies to queries that could not be asked."""
    return tuple(HealthReply(check.method, b"", None, why) for check in checks)


def compared(before: Sequence[HealthReply], after: Sequence[HealthReply]) -> tuple[HealthReply, ...]:
    """Of two rounds what can be compared with the copy: the replies that did not change."""
    return tuple(_agreed(*pair) for pair in zip(before, after, strict=True))


def _agreed(before: HealthReply, after: HealthReply) -> HealthReply:
    if before.reply is None or after.reply is None:
        return HealthReply(before.method, before.argument, None, before.problem or after.problem)
    if before.reply != after.reply:
        problem = "it answered differently before and after the copy was taken"
        return HealthReply(before.method, before.argument, None, problem)
    return before


def encode_replies(replies: Sequence[HealthReply]) -> bytes:
    """The bytes of `health.toml`."""
    return seal({"queries": [_table(reply) for reply in replies]})


def _table(reply: HealthReply) -> dict[str, Any]:
    table = {"method": reply.method, "argument": base64.b64encode(reply.argument).decode()}
    if reply.reply is None:
        return {**table, "problem": reply.problem}
    return {**table, "reply": base64.b64encode(reply.reply).decode(), "caller": reply.caller.hex()}


def recorded_replies(stored: StoredCanister) -> tuple[HealthReply, ...]:
    """What was recorded of a stored canister; empty where nothing was. Raises CorruptionError, WrongKey."""
    data = stored.record(HEALTH_NAME)
    if data is None:
        return ()
    origin = f"{stored.label}/{HEALTH_NAME}"
    document = unseal(data, origin)
    try:
        return tuple(_reply(table) for table in typed(document, "queries", list))
    except (AttributeError, KeyError, TypeError, ValueError, binascii.Error) as error:
        raise CorruptionError(f"{origin} is not what it should be", why=f"{type(error).__name__}: {error}") from error


def _reply(table: Mapping[str, Any]) -> HealthReply:
    reply = table.get("reply")
    return HealthReply(
        method=typed(table, "method", str),
        argument=base64.b64decode(typed(table, "argument", str), validate=True),
        reply=None if reply is None else base64.b64decode(reply, validate=True),
        problem=str(table.get("problem", "")),
        caller=bytes.fromhex(table["caller"]) if "caller" in table else ANONYMOUS.bytes,
    )
