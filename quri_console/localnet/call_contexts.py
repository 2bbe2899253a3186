"""Calls that canisters are working on, and the messages that wait in their inboxes (spec: call contexts)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from quri_console.localnet.messages import Reject, Reply
from quri_console.wasm.messages import OutgoingCall

Answer = Reply | Reject
Responder = Callable[[Answer, int], None]
"""Takes an answer and the cycles that go back to the caller."""


@dataclass(slots=True, eq=False)
class CallContext:
    """A call that a canister is working on; it stays open until answered and every call it made came back."""

    number: int
    caller: bytes
    cycles_available: int
    respond: Responder | None
    deadline_ns: int = 0
    is_answered: bool = False
    outstanding: int = 0
    is_deleted: bool = False

    def answer(self, answer: Answer) -> None:
        """Answer once; what was not accepted of the attached cycles goes back."""
        if self.is_answered:
            return
        self.is_answered = True
        refund, self.cycles_available = self.cycles_available, 0
        if self.respond is not None:
            self.respond(answer, refund)

    @property
    def is_closed(self) -> bool:
        return self.is_answered and not self.outstanding


@dataclass(frozen=True, slots=True)
class Request:
    """A call waiting to be executed."""

    context: CallContext
    method: str
    argument: bytes


@dataclass(frozen=True, slots=True)
class Response:
    """The answer to a call this canister made, waiting for its callback."""

    context: CallContext
    call: OutgoingCall
    answer: Answer
    refund: int


@dataclass(frozen=True, slots=True)
class SystemTask:
    """A global timer that is due, or a heartbeat."""

    context: CallContext
    kind: Literal["timer", "heartbeat"]


Message = Request | Response | SystemTask
