"""The methods that a Candid service text promises, and whether clients of one interface can call another."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from quri_console.image.candid.classes import merged_types
from quri_console.image.candid.parser import parse_interface
from quri_console.image.candid.subtyping import Verdict, verdicts
from quri_console.image.candid.tokens import UnusableInterface
from quri_console.image.candid.types import Interface, Node
from quri_console.image.candid.writing import AuthorsText, TooLarge, filled_in_signature

__all__ = ["ChangedMethod", "InterfaceChanges", "Method", "UnusableInterface", "compare_interfaces", "methods_of"]

_MOST_FILLED_IN = 500
"""Signatures whose definitions are filled in; a comparison that is longer is not read line by line."""


@dataclass(frozen=True, slots=True)
class Method:
    """One method as its author wrote it, type names included; untrusted text."""

    name: str
    arguments: str
    """In parentheses: `(account : Account)`."""
    results: str
    annotation: str
    """Empty for an update method, else `query`, `composite_query` or `oneway`."""

    @property
    def signature(self) -> str:
        return " ".join(part for part in (self.arguments, "->", self.results, self.annotation) if part)


@dataclass(frozen=True, slots=True)
class ChangedMethod:
    """A method whose type differs between two interfaces."""

    name: str
    left: str
    """The signature with all type definitions filled in, see `filled_in_signature`; one too long for that is as its
    author wrote it."""
    right: str
    compatible: bool | None
    """Whether clients of the left interface can call the right one; `None` when that cannot be told."""
    may_lose_values: bool
    """The types have diverged inside `opt`: calls succeed, but such a value silently arrives as null."""


@dataclass(frozen=True, slots=True)
class InterfaceChanges:
    """What differs from the left to the right interface; each tuple is sorted by method name."""

    is_known: bool
    """False when a side has no interface: then nothing was compared and the tuples are empty."""
    added: tuple[Method, ...] = ()
    """Methods of the right side only."""
    removed: tuple[Method, ...] = ()
    """Methods of the left side only."""
    changed: tuple[ChangedMethod, ...] = ()

    @property
    def differs(self) -> bool:
        return bool(self.added or self.removed or self.changed)

    @property
    def compatible(self) -> bool | None:
        """Whether every call that clients of the left interface make works on the right one; `None`: cannot tell."""
        if not self.is_known:
            return None
        answers = {method.compatible for method in self.changed}
        if self.removed or False in answers:
            return False
        return None if None in answers else True


def methods_of(text: str) -> tuple[Method, ...]:
    """The methods of a service text, sorted by name; raises UnusableInterface."""
    interface = parse_interface(text)
    return _methods(interface, tuple(interface.methods))


def compare_interfaces(left: str | None, right: str | None) -> InterfaceChanges:
    """The changes between two service texts, `None` being an interface that is not known.

    Names of types and arguments, the order of fields, comments and layout are no change. Raises UnusableInterface for
    a side that is not Candid, saying which.
    """
    if left is None or right is None:
        return InterfaceChanges(is_known=False)
    before = _parsed("left", left)
    if left == right:
        return InterfaceChanges(is_known=True)
    after = _parsed("right", right)
    return InterfaceChanges(
        is_known=True,
        added=_methods(after, [name for name in after.methods if name not in before.methods]),
        removed=_methods(before, [name for name in before.methods if name not in after.methods]),
        changed=_changed_methods(before, after),
    )


def _parsed(side: str, text: str) -> Interface:
    try:
        return parse_interface(text)
    except UnusableInterface as error:
        raise UnusableInterface(error.why, what=f"The Candid interface of the {side} side cannot be read") from error


def _methods(interface: Interface, names: Sequence[str]) -> tuple[Method, ...]:
    texts = AuthorsText(interface)
    functions = ((name, interface.methods[name]) for name in names)
    return tuple(
        Method(name, texts.arguments(function), texts.results(function), interface.nodes[function].annotation)
        for name, function in functions
    )


def _changed_methods(before: Interface, after: Interface) -> tuple[ChangedMethod, ...]:
    merged = merged_types(before, after)
    left, right = merged.methods
    names = [name for name in left if name in right and left[name] != right[name]]
    # what the right side provides is what clients of the left side expect
    found = verdicts(merged.nodes, [(right[name], left[name]) for name in names])
    signatures = _Signatures(merged.nodes, AuthorsText(before), AuthorsText(after))
    return tuple(
        _changed_method(
            name,
            signatures.filled_in(left[name], right[name])
            or signatures.written(before.methods[name], after.methods[name]),
            found[right[name], left[name]],
        )
        for name in names
    )


def _changed_method(name: str, texts: tuple[str, str], verdict: Verdict) -> ChangedMethod:
    return ChangedMethod(
        name=name,
        left=texts[0],
        right=texts[1],
        compatible=None if verdict is Verdict.UNKNOWN else verdict is not Verdict.BREAKS,
        may_lose_values=verdict is Verdict.LOSSY,
    )


@dataclass(slots=True)
class _Signatures:
    """Pairs of signatures, each text made once, since thousands of methods may share one type."""

    nodes: Sequence[Node]
    before: AuthorsText
    after: AuthorsText
    made: dict[int, str | None] = field(default_factory=dict)

    def filled_in(self, left: int, right: int) -> tuple[str, str] | None:
        """Of two merged nodes; `None` when either text is too long, or enough were made."""
        texts = self.one_filled_in(left), self.one_filled_in(right)
        return None if texts[0] is None or texts[1] is None else (texts[0], texts[1])

    def written(self, left: int, right: int) -> tuple[str, str]:
        """Of a node of each interface, as its author wrote it."""
        return self.before.signature(left), self.after.signature(right)

    def one_filled_in(self, function: int) -> str | None:
        if function not in self.made:
            text = None
            if len(self.made) < _MOST_FILLED_IN:
                with suppress(TooLarge):
                    text = filled_in_signature(self.nodes, function)
            self.made[function] = text
        return self.made[function]
