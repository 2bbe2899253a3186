"""Legacy backups as the bash scripts and dfx of several ages wrote them."""

from __future__ import annotations

import hashlib
import tarfile
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

DfxAge = Literal["new", "middle", "old"]

STAMP = "20250124_030007"
"""Two o'clock UTC, in the local time of Berlin."""
BACKUP_DATE = "2025-01-24T02:00:09Z"
CONTROLLERS = ("rrkah-fqaaa-aaaaa-aaaaq-cai", "ryjl3-tyaaa-aaaaa-aaaba-cai")
IDS = {
    "rune-engine": "pkrpq-5qaaa-aaaah-aroda-cai",
    "registry": "pnqje-qiaaa-aaaah-arodq-cai",
    "bitcoin-integration": "yz6hf-qqaaa-aaaah-arn5a-cai",
    "identity-manager": "y67br-5iaaa-aaaah-arn5q-cai",
}
MODULE_HASH = hashlib.sha256(b"module").hexdigest()
NOT_A_CONTROLLER = """\
Error: Failed to get canister status for 'registry'.
Caused by: The replica returned a rejection error: reject code CanisterError, reject message \
Only controllers of canister pnqje-qiaaa-aaaah-arodq-cai can call ic00 method canister_status, error code Some("IC0512")
"""
NO_SUCH_METHOD = """\
Error: Failed query call.
Caused by: The replica returned a rejection error: reject code DestinationInvalid, reject message \
Canister has no query method 'backup_data'., error code Some("IC0536")
"""
EXPORT = '(\n  record {\n    runes = vec { record { "UNCOMMON•GOODS"; 21_000_000 : nat } };\n  },\n)\n'
EXPORT_WARNING = "WARN: Cannot fetch Candid interface for export_state, sending arguments with inferred types.\n"


@dataclass(frozen=True)
class LegacyCanisterTexts:
    """What the scripts captured of one canister; None leaves that file out."""

    name: str
    canister_id: str
    status: str | None
    info: str | None
    metrics: str | None
    export: str | None = NO_SUCH_METHOD

    def files(self) -> dict[str, str]:
        """File names and contents."""
        texts = {"status": self.status, "info": self.info, "metrics": self.metrics, "export": self.export}
        return {f"{self.name}_{kind}.txt": text for kind, text in texts.items() if text is not None}


def status_text(name: str = "rune-engine", age: DfxAge = "new", *, module: bool = True) -> str:
    """The output of `dfx canister status NAME`."""
    lines = {
        "new": (
            "Memory allocation: 0 Bytes",
            "Compute allocation: 0 %",
            "Freezing threshold: 2_592_000 Seconds",
            "Idle cycles burned per day: 7_114_022_219 Cycles",
            "Memory Size: 72_770_912 Bytes",
            "Balance: 492_000_000_000 Cycles",
            "Reserved: 0 Cycles",
            "Reserved cycles limit: 5_000_000_000_000 Cycles",
            "Wasm memory limit: 3_221_225_472 Bytes",
            "Wasm memory threshold: 0 Bytes",
            _module_line(module),
            "Number of queries: 17",
            "Instructions spent in queries: 4_200",
            "Total query request payload size: 340 Bytes",
            "Total query response payload size: 1_024 Bytes",
            "Log visibility: controllers",
        ),
        "middle": (
            "Memory allocation: 0",
            "Compute allocation: 0",
            "Freezing threshold: 2_592_000",
            "Memory Size: Nat(72770912)",
            "Balance: 492_000_000_000 Cycles",
            "Reserved: 0 Cycles",
            "Reserved Cycles Limit: 5_000_000_000_000 Cycles",
            "WASM Memory Limit: 0 Bytes",
            _module_line(module),
            "Number of queries: 17",
            "Instructions spent in queries: 4_200",
            "Total query request payload size (bytes): 340",
            "Total query response payload size (bytes): 1_024",
        ),
        "old": (
            "Memory allocation: 0",
            "Compute allocation: 0",
            "Freezing threshold: 2_592_000",
            "Memory Size: Nat(72770912)",
            "Balance: 492_000_000_000 Cycles",
            _module_line(module),
        ),
    }
    head = (
        f"Canister status call result for {name}.",
        "Status: Running",
        f"Controllers: {' '.join(CONTROLLERS)}",
    )
    return "\n".join((*head, *lines[age])) + "\n"


def _module_line(module: bool) -> str:
    return f"Module hash: {f'0x{MODULE_HASH}' if module else 'None'}"


def canister_texts(name: str = "rune-engine", age: DfxAge = "new") -> LegacyCanisterTexts:
    """The four files of a canister that answered, but exports nothing."""
    status = status_text(name, age)
    wanted = ("Status:", "Memory Size:", "Balance:", "Module hash:")
    measured = [line for line in status.splitlines() if line.startswith(wanted)]
    return LegacyCanisterTexts(
        name,
        IDS[name],
        status,
        f"Controllers: {' '.join(CONTROLLERS)}\nModule hash: 0x{MODULE_HASH}\n",
        "\n".join((f"Canister: {name}", f"ID: {IDS[name]}", f"Timestamp: {BACKUP_DATE}", "", *measured)) + "\n",
    )


def failing_canister_texts(name: str = "registry") -> LegacyCanisterTexts:
    """The files of a canister of which the identity is no controller."""
    texts = canister_texts(name)
    header = "\n".join((texts.metrics or "").splitlines()[:3]) + "\n"
    return replace(texts, status=NOT_A_CONTROLLER, info=NOT_A_CONTROLLER, metrics=header)


@dataclass(frozen=True)
class LegacyRun:
    """One run of backup-canisters.sh."""

    canisters: tuple[LegacyCanisterTexts, ...] = field(default_factory=lambda: (canister_texts(),))
    stamp: str = STAMP
    backup_date: str | None = BACKUP_DATE
    network: str = "ic"
    manifest: bool = True
    others: dict[str, str] = field(default_factory=dict)

    def files(self) -> dict[str, str]:
        """File names and contents of the directory."""
        files = {name: text for canister in self.canisters for name, text in canister.files().items()}
        if self.manifest:
            files["MANIFEST.txt"] = self._manifest_text(files)
        return files | self.others

    def _manifest_text(self, files: dict[str, str]) -> str:
        date = () if self.backup_date is None else (f"Backup Date: {self.backup_date}",)
        listed = (f"- {canister.name}: {canister.canister_id}" for canister in self.canisters)
        sizes = (f"-rw-r--r-- 1 quri quri {len(text):>4} Jan 24 03:00 {name}" for name, text in sorted(files.items()))
        head = ("QURI Protocol Backup", "====================", *date, f"Network: {self.network}")
        return "\n".join((*head, "", "Canisters:", *listed, "", "Files:", "total 48K", *sizes)) + "\n"


def write_directory(parent: Path, run: LegacyRun | None = None) -> Path:
    """`parent/STAMP/` with the files of a run."""
    run = run or LegacyRun()
    folder = parent / run.stamp
    folder.mkdir(parents=True)
    for name, text in run.files().items():
        (folder / name).write_text(text)
    return folder


def write_archive(parent: Path, run: LegacyRun | None = None, *, keep_directory: bool = False) -> Path:
    """`parent/STAMP.tar.gz` as `tar -czf` makes it; `keep_directory`: the run was cut off before `rm`."""
    folder = write_directory(parent, run)
    archive = parent / f"{folder.name}.tar.gz"
    with tarfile.open(archive, "w:gz", format=tarfile.GNU_FORMAT) as tar:
        tar.add(folder, folder.name)
    if not keep_directory:
        for path in folder.iterdir():
            path.unlink()
        folder.rmdir()
    return archive
