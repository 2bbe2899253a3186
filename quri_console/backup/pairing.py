"""Which canister of one side is compared with which of the other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from quri_console.errors import UsageError
from quri_console.ic.encoding.principal import Principal


class Named(Protocol):
    """A canister that a side holds; its id is None where nothing tells it."""

    @property
    def name(self) -> str: ...

    @property
    def canister(self) -> Principal | None: ...


Held = TypeVar("Held", bound=Named)


@dataclass(frozen=True, slots=True)
class Holding(Generic[Held]):
    """What a side holds. `label` is how the operator named it, `single` whether it is one canister by its nature."""

    label: str
    held: tuple[Held, ...]
    single: bool

    def only(self, wanted: str) -> Holding[Held]:
        """The canister with this name or id alone. Raises UsageError."""
        for one in self.held:
            if wanted in (one.name, one.canister.to_str() if one.canister else None):
                return Holding(f"{self.label}/{wanted}", (one,), single=True)
        raise UsageError(
            f"{self.label} does not hold {wanted}",
            why=f"It holds {', '.join(one.name for one in self.held) or 'nothing'}.",
        )


@dataclass(frozen=True, slots=True)
class Pairing(Generic[Held]):
    """Who is compared with whom, in the order of the left side, and who is on one side only."""

    pairs: tuple[tuple[Held, Held], ...]
    only_left: tuple[Held, ...] = ()
    only_right: tuple[Held, ...] = ()


def paired(left: Holding[Held], right: Holding[Held]) -> Pairing[Held]:
    """Two single canisters, whatever they are called; one and its like in a set; or all that two sets share.

    Canisters are the same when their ids are, or where one is not known their names. Raises UsageError when the other
    side does not hold a canister that was named.
    """
    if left.single and right.single:
        return Pairing(((left.held[0], right.held[0]),))
    if left.single:
        return Pairing(((left.held[0], _like(left.held[0], right)),))
    if right.single:
        return Pairing(((_like(right.held[0], left), right.held[0]),))
    pairs = tuple(_pairs(left.held, right.held))
    taken_left, taken_right = {id(one) for one, _ in pairs}, {id(other) for _, other in pairs}
    return Pairing(
        pairs,
        tuple(one for one in left.held if id(one) not in taken_left),
        tuple(one for one in right.held if id(one) not in taken_right),
    )


def _like(one: Named, others: Holding[Held]) -> Held:
    found = _find(one, others.held)
    # a snapshot directory tells no canister, and its folder may be called anything
    if found is None and one.canister is None and len(others.held) == 1:
        return others.held[0]
    if found is None:
        raise UsageError(
            f"{others.label} does not hold {_with_id(one)}",
            why=f"It holds {', '.join(map(_with_id, others.held)) or 'nothing'}.",
            next_step="Add /CANISTER to the side that holds several.",
        )
    return found


def _with_id(one: Named) -> str:
    """Two canisters may have one name."""
    return one.name if one.canister is None else f"{one.name} ({one.canister.to_str()})"


def _pairs(left: Sequence[Held], right: Sequence[Held]) -> Iterator[tuple[Held, Held]]:
    rest = list(right)
    for one in left:
        other = _find(one, rest)
        if other is not None:
            rest.remove(other)
            yield one, other


def _find(one: Named, others: Sequence[Held]) -> Held | None:
    if one.canister is not None:
        for other in others:
            if other.canister == one.canister:
                return other
    unsure = (other for other in others if one.canister is None or other.canister is None)
    return next((other for other in unsure if other.name == one.name), None)
