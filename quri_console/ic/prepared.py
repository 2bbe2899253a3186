"""A call that is ready to be signed, with what its answer means; nothing is sent by making one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

from quri_console.ic.encoding.principal import MANAGEMENT, Principal

if TYPE_CHECKING:
    from quri_console.ic.agent import Agent

T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True, slots=True)
class PreparedCall(Generic[T_co]):
    """An update call as a value: journal it, sign it with `Agent.sign_update`, send it, `decode` the reply.

    `effective_canister` decides the subnet that the call is routed to (specification, "Effective canister id").
    """

    method: str
    argument: bytes
    effective_canister: Principal
    decode: Callable[[bytes], T_co]
    canister: Principal = MANAGEMENT
    bulk: bool = False
    """Whether it carries megabytes and so should travel on the connections for slices."""


async def perform(agent: Agent, call: PreparedCall[T_co]) -> T_co:
    """Sign, send and decode in one go, without a journal. Raises what `Agent.send` raises, and MalformedCandid."""
    reply = await agent.update(
        call.canister, call.method, call.argument, effective_canister=call.effective_canister, bulk=call.bulk
    )
    return call.decode(reply)
