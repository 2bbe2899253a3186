"""Faults on request: one rule list, consulted before execution, after it, on the reply and on the certificate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

RouteKind = Literal["call", "query", "read_state", "status"]


@dataclass(frozen=True, slots=True)
class DropBefore:
    """Close the connection without executing anything."""


@dataclass(frozen=True, slots=True)
class DropAfter:
    """Execute, wait for the answer, then close the connection without sending it."""


@dataclass(frozen=True, slots=True)
class Delay:
    """Wait `seconds` on the network's clock, before execution or between execution and answer."""

    seconds: float
    after: bool = False


@dataclass(frozen=True, slots=True)
class Refuse:
    """Answer with an HTTP status instead of executing: 429 (with Retry-After), 503 and their kind."""

    status: int = 503
    retry_after: str | None = None
    text: str = "Service is overloaded, try again later."


@dataclass(frozen=True, slots=True)
class Truncate:
    """Announce the whole reply, send its first `keep_bytes`, close the connection."""

    keep_bytes: int = 100


@dataclass(frozen=True, slots=True)
class StaleCertificate:
    """Certify a state that is `age_seconds` old, validly signed; for queries: an old node signature."""

    age_seconds: float = 600


@dataclass(frozen=True, slots=True)
class ForgedCertificate:
    """Sign with a key that nobody trusts, or (`content`) alter the certified content after signing."""

    content: bool = False


@dataclass(frozen=True, slots=True)
class RejectCall:
    """Turn a call or a query down with a code of the network and execute nothing.

    `certified`: a call is taken in first, so that its rejection is the certified answer; else one node refuses it.
    """

    error_code: str = "IC0210"
    message: str = "Canister is heap delta rate limited. Current delta debit: 1, limit: 0."
    certified: bool = True

    @property
    def code(self) -> int:
        """The reject code, which is the first digit of the network's code."""
        return int(self.error_code.removeprefix("IC")) // 100


Action = DropBefore | DropAfter | Delay | Refuse | Truncate | StaleCertificate | ForgedCertificate | RejectCall


@dataclass(frozen=True, slots=True)
class FaultedRequest:
    """What rules are matched against; `canister` is the id in the route."""

    route: RouteKind
    canister: bytes = b""
    method: str = ""


@dataclass(slots=True)
class FaultRule:
    """Applies `action` to matching requests number `first` to `first + count - 1` (`count` None: for ever)."""

    action: Action
    route: RouteKind | None = None
    canister: bytes | None = None
    method: str | None = None
    first: int = 1
    count: int | None = 1
    matched: int = 0
    applied: int = 0

    def applies(self, request: FaultedRequest) -> bool:
        """Count the request if it matches, and tell whether it is this one's turn."""
        pairs = ((self.route, request.route), (self.canister, request.canister), (self.method, request.method))
        if any(wanted is not None and wanted != present for wanted, present in pairs):
            return False
        self.matched += 1
        due = self.matched >= self.first and (self.count is None or self.matched < self.first + self.count)
        self.applied += due
        return due


class Faults:
    """The rule list of one network."""

    def __init__(self) -> None:
        self.rules: list[FaultRule] = []

    def add(self, rule: FaultRule) -> FaultRule:
        """Add a rule and return it, for its counters."""
        self.rules.append(rule)
        return rule

    def clear(self) -> None:
        """Be a healthy network again."""
        self.rules.clear()

    def select(self, request: FaultedRequest) -> Sequence[Action]:
        """Actions due for this request, in the order of the rules; call once per request."""
        return [rule.action for rule in self.rules if rule.applies(request)]
