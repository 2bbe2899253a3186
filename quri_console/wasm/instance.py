"""A live canister: one module with its memories, globals and timer, on which messages run one at a time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from quri_console.wasm.messages import Call, Callback, Environment, Outcome, OutgoingCall, Trap, TrapKind
from quri_console.wasm.state import CanisterState

__all__ = [
    "Call",
    "Callback",
    "CanisterInstance",
    "Environment",
    "Metadata",
    "Outcome",
    "OutgoingCall",
    "Trap",
    "TrapKind",
]


@dataclass(frozen=True, slots=True)
class Metadata:
    """A custom section `icp:public NAME` or `icp:private NAME`."""

    is_public: bool
    content: bytes


class CanisterInstance:
    """One canister's code and state. Not thread-safe: one message at a time."""

    exports: frozenset[str]
    """Names of exported functions, such as `canister_query health`."""
    metadata: Mapping[str, Metadata]
    """Custom sections by name."""
    certified_data: bytes
    global_timer_ns: int
    """When the canister wants its timer to run; 0 is inactive. Settable: the network clears it when it fires."""
    low_memory_hook: str | None

    @classmethod
    def create(cls, module: bytes, *, canister_id: bytes, environment: Environment) -> CanisterInstance:
        """Instantiate afresh: data segments and start function run, `canister_init` does not.

        Raises InvalidModule, also where the start function traps.
        """

    @classmethod
    def restore(cls, state: CanisterState, *, canister_id: bytes, environment: Environment) -> CanisterInstance:
        """Put a state back; neither data segments nor the start function run. Raises InvalidModule, StateMismatch."""

    def capture(self) -> CanisterState:
        """Take the whole state out."""

    def fork(self) -> CanisterInstance:
        """An independent instance in the same state: composite queries run on one that is thrown away afterwards."""

    def execute(self, call: Call) -> Outcome:
        """Run one message. Traps, inspections, queries and composite queries on the original leave no trace.

        On a fork composite queries and their callbacks keep what they write.
        """

    def upgrade(
        self,
        module: bytes,
        *,
        caller: bytes,
        argument: bytes,
        keep_heap: bool,
        skip_pre_upgrade: bool = False,
        new_version: int | None = None,
    ) -> Outcome:
        """pre_upgrade, the new module with stable memory (and heap, if kept), post_upgrade; all or nothing.

        `new_version` is what post_upgrade sees as canister version. Logs and
        instructions of both halves are in the outcome. Raises InvalidModule
        with the old code untouched.
        """

    @property
    def heap_bytes(self) -> int:
        """Size of the Wasm memory."""

    @property
    def stable_bytes(self) -> int:
        """Size of stable memory."""

    @property
    def global_bytes(self) -> int:
        """Size of all globals: 4, 8 or 16 bytes each."""

    @property
    def custom_section_bytes(self) -> int:
        """Names and contents of the `icp:` sections."""

    def read_heap(self, offset: int, size: int) -> bytes:
        """A slice of the Wasm memory."""

    def read_stable(self, offset: int, size: int) -> bytes:
        """A slice of stable memory."""
