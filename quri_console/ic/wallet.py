"""The balance of a cycles wallet, a canister that older tools keep cycles in; for its custodians and controllers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from quri_console.ic.encoding.candid import encode
from quri_console.ic.encoding.principal import Principal
from quri_console.ic.reply import answer, fields

if TYPE_CHECKING:
    from quri_console.ic.agent import Agent


async def wallet_balance(agent: Agent, wallet: Principal) -> int:
    """Cycles in the wallet, by a query. Raises what `Agent.query` raises."""
    return fields(answer(await agent.query(wallet, "wallet_balance128", encode([], [])))).natural("amount")
