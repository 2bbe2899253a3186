"""Whether clients of one function type can call another (Candid specification, "Upgrading and Subtyping").

Recursive types fit when nothing speaks against it: verdicts start at the best and sink only where a rule makes them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import IntEnum

from quri_console.image.candid.types import FIELDED, Kind, Node

LARGEST_COMPARISON = 200_000
"""Pairs of types and of their members that are compared; what lies beyond stays UNKNOWN."""


class Verdict(IntEnum):
    """How values of one type fare where another is expected, from worst to best."""

    BREAKS = 0
    """Decoding fails."""
    UNKNOWN = 1
    """Implementations disagree, or the comparison was cut short."""
    LOSSY = 2
    """Decoding succeeds, but an optional value of another type silently becomes null."""
    FITS = 3


Pair = tuple[int, int]
"""A type that is provided and the type that is expected."""


@dataclass(slots=True)
class _Rule:
    """The verdict of a pair is the worst of `worst` and the needed pairs, but never below `least`."""

    needed: list[Pair] = field(default_factory=list)
    worst: Verdict = Verdict.FITS
    least: Verdict = Verdict.BREAKS


def verdicts(nodes: Sequence[Node], pairs: Iterable[Pair], *, limit: int = LARGEST_COMPARISON) -> dict[Pair, Verdict]:
    """The verdict on each pair (provided, expected) of nodes that are all different types."""
    asked = tuple(pairs)
    rules = _rules(nodes, asked, limit)
    dependents: dict[Pair, list[Pair]] = defaultdict(list)
    for pair, rule in rules.items():
        for needed in rule.needed:
            dependents[needed].append(pair)
    settled: dict[Pair, Verdict] = {}
    postponed: list[Pair] = []
    for level in (Verdict.BREAKS, Verdict.UNKNOWN, Verdict.LOSSY):
        sinking = [pair for pair, rule in rules.items() if max(rule.worst, rule.least) == level]
        sinking += postponed if level is Verdict.LOSSY else ()
        while sinking:
            pair = sinking.pop()
            if pair in settled:
                continue
            if rules[pair].least > level:
                postponed.append(pair)
                continue
            settled[pair] = level
            sinking.extend(dependents[pair])
    return {pair: settled.get(pair, Verdict.FITS) for pair in asked}


def _rules(nodes: Sequence[Node], asked: Sequence[Pair], limit: int) -> dict[Pair, _Rule]:
    rules: dict[Pair, _Rule] = {}
    open_pairs = list(asked)
    spent = 0
    while open_pairs:
        pair = open_pairs.pop()
        if pair in rules:
            continue
        provided, expected = pair
        spent += 1 + len(nodes[provided].children) + len(nodes[expected].children)
        rule = _rule(nodes, provided, expected) if spent <= limit else _Rule(worst=Verdict.UNKNOWN)
        rules[pair] = rule
        open_pairs.extend(rule.needed)
    return rules


def _rule(nodes: Sequence[Node], provided: int, expected: int) -> _Rule:
    left, right = nodes[provided], nodes[expected]
    if provided == expected or right.kind is Kind.RESERVED or left.kind is Kind.EMPTY:
        return _Rule()
    if right.kind is Kind.OPT:
        return _where_optional(nodes, provided, expected)
    if left.kind is not right.kind:
        is_widened = (left.kind, right.kind) == (Kind.NAT, Kind.INT)
        return _Rule() if is_widened else _Rule(worst=Verdict.BREAKS)
    if right.kind is Kind.VEC:
        return _Rule([(left.children[0], right.children[0])])
    if right.kind in FIELDED or right.kind is Kind.SERVICE:
        return _members(nodes, left, right)
    return _functions(nodes, left, right)


def _where_optional(nodes: Sequence[Node], provided: int, expected: int) -> _Rule:
    """Anything may stand where `opt` is expected; what does not fit inside is read as null."""
    left, inside = nodes[provided], nodes[expected].children[0]
    if left.kind is Kind.NULL:
        return _Rule()
    if left.kind is Kind.OPT:
        return _Rule([(left.children[0], inside)], least=Verdict.LOSSY)
    if nodes[inside].kind in (Kind.NULL, Kind.OPT, Kind.RESERVED):
        return _Rule(worst=Verdict.LOSSY, least=Verdict.LOSSY)
    return _Rule([(provided, inside)], least=Verdict.LOSSY)


def _members(nodes: Sequence[Node], left: Node, right: Node) -> _Rule:
    """Fields or methods: a variant's must all be expected, the others' must all be provided."""
    provided = dict(zip(left.labels, left.children, strict=True))
    expected = dict(zip(right.labels, right.children, strict=True))
    needed = [(provided[label], expected[label]) for label in right.labels if label in provided]
    if right.kind is Kind.VARIANT:
        is_covered = provided.keys() <= expected.keys()
        return _Rule(needed, worst=Verdict.FITS if is_covered else Verdict.BREAKS)
    missing = [expected[label] for label in right.labels if label not in provided]
    if right.kind is Kind.SERVICE:
        return _Rule(needed, worst=Verdict.BREAKS if missing else Verdict.FITS)
    return _Rule(needed, worst=min(_absences(nodes, missing), default=Verdict.FITS))


def _absences(nodes: Sequence[Node], missing: Iterable[int]) -> Iterator[Verdict]:
    """The specification lets only `opt` and `reserved` be absent; Rust's library takes an absent `null` too."""
    for node in missing:
        kind = nodes[node].kind
        is_optional = kind in (Kind.OPT, Kind.RESERVED)
        yield Verdict.FITS if is_optional else Verdict.UNKNOWN if kind is Kind.NULL else Verdict.BREAKS


def _functions(nodes: Sequence[Node], left: Node, right: Node) -> _Rule:
    """Arguments flow from the expected to the provided function, results back; both like the fields of a record."""
    if left.annotation != right.annotation:
        return _Rule(worst=Verdict.BREAKS)
    needed = [*zip(right.arguments, left.arguments, strict=False), *zip(left.results, right.results, strict=False)]
    missing = (*left.arguments[len(right.arguments) :], *right.results[len(left.results) :])
    return _Rule(needed, worst=min(_absences(nodes, missing), default=Verdict.FITS))
