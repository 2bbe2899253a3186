"""Whether a state or a kept heap fits a module."""

from __future__ import annotations

from collections.abc import Sequence

from quri_console.wasm.errors import InvalidModule, StateMismatch
from quri_console.wasm.instrument import Instrumented
from quri_console.wasm.state import WASM_PAGE_BYTES, GlobalValue, StreamedState


def check_state(state: StreamedState, plan: Instrumented) -> None:
    """Raise StateMismatch where `state` cannot be one of the module behind `plan`."""
    problem = (
        _globals_problem(state.globals, plan)
        or _page_problem(state.heap_bytes)
        or _heap_problem(state.heap_bytes, plan)
    )
    if problem:
        raise StateMismatch("The state does not fit its module", why=problem)


def check_kept_heap(size: int, plan: Instrumented) -> None:
    """Raise InvalidModule where the module behind `plan` cannot take over a heap of `size` bytes."""
    problem = _heap_problem(size, plan)
    if problem:
        raise InvalidModule("The module cannot take over the heap", why=problem)


def _globals_problem(values: Sequence[GlobalValue], plan: Instrumented) -> str:
    expected = [slot.kind for slot in plan.globals]
    actual = [value.kind for value in values]
    return "" if actual == expected else f"the module has the globals {expected}, the state has {actual}"


def _page_problem(size: int) -> str:
    return f"its heap of {size:,} bytes is not made of whole pages of 65,536" if size % WASM_PAGE_BYTES else ""


def _heap_problem(size: int, plan: Instrumented) -> str:
    least = plan.memory.minimum_bytes if plan.memory else 0
    most = plan.memory.maximum_bytes if plan.memory else 0
    if size < least:
        return f"the module needs at least {least:,} bytes of memory, there are {size:,}"
    return f"the module takes at most {most:,} bytes of memory, there are {size:,}" if size > most else ""
