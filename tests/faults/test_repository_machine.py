"""Random lives of a repository against a model: every listed backup reads back bit for bit, or is named as damaged."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from quri_console.clock import ManualClock, utc_datetime
from quri_console.errors import RefusedBySafetyRule
from quri_console.repository.archive import PackSizes, write_archive
from quri_console.repository.archive_reading import open_archive
from quri_console.repository.backend import Backend
from quri_console.repository.check import check_repository
from quri_console.repository.check_data import DataOptions
from quri_console.repository.local import LocalBackend
from quri_console.repository.locks import acquire
from quri_console.repository.prune import plan_prune
from quri_console.repository.prune_execute import execute_prune
from quri_console.repository.sets import SetItem
from quri_console.repository.store import Repository, RepositoryFacts, create_repository
from quri_console.repository.trash import forget, unforget
from quri_console.repository.vault import EncryptedVault, Keyring, Vault
from tests.support.cut_off_files import CutOffFiles, Killed
from tests.support.repositories import (
    CHUNK_BYTES,
    KEYRING,
    MASTER_ID,
    MadeItem,
    MadeRepository,
    SetContent,
    made_up_bytes,
    subject,
)

HOUR_NS = 3600 * 10**9
GRACE = timedelta(hours=3)
FOLDERS = ("alpha", "beta")


@dataclass
class Living(MadeRepository):
    """A repository whose clock only goes on, and whose master key may be rotated."""

    clock_ns: int = 1_737_684_000 * 10**9
    current: bytes = MASTER_ID
    keyring: Keyring = KEYRING

    @property
    def now_ns(self) -> int:
        return self.clock_ns

    def _unlock(self, _backend: Backend, facts: RepositoryFacts) -> Vault:
        return EncryptedVault(bytes.fromhex(facts.id), self.keyring, self.current, self.randomness)

    def rotate(self) -> None:
        """A new master key for what comes; older ones stay."""
        self.current = self.randomness(16)
        self.keyring = Keyring(self.keyring.id_key, {**self.keyring.masters, self.current: self.randomness(32)})

    def open_on(self, files: CutOffFiles) -> Repository:
        """The repository as a process sees it that dies after so many operations."""
        backend = LocalBackend(self.path, files)
        return Repository.open(backend, unlock=self.unlock, clock=ManualClock(self.now_ns))


class RepositoryMachine(RuleBasedStateMachine):
    """What operators and accidents do to a repository."""

    encrypted = False

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="machine-"))
        self.made = Living(self.folder / "repository", self.encrypted)
        self.forgotten: dict[str, int] = {}
        self.states = {folder: made_up_bytes(number, 14 * CHUNK_BYTES + 33) for number, folder in enumerate(FOLDERS)}

    @initialize()
    def begin(self) -> None:
        create_repository(
            LocalBackend(self.made.path),
            clock=ManualClock(self.made.now_ns),
            randomness=self.made.randomness,
            encryption="aes-256-gcm" if self.encrypted else "none",
        )

    def teardown(self) -> None:
        shutil.rmtree(self.folder)

    def content(self) -> SetContent:
        """A set of the canisters as they are now."""
        return {name: MadeItem({"wasm_memory": data}, {"status.toml": b"x"}) for name, data in self.states.items()}

    @rule(folder=st.sampled_from(FOLDERS), page=st.integers(0, 13), seed=st.integers(0, 5))
    def mutate(self, folder: str, page: int, seed: int) -> None:
        data, start = self.states[folder], page * CHUNK_BYTES
        new = bytes(CHUNK_BYTES) if seed == 0 else made_up_bytes(100 + seed, CHUNK_BYTES)
        self.states[folder] = data[:start] + new + data[start + CHUNK_BYTES :]

    @rule()
    def capture(self) -> None:
        self.made.clock_ns += HOUR_NS
        self.made.add_set(self.content())

    @rule(survives=st.integers(0, 90))
    def capture_that_is_killed(self, survives: int) -> None:
        self.made.clock_ns += HOUR_NS
        content = self.content()
        name = None
        try:
            repository = self.made.open_on(CutOffFiles(survives))
            writer = self.made.begin_set(content, repository)
            name = writer.name
            writer.commit([SetItem(folder, subject(folder), {"name": folder}) for folder in content], {"tool": "test"})
        except Killed:
            committed = self.made.open().set_names()
            if name is not None and name in committed:
                self.made.contents[name] = content
        else:
            self.made.contents[writer.name] = content

    @precondition(lambda self: self.made.open().unfinished_names())
    @rule()
    def abandon_what_was_interrupted(self) -> None:
        repository = self.made.open()
        for name in repository.unfinished_names():
            repository.resume_set(name).abandon()
        assert self.made.open().unfinished_names() == ()

    @precondition(lambda self: len(self.made.contents) > len(self.forgotten) + 1)
    @rule(data=st.data())
    def forget_one(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from([name for name in self.made.contents if name not in self.forgotten]))
        repository = self.made.open()
        try:
            with acquire(repository.backend, "exclusive", "forget", repository.clock):
                forget(repository, [name], by="machine", reason="test", now=utc_datetime(self.made.now_ns))
        except RefusedBySafetyRule:
            return
        self.forgotten[name] = self.made.now_ns

    @precondition(lambda self: self.forgotten)
    @rule(data=st.data())
    def bring_one_back(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(sorted(self.forgotten)))
        repository = self.made.open()
        with acquire(repository.backend, "exclusive", "forget", repository.clock):
            assert unforget(repository, [name]) == (name,)
        del self.forgotten[name]

    @rule(hours=st.integers(0, 5), survives=st.one_of(st.none(), st.integers(0, 60)))
    def prune(self, hours: int, survives: int | None) -> None:
        self.made.clock_ns += hours * HOUR_NS
        repository = self.made.open_on(CutOffFiles(survives))
        now = utc_datetime(self.made.now_ns)
        try:
            with acquire(repository.backend, "exclusive", "prune", repository.clock) as lock:
                plan = plan_prune(repository, now=now, grace=GRACE, repack_share=0.3)
                if plan.refusals:
                    return
                execute_prune(repository, plan, lock)
        except Killed:
            # whoever comes next meets the lock of a process that still lives, because it is this one
            for entry in list(LocalBackend(self.made.path).list("locks")):
                LocalBackend(self.made.path).delete(entry.name)
        left = set(self.made.open().set_names())
        for name in [name for name in self.made.contents if name not in left]:
            assert name in self.forgotten, f"{name} was pruned although nobody forgot it"
            assert self.made.now_ns - self.forgotten[name] >= GRACE.total_seconds() * 10**9
            del self.forgotten[name], self.made.contents[name]

    @precondition(lambda self: self.encrypted)
    @rule()
    def rotate(self) -> None:
        self.made.rotate()

    @precondition(lambda self: self.made.contents)
    @rule(data=st.data())
    def archive(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(sorted(self.made.contents)))
        path = self.folder / f"{name}.tar.zst"
        path.unlink(missing_ok=True)
        write_archive(self.made.open(), name, path, sizes=PackSizes(1024, 4096))
        with open_archive(path, self.folder / "cache", unlock=self.made.unlock) as opened:
            for folder, item in self.made.contents[name].items():
                assert self.made.read_item(opened, name, folder) == item

    @precondition(lambda self: self.made.contents)
    @rule(data=st.data())
    def tamper(self, data: st.DataObject) -> None:
        """One byte is turned; what cannot be read then is named by a check; the byte is turned back."""
        files = [path for path in self.made.files() if path.parts[0] in ("packs", "index", "backups")]
        victim = self.made.path / data.draw(st.sampled_from(files))
        original = victim.read_bytes()
        position = data.draw(st.integers(0, len(original) - 1))
        victim.write_bytes(original[:position] + bytes([original[position] ^ 0x40]) + original[position + 1 :])
        try:
            refused = self.made.refused_items()
            report = check_repository(self.made.open(), DataOptions())
            named = {(item.set_name, item.folder) for item in report.affected}
            listed = set(self.made.open().set_names())
            # a set whose manifest is gone from the list has no folders to name
            assert {item for item in refused if item[0] in listed} <= named | {
                (s, f) for s, f in refused if (s, "") in named
            }
            assert report.damages or "unfinished" in victim.parts or self._is_nobodys(victim)
        finally:
            victim.write_bytes(original)

    def _is_nobodys(self, victim: Path) -> bool:
        """Whether a file belongs to no committed set: what an interrupted run left."""
        parts = victim.relative_to(self.made.path).parts
        return parts[0] == "backups" and parts[1] not in self.made.open().set_names()

    @invariant()
    def every_backup_reads_back(self) -> None:
        if not (self.made.path / "repository.toml").exists():
            return
        assert set(self.made.open().set_names()) == set(self.made.contents)
        assert self.made.refused_items() == frozenset()


class EncryptedMachine(RepositoryMachine):
    """The same with everything encrypted."""

    encrypted = True


SOME = settings(
    max_examples=8, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck), print_blob=True
)
MANY = settings(SOME, max_examples=150, stateful_step_count=60)


@pytest.mark.parametrize("machine", [RepositoryMachine, EncryptedMachine])
def test_a_repository_keeps_its_promises_whatever_happens(machine: type[RepositoryMachine]) -> None:
    from hypothesis.stateful import run_state_machine_as_test

    run_state_machine_as_test(machine, settings=SOME)


@pytest.mark.sweep
@pytest.mark.timeout(3000)
@pytest.mark.parametrize("machine", [RepositoryMachine, EncryptedMachine])
def test_a_repository_keeps_its_promises_through_many_long_lives(machine: type[RepositoryMachine]) -> None:
    from hypothesis.stateful import run_state_machine_as_test

    run_state_machine_as_test(machine, settings=MANY)
