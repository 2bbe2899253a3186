from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from quri_console.effects.lock import lock_holder, operate_lock
from quri_console.errors import ExitCode, LockedError

NETWORK, OTHER_NETWORK = bytes(32), b"\x01" * 32
CANISTER = "pkrpq-5qaaa-aaaah-aroda-cai"
HOLD = """
import sys
from pathlib import Path
from quri_console.effects.lock import operate_lock
with operate_lock(Path(sys.argv[1]), bytes(32), sys.argv[2], "first"):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_one_operation_at_a_time_on_one_canister(tmp_path: Path) -> None:
    with operate_lock(tmp_path, NETWORK, CANISTER, "first"):
        with (
            pytest.raises(LockedError, match="another operation works on") as refusal,
            operate_lock(tmp_path, NETWORK, CANISTER, "second"),
        ):
            pytest.fail("two operations hold one canister")
        assert refusal.value.exit_code == ExitCode.LOCKED
        assert "operation first in process" in refusal.value.why
        assert "first" in str(lock_holder(tmp_path, NETWORK, CANISTER))
        with operate_lock(tmp_path, OTHER_NETWORK, CANISTER, "elsewhere"):
            pass
    assert lock_holder(tmp_path, NETWORK, CANISTER) is None
    with operate_lock(tmp_path, NETWORK, CANISTER, "second"):
        pass


def test_a_killed_holder_holds_nothing(tmp_path: Path, checkout: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path), CANISTER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=checkout,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"held\n"
    with pytest.raises(LockedError), operate_lock(tmp_path, NETWORK, CANISTER, "second"):
        pytest.fail("the lock of a living process was taken")
    process.kill()
    process.communicate()
    with operate_lock(tmp_path, NETWORK, CANISTER, "second"):
        pass
