"""Asking a canister whether it is well, by queries of its own, and judging what they answer."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from quri_console.backup.deadline import NoAnswerInTime
from quri_console.backup.health_replies import ReplyTooLarge, UnusableCheck, argument_of, ask, unusable
from quri_console.clock import Clock, SystemClock
from quri_console.config.model import HealthCheck
from quri_console.errors import NetworkError, QuriError
from quri_console.ic.agent import Agent
from quri_console.ic.encoding.candid import MalformedCandid, field_hash
from quri_console.ic.encoding.candid_shown import text_of_values
from quri_console.ic.encoding.candid_text import parse_values
from quri_console.ic.encoding.candid_values import Plain, Record, Value, decode_values, same_values
from quri_console.ic.encoding.principal import Principal
from quri_console.ic.public import metadata
from quri_console.ic.rejection import Rejected
from quri_console.image.candid.parser import parse_interface
from quri_console.image.candid.tokens import UnusableInterface
from quri_console.image.candid.types import FIELDED

HEALTHY = "healthy"
HEALTH, INTERFACE = "health", "candid:service"
HEALTH_QUERY = re.compile(r'\bhealth"?\s*:\s*\(\s*\)\s*->\s*\([^)]*\)\s*(?:composite_)?query\b')
SHOWN_CHARACTERS = 200
"""How much of a reply is shown where it is not what was expected."""
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class Unhealthy(QuriError):
    """The canister says that it is not well, or does not answer as it should."""


async def health_query_of(agent: Agent, canister: Principal) -> str | None:
    """`health` when the canister's published interface has such a query without arguments, else None."""
    interface = await metadata(agent, canister, INTERFACE)
    return None if interface is None else health_query_in(interface)


def health_query_in(interface: bytes) -> str | None:
    """`health` when a Candid interface has such a query without arguments, else None."""
    return HEALTH if HEALTH_QUERY.search(interface.decode("utf-8", "replace")) else None


def require_usable(checks: Sequence[HealthCheck]) -> None:
    """Raise UnusableCheck for one whose Candid texts are none, so that it is known before anything is changed."""
    for check in checks:
        argument_of(check)
        _expected(check)


async def ask_all(
    agent: Agent, canister: Principal, checks: Sequence[HealthCheck], *, name: str = "", clock: Clock | None = None
) -> str:
    """What the health queries answered, in words. Raises what `ask_health` raises."""
    return "; ".join([await ask_health(agent, canister, check, name=name, clock=clock) for check in checks])


async def ask_health(
    agent: Agent, canister: Principal, check: HealthCheck, *, name: str = "", clock: Clock | None = None
) -> str:
    """What the health query answered, in words; `name` is what failures call the canister.

    Raises Unhealthy, also for an answer that takes too long or is too large; NetworkError when nobody answered.
    """
    called = f"{name} ({canister.to_str()})" if name else canister.to_str()
    try:
        reply = await ask(agent, canister, check, clock or SystemClock())
    except Rejected as error:
        raise Unhealthy(f"`{check.method}` of {called} failed", why=error.message) from error
    except (NoAnswerInTime, ReplyTooLarge, UnusableCheck) as error:
        why = error.why or error.what
        raise Unhealthy(f"`{check.method}` of {called} failed", why=why, next_step=error.next_step) from error
    names = await _names(agent, canister) if check.expect or check.matches else {}
    return judge(check, reply, called, names)


async def _names(agent: Agent, canister: Principal) -> Mapping[int, str]:
    try:
        interface = await metadata(agent, canister, INTERFACE)
    except NetworkError:
        return {}  # only how fields are called in words and patterns depends on it
    return field_names(interface or b"")


def field_names(interface: bytes) -> Mapping[int, str]:
    """The names of fields and cases that an interface has, by hash; none where it cannot be read."""
    try:
        nodes = parse_interface(interface.decode("utf-8", "replace")).nodes if interface else ()
    except UnusableInterface:
        return {}
    names = (name for node in nodes if node.kind in FIELDED for name in node.names if name)
    return {field_hash(name): name for name in names}


def judge(check: HealthCheck, reply: bytes, called: str, names: Mapping[int, str]) -> str:
    """What a reply says, in words. Raises Unhealthy for one that is not as the check wants it."""
    try:
        values = decode_values(reply)
    except MalformedCandid as error:
        if check.expect or check.matches:
            raise Unhealthy(f"`{check.method}` of {called} did not answer in Candid", why=error.why) from error
        return f"`{check.method}` answered, though not in Candid"
    text = reply_text(check, values, names)
    try:
        expected = _expected(check)
    except UnusableCheck as error:
        raise Unhealthy(f"`{check.method}` of {called} failed", why=str(error), next_step=error.next_step) from error
    if expected is not None and not same_values(expected, values):
        wanted = text_of_values(expected, _names_in(check))
        raise _unexpected(check, called, f"expected {shortened(wanted)}, it answered {shortened(text)}")
    if check.matches is not None and not re.search(check.matches, text):
        raise _unexpected(check, called, f"expected /{shortened(check.matches)}/ in it, it answered {shortened(text)}")
    verdict = _verdict(values)
    if verdict is False and expected is None:
        raise Unhealthy(f"`{check.method}` of {called} says that it is not healthy", why=shortened(text))
    if check.expect or check.matches:
        return f"`{check.method}` answered as expected"
    return f"`{check.method}` answered" + (": healthy" if verdict else "")


def reply_text(check: HealthCheck, values: Sequence[Value], names: Mapping[int, str]) -> str:
    """A reply as Candid text; names that the check itself uses are known without an interface."""
    return text_of_values(values, {**_names_in(check), **names})


def shortened(text: str) -> str:
    """At most SHOWN_CHARACTERS of it."""
    return text if len(text) <= SHOWN_CHARACTERS else f"{text[: SHOWN_CHARACTERS - 1]}…"


def _unexpected(check: HealthCheck, called: str, why: str) -> Unhealthy:
    return Unhealthy(f"`{check.method}` of {called} did not answer as expected", why=why)


def _expected(check: HealthCheck) -> tuple[Value, ...] | None:
    if check.expect is None:
        return None
    try:
        return parse_values(check.expect)
    except ValueError as error:
        raise unusable(check, "expect", error) from error


def _names_in(check: HealthCheck) -> dict[int, str]:
    words = {HEALTHY, *_WORD.findall(check.expect or ""), *_WORD.findall(check.matches or "")}
    return {field_hash(word): word for word in words}


def _verdict(values: Sequence[Value]) -> bool | None:
    """The field `healthy` of a record, or a lone boolean; None when the answer has neither."""
    if not values:
        return None
    value = values[0]
    if isinstance(value, Record):
        value = dict(value.fields).get(field_hash(HEALTHY), Plain(None))
    return value.value if isinstance(value, Plain) and isinstance(value.value, bool) else None
