"""`forget`, `prune` and `pin` as an operator or a timer runs them."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from quri_console.cli.pin import expiry
from quri_console.errors import UsageError
from quri_console.repository.local import LocalBackend
from quri_console.repository.marks import read_marks, standing
from quri_console.repository.trash import read_trash, remaining_set_names
from tests.support.command import Finished, invoke, write_config
from tests.support.kept_sets import DAY, KeptSets
from tests.support.repositories import small_repository

Capture = pytest.CaptureFixture[str]
FLEET = {"rune-engine": "pkrpq-5qaaa-aaaah-aroda-cai", "registry": "pnqje-qiaaa-aaaah-arodq-cai"}
CANISTERS = (
    f'[canisters.rune-engine]\nid = "{FLEET["rune-engine"]}"\ncriticality = "high"\n'
    f'[canisters.registry]\nid = "{FLEET["registry"]}"\ncriticality = "low"\n'
)
HOLDER = """
import sys
from pathlib import Path
from quri_console.clock import SystemClock
from quri_console.repository.local import LocalBackend
from quri_console.repository.locks import acquire
with acquire(LocalBackend(Path(sys.argv[1])), sys.argv[2], sys.argv[3], SystemClock()):
    print("held", flush=True)
    sys.stdin.read()
"""


class Bench:
    """A repository, its configuration, and commands run on it."""

    def __init__(self, folder: Path, capsys: Capture) -> None:
        self.kept = KeptSets.create(folder / "repository")
        self.kept.subjects = {name: f"0123456789abcdef/{identifier}" for name, identifier in FLEET.items()}
        self.folder = folder
        self.config = write_config(folder, more=CANISTERS)
        self._capsys = capsys

    def __call__(self, *arguments: str) -> Finished:
        return invoke(self._capsys, "--config", self.config, *arguments)

    def configure(self, more: str) -> None:
        self.config = write_config(self.folder, more=CANISTERS + more)

    def names(self) -> tuple[str, ...]:
        return remaining_set_names(LocalBackend(self.kept.root))

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "quri_console", "--config", str(self.config), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def holder(self, kind: str, holder: str) -> subprocess.Popen[str]:
        """A process that holds the repository's lock until its input ends."""
        process = subprocess.Popen(
            [sys.executable, "-c", HOLDER, str(self.kept.root), kind, holder],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        return process


@pytest.fixture
def bench(tmp_path: Path, capsys: Capture) -> Bench:
    return Bench(tmp_path, capsys)


def test_a_backup_is_forgotten_brought_back_and_pruned(bench: Bench) -> None:
    old, new = (bench.kept.take({"rune-engine": word}) for word in ("ab", "cd"))
    finished = bench("forget", old, "--reason", "taken by mistake")
    assert finished.code == 0
    assert f"forget  {old} (rune-engine): taken by mistake" in finished.output
    assert "`quri-console prune` deletes it after 7 d" in finished.output
    assert f"`quri-console forget --undo {old}` brings it back" in finished.output
    assert bench.names() == (new,)
    assert bench("forget", "--undo", old).output == f"{old} is back.\n"
    assert bench("forget", "--undo", old).output == f"{old} had not been forgotten.\n"
    assert bench.names() == (old, new)
    assert bench("forget", old).code == 0
    finished = bench("prune", "--grace", "0s", "--yes")
    assert finished.code == 0, finished.errors
    assert f"delete backup {old}" in finished.output
    assert "Freed 3" in finished.output
    assert bench.kept.open().set_names() == (new,)
    finished = bench("forget", "--undo", old)
    assert finished.code == 10
    assert "cannot be brought back" in finished.errors


def test_a_dry_run_of_forgetting_forgets_nothing(bench: Bench) -> None:
    old, new = (bench.kept.take({"rune-engine": word}) for word in ("ab", "cd"))
    finished = bench("forget", old, "--dry-run")
    assert "1 backup would be forgotten" in finished.output
    assert bench.names() == (old, new)


def test_a_policy_says_for_every_backup_why_it_stays_or_goes(bench: Bench) -> None:
    names = [bench.kept.take({"rune-engine": "a", "registry": "b"}) for _ in range(20)]
    bench.configure(
        "[retention.high]\nkeep_daily = 3\nkeep_weekly = 0\nkeep_monthly = 0\nkeep_yearly = 0\n"
        "[retention.low]\nkeep_daily = 1\nkeep_weekly = 0\nkeep_monthly = 0\n"
    )
    plan = bench("forget", "--policy", "--dry-run", "--json").json()
    assert [choice["backup"] for choice in plan["forgotten"]] == names[-4::-1]
    assert [choice["backup"] for choice in plan["kept"]] == names[:-4:-1]
    assert all("no rule keeps it" in choice["why"] for choice in plan["forgotten"])
    assert "daily 1 of 3" in plan["kept"][0]["why"]
    assert "rune-engine" in plan["kept"][1]["why"]
    assert bench.names() == tuple(names)
    assert bench("forget", "--policy").code == 0
    assert bench.names() == tuple(names[-3:])
    assert {mark.reason for mark in read_trash(LocalBackend(bench.kept.root)).sets.values()} == {"retention policy"}
    assert bench("forget", "--policy").output == "There is nothing to forget.\n"


def test_a_policy_leaves_what_is_protected_and_what_is_young(bench: Bench) -> None:
    first, second, third = (bench.kept.take({"rune-engine": word}) for word in ("a", "b", "c"))
    bench.kept.verified(first)
    bench.kept.mark(second, "pin", reason="the audit")
    one = "keep_last = 1\nkeep_daily = 0\nkeep_weekly = 0\nkeep_monthly = 0\nkeep_yearly = 0\n"
    bench.configure(f"[retention.high]\n{one}")
    plan = bench("forget", "--policy", "--dry-run", "--json").json()
    assert plan["forgotten"] == []
    why = {choice["backup"]: choice["why"] for choice in plan["kept"]}
    assert "last verified copy of rune-engine" in why[first]
    assert "pinned: the audit" in why[second]
    assert "last 1 of 1" in why[third]
    bench.kept.now += DAY
    bench.kept.verified(third)
    bench.configure(f'[retention.high]\n{one}minimum_age = "3650d"\n')
    assert "younger than" in bench("forget", "--policy", "--dry-run").output
    assert bench("forget", "--policy").code == 0
    assert bench.names() == (first, second, third)
    bench.configure(f"[retention.high]\n{one}")
    assert bench("forget", "--policy").code == 0
    assert bench.names() == (second, third)


def test_backups_of_canisters_that_left_the_configuration_are_kept_as_medium_ones(bench: Bench) -> None:
    bench.kept.subjects = {}
    names = [bench.kept.take({"gone": "a"}) for _ in range(3)]
    bench.configure("[retention.medium]\nkeep_last = 2\nkeep_weekly = 0\nkeep_monthly = 0\nkeep_yearly = 0\n")
    assert bench("forget", "--policy").code == 0
    assert bench.names() == tuple(names[1:])


def test_sets_of_records_alone_take_no_copys_place_in_a_policy(bench: Bench) -> None:
    whole = bench.kept.take({"rune-engine": "a"})
    bench.kept.now += DAY
    for _ in range(2):
        bench.kept.now += DAY
        writer, items = bench.kept.begin({"rune-engine": "a"})
        writer.discard("rune-engine")
        writer.put_record("rune-engine", "status.toml", b"seen, not copied")
        bare = writer.commit(items, {}).name
    bench.configure(
        "[retention.high]\nkeep_last = 1\nkeep_daily = 0\nkeep_weekly = 0\nkeep_monthly = 0\nkeep_yearly = 0\n"
    )
    assert bench("forget", "--policy").code == 0
    assert bench.names() == (whole, bare)


def test_a_damaged_backup_takes_no_whole_ones_place_in_a_policy(bench: Bench) -> None:
    whole, damaged = (bench.kept.take({"rune-engine": word}) for word in ("a", "b"))
    bench.kept.verified(damaged, ok=False)
    bench.configure(
        "[retention.high]\nkeep_last = 1\nkeep_daily = 0\nkeep_weekly = 0\nkeep_monthly = 0\nkeep_yearly = 0\n"
    )
    assert bench("forget", "--policy").code == 0
    assert bench.names() == (whole, damaged)


@pytest.mark.parametrize(
    "arguments",
    [(), ("20250124T020000Z", "--policy"), ("--policy", "--undo"), ("20250124T020000Z", "--undo", "--dry-run")],
)
def test_forget_takes_names_or_the_policy(bench: Bench, arguments: tuple[str, ...]) -> None:
    assert bench("forget", *arguments).code == 2


def test_what_is_forgotten_already_stays_so_and_since_when_is_told(bench: Bench) -> None:
    old, middle, _ = (bench.kept.take({"rune-engine": word}) for word in ("ab", "cd", "ef"))
    bench.kept.forget(old)
    mark = (bench.kept.root / f"trash/sets/{old}.toml").read_bytes()
    finished = bench("forget", old, "--reason", "again")
    assert finished.code == 0
    assert finished.output == f"{old} is forgotten already, since {bench.kept.now:%Y-%m-%d %H:%M:%S} UTC.\n"
    assert (bench.kept.root / f"trash/sets/{old}.toml").read_bytes() == mark
    document = bench("forget", old, middle, "--json").json()
    assert document["already_forgotten"] == [{"backup": old, "since": bench.kept.now.isoformat()}]
    assert [choice["backup"] for choice in document["forgotten"]] == [middle]


def test_undo_without_a_name_points_to_the_list_of_forgotten_backups(bench: Bench) -> None:
    finished = bench("forget", "--undo")
    assert finished.code == 2
    assert "quri-console list --all" in finished.errors


def test_latest_can_be_forgotten_and_is_named(bench: Bench) -> None:
    old, new = (bench.kept.take({"rune-engine": word}) for word in ("a", "b"))
    finished = bench("forget", "latest")
    assert (finished.code, f"forget  {new} (rune-engine)" in finished.output) == (0, True)
    assert bench.names() == (old,)


def test_how_a_name_begins_is_not_enough_to_forget_a_backup(bench: Bench) -> None:
    names = [bench.kept.take({"rune-engine": word}) for word in ("a", "b")]
    finished = bench("forget", names[0][:8])
    assert (finished.code, names[0] in finished.errors) == (10, True)
    assert bench.names() == tuple(names)


@pytest.mark.parametrize(
    "arguments",
    [("forget", "{}"), ("forget", "--undo", "{}"), ("pin", "{}", "--reason", "x"), ("verify", "{}"), ("show", "{}"),
     ("ls", "{}"), ("cat", "{}/x/y"), ("archive", "{}"), ("diff", "{}", "{}"), ("export", "{}", "x", "--to", "y")],
)  # fmt: skip
def test_a_backup_that_is_not_there_has_one_exit_code_in_every_command(
    bench: Bench, arguments: tuple[str, ...]
) -> None:
    bench.kept.take({"rune-engine": "a"})
    assert bench(*(argument.format("19990101T000000Z") for argument in arguments)).code == 10


def test_what_a_safety_rule_forbids_ends_with_its_exit_code_and_the_way_on(bench: Bench) -> None:
    only = bench.kept.take({"rune-engine": "a"})
    for arguments in (("forget", only), ("forget", only, "--dry-run")):
        finished = bench(*arguments)
        assert finished.code == 14
        assert f"last backup of {FLEET['rune-engine']}" in finished.errors
        assert "Next:" in finished.errors


def test_a_read_only_console_forgets_prunes_and_pins_nothing(bench: Bench) -> None:
    old, _ = (bench.kept.take({"rune-engine": word}) for word in ("ab", "cd"))
    for arguments in (("forget", old), ("forget", "--undo", old), ("prune", "--yes"), ("pin", old, "--reason", "x")):
        finished = bench("--read-only", *arguments)
        assert finished.code == 14
        assert "read-only" in finished.errors
    assert bench("--read-only", "forget", old, "--dry-run").code == 0
    assert bench("--read-only", "prune", "--dry-run").code == 0


def test_a_dry_run_of_a_prune_says_bytes_and_reasons_now_and_later(bench: Bench) -> None:
    first, second, _ = (bench.kept.take({"rune-engine": word}) for word in ("abcdefgh", "hi", "hj"))
    bench.kept.forget(first)
    assert bench("forget", second).code == 0
    finished = bench("prune", "--dry-run")
    assert finished.code == 0
    assert f"delete backup {first}" in finished.output
    assert "by eva@console: old" in finished.output
    assert "repack pack" in finished.output
    assert "mark 1 pack" in finished.output
    assert "Later, 7 d after each was marked or forgotten" in finished.output
    assert f"wait backup {second}" in finished.output
    assert "nothing was changed" in finished.output
    plan = bench("prune", "--dry-run", "--json").json()
    result = bench("prune", "--yes", "--json").json()
    assert result["freed_bytes"] == plan["freed_now_bytes"] > 0
    assert [item["backup"] for item in result["backups_deleted"]] == [first]
    assert plan["freed_later_bytes"] == result["freed_later_bytes"]


def test_a_refused_prune_says_why_in_a_dry_run_and_changes_nothing(bench: Bench) -> None:
    name = bench.kept.take({"rune-engine": "ab"})
    bench.kept.damage(f"backups/{name}/rune-engine/memory.chunks")
    for arguments in (("prune", "--dry-run"), ("prune", "--yes"), ("prune",)):
        finished = bench(*arguments)
        assert finished.code == 14
        assert f"Backup {name} is damaged" in finished.output + finished.errors
    assert bench("prune", "--dry-run", "--json").json()["refusals"][0]["backup"] == ""


def test_a_prune_that_nobody_can_be_asked_about_needs_yes(bench: Bench) -> None:
    old, _ = (bench.kept.take({"rune-engine": word}) for word in ("ab", "cd"))
    bench.kept.forget(old)
    finished = bench("prune")
    assert finished.code == 2
    assert "--yes" in finished.errors
    assert old in bench.kept.open().set_names()


@pytest.mark.parametrize(("answer", "code", "stays"), [("y\n", 0, False), ("n\n", 130, True), ("\n", 130, True)])
def test_an_operator_is_asked_before_anything_goes_for_good(bench: Bench, answer: str, code: int, stays: bool) -> None:
    old, _ = (bench.kept.take({"rune-engine": word}) for word in ("ab", "cd"))
    bench.kept.forget(old)
    ours, theirs = pty.openpty()
    try:
        process = subprocess.Popen(
            [sys.executable, "-m", "quri_console", "--config", str(bench.config), "prune"],
            stdin=theirs,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        os.write(ours, answer.encode())
        output, errors = process.communicate(timeout=60)
    finally:
        os.close(ours)
        os.close(theirs)
    assert process.returncode == code, errors
    assert f"delete backup {old}" in output
    assert "Delete this for good?" in output + errors
    assert (old in bench.kept.open().set_names()) == stays


def test_marking_alone_needs_no_consent(bench: Bench) -> None:
    old, _ = (bench.kept.take({"rune-engine": word}) for word in ("ab", "cd"))
    assert bench("forget", old).code == 0
    assert bench("prune").code == 0
    assert list((bench.kept.root / "trash/packs").iterdir())


def test_the_grace_of_the_configuration_holds(bench: Bench) -> None:
    old, _ = (bench.kept.take({"rune-engine": word}) for word in ("ab", "cd"))
    bench.kept.forget(old)
    bench.configure('[retention]\ngrace = "3650d"\n')
    assert bench("prune", "--yes").code == 0
    assert old in bench.kept.open().set_names()
    assert bench("prune", "--yes", "--grace", "1d").code == 0
    assert old not in bench.kept.open().set_names()


def test_an_encrypted_repository_is_not_pruned_without_its_key(tmp_path: Path, capsys: Capture) -> None:
    made = small_repository(tmp_path / "repository", encrypted=True)
    finished = invoke(capsys, "--config", write_config(tmp_path), "prune", "--yes")
    assert finished.code == 12
    assert made.refused_items() == frozenset()


def test_nothing_is_pruned_where_there_is_no_repository(tmp_path: Path, capsys: Capture) -> None:
    assert invoke(capsys, "--config", write_config(tmp_path), "prune", "--dry-run").code == 10


@pytest.mark.parametrize(("kind", "holder"), [("shared", "backup 01OPERATION"), ("exclusive", "prune")])
def test_a_prune_beside_a_backup_or_another_prune_is_refused_naming_it(bench: Bench, kind: str, holder: str) -> None:
    old, _ = (bench.kept.take({"rune-engine": word}) for word in ("ab", "cd"))
    bench.kept.forget(old)
    other = bench.holder(kind, holder)
    try:
        for arguments in (("prune", "--yes"), ("prune",), ("forget", old)):
            finished = bench(*arguments)
            assert finished.code == 11
            assert holder in finished.errors
            assert f"process {other.pid}" in finished.errors
        assert bench("pin", old, "--reason", "why").code == (0 if kind == "shared" else 11)
    finally:
        other.communicate("", timeout=60)
    assert old in bench.kept.open().set_names()


def test_a_lock_of_a_process_that_was_killed_holds_up_nobody(bench: Bench) -> None:
    old, _ = (bench.kept.take({"rune-engine": word}) for word in ("ab", "cd"))
    bench.kept.forget(old)
    other = bench.holder("shared", "backup 01OPERATION")
    other.kill()
    other.communicate(timeout=60)
    assert bench("prune", "--yes").code == 0
    assert old not in bench.kept.open().set_names()


def test_two_prunes_at_once_end_one_after_the_other(bench: Bench) -> None:
    old, wasted, new = (bench.kept.take({"rune-engine": word}) for word in ("abcdef", "ghijkl", "fgxy"))
    bench.kept.forget(old, wasted)
    both = [bench.start("prune", "--yes", "--wait", "2m", "--grace", "0s", "--json") for _ in range(2)]
    ended = [(process.communicate(timeout=120), process.returncode) for process in both]
    assert [code for _, code in ended] == [0, 0], ended
    freed = sorted(json.loads(output)["freed_bytes"] for (output, _), _ in ended)
    assert freed[0] == 0
    assert freed[1] > 10 * 16384
    assert bench.kept.read(new) == {"rune-engine": "fgxy"}
    assert bench.kept.open().set_names() == (new,)
    assert list((bench.kept.root / "locks").iterdir()) == []


def test_a_backup_is_pinned_held_and_let_go_again(bench: Bench) -> None:
    old, new = (bench.kept.take({"rune-engine": word}) for word in ("ab", "cd"))

    def stands(name: str) -> tuple[bool, bool]:
        found = standing(*read_marks(LocalBackend(bench.kept.root), name), datetime.now(UTC))
        return found.pinned, found.held

    assert bench("pin", "latest", "--reason", "before the migration", "--expires", "90d").code == 0
    assert stands(new) == (True, False)
    pinned = bench("pin", old, "--reason", "the audit", "--json").json()
    assert pinned == {"backup": old, "action": "pin", "reason": "the audit", "expires_at": None}
    assert bench("pin", old, "--hold", "--reason", "case 17").code == 0
    assert stands(old) == (True, True)
    assert bench("pin", old, "--undo").code == 0
    assert bench("forget", old).code == 14
    assert bench("pin", old, "--hold", "--undo", "--reason", "closed").code == 0
    assert stands(old) == (False, False)
    assert bench("forget", old).code == 0


@pytest.mark.parametrize(
    "arguments",
    [
        ("pin", "latest"),
        ("pin", "latest", "--hold"),
        ("pin", "latest", "--hold", "--expires", "1d", "--reason", "x"),
        ("pin", "latest", "--expires", "soon", "--reason", "x"),
        ("pin", "latest", "--expires", "2001-01-01", "--reason", "x"),
        ("pin", "latest", "--undo"),
    ],
)
def test_a_pin_that_makes_no_sense_is_a_usage_error(bench: Bench, arguments: tuple[str, ...]) -> None:
    bench.kept.take({"rune-engine": "ab"})
    assert bench(*arguments).code == 2
    assert not (bench.kept.root / "marks").exists()


def test_what_is_not_there_cannot_be_pinned(bench: Bench) -> None:
    bench.kept.take({"rune-engine": "ab"})
    finished = bench("pin", "19990101T000000Z", "--reason", "x")
    assert finished.code == 10
    assert "There is no backup 19990101T000000Z" in finished.errors


NOW = datetime(2025, 1, 24, 2, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("90d", NOW + timedelta(days=90)),
        ("2025-12-31", datetime(2026, 1, 1, tzinfo=UTC)),
        ("2025-12-31T12:00", datetime(2025, 12, 31, 12, tzinfo=UTC)),
        ("2025-12-31T12:00+02:00", datetime(2025, 12, 31, 10, tzinfo=UTC)),
    ],
)
def test_a_pin_ends_after_a_duration_a_day_or_at_a_moment(text: str, moment: datetime) -> None:
    assert expiry(text, NOW) == moment


@pytest.mark.parametrize("text", ["", "9999999w", "9999-12-31", "2025-13-01", "tomorrow", "20251231T1200Zx"])
def test_what_is_neither_a_duration_nor_a_date_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        expiry(text, NOW)
