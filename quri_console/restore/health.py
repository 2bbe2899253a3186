"""Asking a canister whether it is well, by a query of its own."""

from __future__ import annotations

import re
from typing import Any

from quri_console.errors import QuriError
from quri_console.ic.agent import Agent
from quri_console.ic.encoding import candid
from quri_console.ic.encoding.principal import Principal
from quri_console.ic.public import metadata
from quri_console.ic.rejection import Rejected

HEALTHY = "healthy"
HEALTH, INTERFACE = "health", "candid:service"
HEALTH_QUERY = re.compile(r'\bhealth"?\s*:\s*\(\s*\)\s*->\s*\([^)]*\)\s*(?:composite_)?query\b')


class Unhealthy(QuriError):
    """The canister says that it is not well, or does not answer."""


async def health_query_of(agent: Agent, canister: Principal) -> str | None:
    """`health` when the canister's published interface has such a query without arguments, else None."""
    interface = await metadata(agent, canister, INTERFACE)
    if interface is None:
        return None
    return HEALTH if HEALTH_QUERY.search(interface.decode("utf-8", "replace")) else None


async def ask_health(agent: Agent, canister: Principal, method: str, *, name: str = "") -> str:
    """What the health query answered, in words; `name` is what failures call the canister.

    Raises Unhealthy; NetworkError when nobody answered.
    """
    called = f"{name} ({canister.to_str()})" if name else canister.to_str()
    try:
        reply = await agent.query(canister, method, candid.encode([], []))
    except Rejected as error:
        raise Unhealthy(f"`{method}` of {called} failed", why=error.message) from error
    try:
        verdict = _verdict(candid.decode(reply))
    except candid.MalformedCandid:
        return f"`{method}` answered, though not in Candid"
    if verdict is False:
        raise Unhealthy(f"`{method}` of {called} says that it is not healthy")
    return f"`{method}` answered" + (": healthy" if verdict else "")


def _verdict(values: list[Any]) -> bool | None:
    """The field `healthy` of a record, or a lone boolean; None when the answer has neither."""
    if not values:
        return None
    value = values[0]
    if isinstance(value, dict):
        # decoded without its type, a record's fields have only the hashes of their names
        value = value.get(str(candid.field_hash(HEALTHY)))
    return value if isinstance(value, bool) else None
