"""Calls through a proxy canister, for the methods of the network that answer canisters only.

The interface is that of dfinity/proxy-canister, which `icp … --proxy` speaks to.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

from quri_console.errors import NotAuthorised, QuriError
from quri_console.ic.encoding.candid import MalformedCandid, Types, encode
from quri_console.ic.encoding.principal import Principal
from quri_console.ic.rejection import Rejected
from quri_console.ic.reply import answer, case_of, fields

if TYPE_CHECKING:
    from quri_console.ic.agent import Agent

T = Types
ARGUMENT = T.Record({"canister_id": T.Principal, "method": T.Text, "args": T.Vec(T.Nat8), "cycles": T.Nat})
METHOD = "proxy"
# with this code a canister's inspect_message turns a caller away, before anything is executed
_TURNED_AWAY = "IC0406"


class ProxyFailed(QuriError):
    """The proxy made no call, or the call that it made was rejected."""


async def call_through(agent: Agent, proxy: Principal, canister: Principal, method: str, argument: bytes) -> bytes:
    """What `method` of `canister` replies to the proxy, which attaches no cycles.

    Raises what `Agent.update` raises, NotAuthorised when the proxy does not serve the agent's identity, and
    ProxyFailed. It is an update call of whatever method it names: outside of `effects`, name only such as change
    nothing.
    """
    message = encode([ARGUMENT], [{"canister_id": canister, "method": method, "args": argument, "cycles": 0}])
    try:
        reply = await agent.update(proxy, METHOD, message)
    except Rejected as rejection:
        if rejection.error_code == _TURNED_AWAY and not rejection.certified:
            raise _not_served(proxy) from rejection
        raise
    return decode_proxied(reply, proxy, method)


def decode_proxied(reply: bytes, proxy: Principal, method: str) -> bytes:
    """The proxied method's own reply inside the proxy's; raises NotAuthorised, ProxyFailed and MalformedCandid."""
    case, content = case_of(answer(reply), ("Ok", "Err"))
    match case:
        case "Ok":
            return fields(content).blob("result")
        case "Err":
            _raise_error(content, proxy, method)
    raise MalformedCandid("it is no result of a proxy")


def _raise_error(error: Any, proxy: Principal, method: str) -> NoReturn:
    what = f"The proxy canister {proxy.to_str()} could not call {method}"
    case, content = case_of(error, ("CallFailed", "InsufficientCycles", "UnauthorizedUser"))
    match case:
        case "UnauthorizedUser":
            raise _not_served(proxy)
        case "CallFailed":
            raise ProxyFailed(
                what,
                why=next(iter(fields(content).text("reason").splitlines()), ""),
                next_step="Check the canister's id and the proxy's balance.",
            )
        case "InsufficientCycles":
            cycles = fields(content)
            available, required = cycles.natural("available"), cycles.natural("required")
            raise ProxyFailed(
                what,
                why=f"it has {available:,} cycles to spend and needs {required:,}",
                next_step="Top up the proxy canister.",
            )
    raise ProxyFailed(what, why="it gives a reason that this version does not know")


def _not_served(proxy: Principal) -> NotAuthorised:
    return NotAuthorised(
        f"The proxy canister {proxy.to_str()} does not serve this identity",
        why="it forwards calls of its controllers only",
        next_step="Make the identity a controller of the proxy, or name another proxy.",
    )
