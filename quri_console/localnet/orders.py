"""What whoever started a local network may order of it beside the protocol: incidents that no caller can make.

Only the owner of the process reaches this: orders come through its standard input, one JSON object a line.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, get_args

from quri_console.errors import QuriError
from quri_console.ic.encoding.principal import InvalidPrincipal, parse_principal
from quri_console.localnet.canister import Use
from quri_console.localnet.faults import DropBefore, FaultRule, Faults, RouteKind
from quri_console.localnet.messages import Rejection
from quri_console.localnet.network import Network

LONGEST_ORDER_BYTES = 1 << 16


class OrderRefused(QuriError):
    """The network cannot do what was ordered; nothing was changed."""


class Orders:
    """Carries out orders on one network."""

    def __init__(self, network: Network, faults: Faults) -> None:
        self._network = network
        self._faults = faults
        self._known: dict[str, Callable[[Mapping[str, Any]], None]] = {
            "burn": self._burn,
            "cut off": self._cut_off,
            "answer again": self._answer_again,
        }

    def obey(self, order: Mapping[str, Any]) -> None:
        """Carry out one order. Raises OrderRefused."""
        carry_out = self._known.get(str(order.get("order")))
        if carry_out is None:
            raise OrderRefused(f"unknown order {order.get('order')!r}", next_step=f"Orders: {', '.join(self._known)}.")
        carry_out(order)

    def _burn(self, order: Mapping[str, Any]) -> None:
        """Burn a canister's cycles down to `leave`; at 0 the network empties it as soon as it charges it again."""
        leave = order.get("leave")
        if not isinstance(leave, int) or leave < 0:
            raise OrderRefused(f"burn leaves {leave!r}", why="that is no number of cycles")
        try:
            canister = self._network.subnet.get(parse_principal(str(order.get("canister"))).bytes)
        except (InvalidPrincipal, Rejection) as error:
            raise OrderRefused(f"there is no canister {order.get('canister')!r}") from error
        accounts = self._network.subnet.accounts
        accounts.consume(canister, max(0, canister.cycles - leave), Use.BURNED)

    def _cut_off(self, _: Mapping[str, Any]) -> None:
        """Close every connection without an answer, as a boundary node in trouble does."""
        for route in get_args(RouteKind):
            self._faults.add(FaultRule(DropBefore(), route=route, count=None))

    def _answer_again(self, _: Mapping[str, Any]) -> None:
        self._faults.clear()


class OrderLines:
    """Orders as they arrive in pieces; each whole line is answered by one line of JSON."""

    def __init__(self, orders: Orders, answer: Callable[[str], None]) -> None:
        self._orders = orders
        self._answer = answer
        self._rest = b""

    def feed(self, data: bytes) -> None:
        """Take what was read; carry out the lines that are whole."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > LONGEST_ORDER_BYTES:
            self._rest = b""
            self._answer(json.dumps({"error": "the order is too long"}))
        for line in lines:
            self._answer(json.dumps(self._carried_out(line)))

    def _carried_out(self, line: bytes) -> dict[str, str]:
        try:
            order = json.loads(line)
        except (ValueError, RecursionError):
            return {"error": "that is no JSON"}
        if not isinstance(order, dict):
            return {"error": "an order is a JSON object"}
        try:
            self._orders.obey(order)
        except OrderRefused as refused:
            return {"error": str(refused)}
        return {"done": str(order["order"])}
