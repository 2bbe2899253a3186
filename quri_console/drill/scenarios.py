"""The disasters that can be drilled, one for each page of the runbook that is about one."""

from __future__ import annotations

import difflib

from quri_console.drill.scenario import ByHand, Part, Scenario
from quri_console.effects.gate import OperationKind
from quri_console.errors import UsageError
from quri_console.units import HOUR_SECONDS

MINUTE_SECONDS = 60.0


def _kinds(*kinds: OperationKind) -> frozenset[OperationKind]:
    # a backup, a check of one's own, never makes it worse
    return frozenset({"backup", *kinds})


SCENARIOS: tuple[Scenario, ...] = (
    Scenario(
        name="out-of-cycles",
        title="A canister runs out of cycles",
        page="out-of-cycles",
        scene="low",
        task="The pager says that a canister will not last the week. Users notice nothing yet.",
        limit_seconds=5 * MINUTE_SECONDS,
        limit_of="seed",
        helps=_kinds("top-up"),
        steps=(Part("What you see"), Part("Do this")),
        alert="runway-short",
    ),
    Scenario(
        name="frozen",
        title="A canister is frozen",
        page="frozen",
        scene="frozen",
        task="Users report that nothing can be written any more. The pager went off a moment ago.",
        limit_seconds=5 * MINUTE_SECONDS,
        limit_of="ours",
        helps=_kinds("top-up"),
        steps=(Part("What you see"), Part("Do this"), Part("Afterwards")),
        alert="frozen",
    ),
    Scenario(
        name="failed-upgrade",
        title="An upgrade failed",
        page="failed-upgrade",
        scene="failed-upgrade",
        task='A colleague wrote: "The upgrade trapped, I tried something else, now it is stopped. Sorry. Please help!"',
        limit_seconds=15 * MINUTE_SECONDS,
        limit_of="seed",
        helps=_kinds("restore", "start"),
        steps=(Part("What you see"), Part("Do this (case 3)"), Part("Expect")),
        alert="stopped",
    ),
    Scenario(
        name="data-corruption",
        title="Data is corrupted",
        page="data-corruption",
        scene="corrupted",
        task="Support forwards three mails: the supply of some runes is shown as 0. No alert fires.",
        limit_seconds=HOUR_SECONDS,
        limit_of="seed",
        helps=_kinds("restore", "stop", "start"),
        steps=(
            Part("First: stop the damage from growing"),
            Part("Keep what there is"),
            Part("Find the last good backup"),
            Part("Restore it"),
            Part("Expect"),
        ),
    ),
    Scenario(
        name="stopped",
        title="A canister was stopped by mistake",
        page="stopped",
        scene="stopped",
        task="The frontend shows errors on every page since a minute ago. Nobody says that they did anything.",
        limit_seconds=5 * MINUTE_SECONDS,
        limit_of="ours",
        helps=_kinds("start"),
        steps=(Part("What you see"), Part("Do this"), Part("Expect")),
        alert="stopped",
    ),
    Scenario(
        name="emptied",
        title="A canister was emptied",
        page="emptied",
        scene="emptied",
        task="The pager went off. Users report that everything is gone.",
        limit_seconds=15 * MINUTE_SECONDS,
        limit_of="ours",
        helps=_kinds("top-up", "restore", "start"),
        steps=(Part("What you see"), Part("Do this"), Part("Expect")),
        alert="emptied",
    ),
    Scenario(
        name="deleted",
        title="A canister was deleted",
        page="deleted",
        scene="deleted",
        task="A clean-up script of a colleague went too far. The pager went off. The team has decided that a new id is "
        "acceptable.",
        limit_seconds=15 * MINUTE_SECONDS,
        limit_of="ours",
        helps=_kinds("create", "restore", "start"),
        steps=(Part("What you see"), Part("Do this"), ByHand("restore into the new one"), ByHand("name the new id")),
        alert="deleted",
    ),
    Scenario(
        name="controllers",
        title="A stranger has become a controller",
        page="controllers",
        scene="hijacked",
        task="The pager went off. You have asked around: nobody of the team changed anything today.",
        limit_seconds=15 * MINUTE_SECONDS,
        limit_of="ours",
        helps=_kinds("settings"),
        steps=(
            Part("Do this, when it was not planned and our key is still a controller", scene="hijacked"),
            Part("Expect", scene="hijacked"),
        ),
        alert="controllers-changed",
    ),
    Scenario(
        name="wrong-module",
        title="A wrong module was deployed",
        page="wrong-module",
        scene="wrong-module",
        task="The pager went off. No release was announced, and nobody knows this build. Entries of today must not be "
        "lost.",
        limit_seconds=15 * MINUTE_SECONDS,
        limit_of="ours",
        helps=_kinds("module"),
        steps=(Part("What you see"), Part("Do this"), Part("Expect")),
        alert="module-changed",
    ),
    Scenario(
        name="network",
        title="The boundary node makes trouble",
        page="network",
        scene="network",
        task="All canisters went silent at once. Say what is the matter, and do the right thing.",
        limit_seconds=15 * MINUTE_SECONDS,
        limit_of="ours",
        helps=frozenset(),
        steps=(
            Part("What you see"),
            Part("Do this", scene="network"),
            ByHand("wait until it is over"),
            Part("Do this", scene="fleet"),
        ),
        alert="unreachable",
    ),
    Scenario(
        name="lost-key",
        title="The operator's key is lost",
        page="lost-key",
        scene="lost-key",
        task="Nothing was stolen, but the key file of this machine is gone for good. A colleague is also a controller; "
        "the key that you put into the configuration is taken on as soon as it is there.",
        limit_seconds=HOUR_SECONDS,
        limit_of="ours",
        helps=_kinds(),
        steps=(
            Part("What you see"),
            Part("Lost: who else is a controller?"),
            Part("Put a new key in place", scene="lost-key"),
            ByHand("name the new key"),
            Part("Put a new key in place", scene="fleet"),
        ),
    ),
    Scenario(
        name="damaged-repository",
        title="The repository is damaged",
        page="damaged-repository",
        scene="damaged",
        task="The disk of the backups reported errors last night. Make sure that every canister can be restored.",
        limit_seconds=HOUR_SECONDS,
        limit_of="ours",
        helps=_kinds(),
        steps=(
            Part("What you see"),
            Part("First: repair"),
            Part("Then: be safe again"),
            Part("What is left"),
        ),
    ),
    Scenario(
        name="lost-machine",
        title="The machine is lost",
        page="lost-machine",
        scene="lost-machine",
        task="The machine that watched and kept the backups has burnt. There is a copy of repository, configuration "
        "and key in $COPY; $NEW is the home on your new machine. Be able to restore again.",
        limit_seconds=HOUR_SECONDS,
        limit_of="ours",
        helps=_kinds(),
        steps=(Part("Do this"),),
        on_machine=True,
    ),
)


def scenario(name: str) -> Scenario:
    """The scenario of that name, or the only one whose name begins so. Raises UsageError."""
    exact = [item for item in SCENARIOS if item.name == name]
    found = exact or [item for item in SCENARIOS if name and item.name.startswith(name)]
    if len(found) == 1:
        return found[0]
    close = difflib.get_close_matches(name, [item.name for item in SCENARIOS], n=1)
    meant = found[0].name if found else close[0] if close else ""
    hint = f"Did you mean {meant!r}? " if meant else ""
    raise UsageError(f"there is no drill {name!r}", next_step=f"{hint}`quri-console drill list` shows all of them.")
