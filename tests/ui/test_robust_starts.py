"""The console started where something is missing: real processes, clear words, the right code, never a traceback."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.support.consoles import FLEET, closed_port, write_config
from tests.support.privileges import as_nobody, folder_of_nobody, give_to_nobody, small_disk
from tests.support.pty_console import PtyConsole

pytestmark = pytest.mark.timeout(120)

COMMAND = (sys.executable, "-m", "quri_console")
AS_A_STRANGER = ("setpriv", "--reuid=54321", "--regid=54321", "--clear-groups")
"""Somebody whom the system's list of users does not have, as in a container."""
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else, or mount a disk")


def configured(folder: Path) -> Path:
    return write_config(folder, url=f"http://127.0.0.1:{closed_port()}")


def history_of(folder: Path) -> Path:
    path = folder / "root" / "state" / "history.sqlite"
    path.parent.mkdir(parents=True)
    return path


def quit_well(console: PtyConsole) -> None:
    console.press("q")
    console.seconds_to_end()
    assert console.process.returncode == 0
    assert b"Traceback" not in console.received


def told(argv: Sequence[str], **options: object) -> subprocess.CompletedProcess[str]:
    """The end of a command without a terminal."""
    return subprocess.run(argv, check=False, capture_output=True, text=True, timeout=60, **options)  # type: ignore[call-overload, no-any-return]


class TestNoTerminal:
    @pytest.mark.parametrize("closed", [">&-", "<&-", "2>&-", "<&- >&-", "<&- >&- 2>&-"])
    def test_closed_streams_are_no_terminal_and_no_failure_of_ours(self, tmp_path: Path, closed: str) -> None:
        config = configured(tmp_path)
        done = told(["sh", "-c", f'exec "$@" {closed}', "sh", *COMMAND, "--config", str(config)])
        assert done.returncode == 2, done
        assert "Traceback" not in done.stderr
        assert "itself failed" not in done.stderr
        if "2>&-" not in closed:
            assert "the console needs a terminal" in done.stderr
            assert "quri-console status" in done.stderr

    def test_a_command_with_closed_streams_writes_into_no_file_of_ours(self, tmp_path: Path) -> None:
        """The history would be opened under the number of the closed stream."""
        config = configured(tmp_path)
        done = told(["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", *COMMAND, "--config", str(config), "status", "--live"])
        assert done.returncode == 16, "the network does not answer"
        with sqlite3.connect(tmp_path / "root" / "state" / "history.sqlite") as connection:
            assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)

    def test_a_pipe_is_told_which_command_to_use(self, tmp_path: Path) -> None:
        config = configured(tmp_path)
        with PtyConsole([], argv=["sh", "-c", f"{' '.join(COMMAND)} --config {config} | cat; echo after"]) as console:
            screen = console.wait_for("after")
        assert "the console needs a terminal" in screen
        assert "quri-console status" in screen

    def test_a_dumb_terminal_is_told_which_command_to_use(self, tmp_path: Path) -> None:
        with PtyConsole(["--config", str(configured(tmp_path))], environment={"TERM": "dumb"}) as console:
            screen = console.wait_until_ended()
        assert console.process.returncode == 2
        assert "TERM says that this one is dumb" in screen
        assert "watch --plain" in screen
        assert b"\x1b" not in console.received

    @pytest.mark.parametrize("term", ["unknown", "", "vt100", "nonsense", "linux"])
    def test_a_terminal_that_nobody_knows_is_tried(self, tmp_path: Path, term: str) -> None:
        environment = {"TERM": term, "COLORTERM": ""}
        with PtyConsole(["--config", str(configured(tmp_path))], environment=environment) as console:
            console.wait_for(*FLEET, "q Quit")
            quit_well(console)


class TestNoHome:
    @needs_root
    def test_without_home_and_configuration_it_says_what_to_set(self) -> None:
        bare = ("env", "-u", "HOME", "-u", "XDG_CONFIG_HOME", "-u", "QURI_CONFIG", *AS_A_STRANGER)
        with PtyConsole([], argv=[*bare, *COMMAND], folder=Path("/")) as console:
            screen = console.wait_until_ended()
        assert console.process.returncode == 2
        assert "it cannot be told which folder is your home" in screen
        assert "--config" in screen
        assert "itself failed" not in screen

    def test_a_path_into_nobodys_home_is_told(self) -> None:
        done = told(COMMAND, env={**os.environ, "QURI_CONFIG": "~nobody-of-that-name/config.toml"})
        assert done.returncode == 2
        assert "itself failed" not in done.stderr

    def test_a_home_that_does_not_exist_is_a_first_run(self) -> None:
        nowhere = {"HOME": "/nonexistent", "XDG_CONFIG_HOME": "", "QURI_CONFIG": ""}
        with PtyConsole([], environment=nowhere) as console:
            console.wait_for("There is no configuration yet", "/nonexistent/.config/quri-console/config.toml")
            console.press("3\r")
            console.wait_until_ended()
            assert b"Traceback" not in console.received

    def test_a_working_folder_that_was_deleted_matters_to_no_view(self, tmp_path: Path) -> None:
        gone = tmp_path / "gone"
        gone.mkdir()
        inside = ["sh", "-c", f'cd {gone} && rmdir {gone} && exec "$@"', "sh", *COMMAND]
        with PtyConsole(["--config", str(configured(tmp_path))], argv=inside) as console:
            console.wait_for(*FLEET)
            for key, text in (("3", "Nothing is stored yet"), ("5", "No operations yet"), ("1", "registry")):
                console.press(key)
                console.wait_for(text)
            quit_well(console)


class TestConfiguration:
    @pytest.mark.parametrize(
        ("content", "words"),
        [(b"a = [[[", "is not TOML"), (b"\xff\xfe\x00", "is not UTF-8"), (b"", "config.toml")],
        ids=["broken", "binary", "empty"],
    )
    def test_what_cannot_be_read_opens_nothing(self, tmp_path: Path, content: bytes, words: str) -> None:
        config = tmp_path / "config.toml"
        config.write_bytes(content)
        with PtyConsole(["--config", str(config)], columns=200) as console:
            screen = console.wait_until_ended()
        assert console.process.returncode == 2
        assert words in screen
        assert b"\x1b[?1049h" not in console.received
        assert "Traceback" not in screen

    @needs_root
    def test_one_that_may_not_be_read_is_named(self) -> None:
        with folder_of_nobody() as folder:
            config = configured(folder)
            give_to_nobody(folder)
            config.chmod(0)
            with PtyConsole(["--config", str(config)], argv=[*as_nobody(), *COMMAND], columns=200) as console:
                screen = console.wait_until_ended()
        assert console.process.returncode == 2
        assert str(config) in screen
        assert "Traceback" not in screen


class TestHistory:
    """The console opens, says in words what is wrong with its memory, and goes on looking at the network."""

    def test_a_corrupt_one_is_set_aside_and_that_is_said(self, tmp_path: Path) -> None:
        config = configured(tmp_path)
        history_of(tmp_path).write_bytes(b"garbage " * 1000)
        with PtyConsole(["--config", str(config)], columns=200, rows=40) as console:
            console.wait_for(*FLEET, "the history was damaged", "set aside", "with nothing")
            quit_well(console)

    def test_one_of_a_newer_version_is_left_alone(self, tmp_path: Path) -> None:
        config, path = configured(tmp_path), history_of(tmp_path)
        with sqlite3.connect(path) as connection:
            connection.execute("CREATE TABLE a (b)")
            connection.execute("PRAGMA user_version = 999")
        before = path.read_bytes()
        with PtyConsole(["--config", str(config)], columns=200, rows=40) as console:
            console.wait_for(*FLEET, "was written by a newer")
            quit_well(console)
        assert path.read_bytes() == before

    @needs_root
    @pytest.mark.parametrize("what", ["the database", "the state folder"])
    def test_one_that_may_not_be_opened_says_so_in_every_view(self, what: str) -> None:
        with folder_of_nobody() as folder:
            config, path = configured(folder), history_of(folder)
            if what == "the database":
                path.touch()
            give_to_nobody(folder)
            (path if what == "the database" else path.parent).chmod(0 if what == "the database" else 0o555)
            environment = {"HOME": "/nonexistent"}
            argv = [*as_nobody(), *COMMAND]
            with PtyConsole(["--config", str(config)], argv=argv, environment=environment, columns=200) as console:
                for key in "123451":
                    console.press(key)
                    console.wait_for(f"the history {path} cannot be used")
                quit_well(console)

    @needs_root
    def test_a_full_disk_is_told_in_every_view(self, tmp_path: Path) -> None:
        config = configured(tmp_path)
        with small_disk(tmp_path / "root", 65_536) as disk:
            fill(disk / "rest")
            with PtyConsole(["--config", str(config)], columns=200) as console:
                for key in "123451":
                    console.press(key)
                    console.wait_for("cannot be used", "is full")
                quit_well(console)


def fill(path: Path) -> None:
    """Write until the disk is full."""
    descriptor = os.open(path, os.O_CREAT | os.O_WRONLY, 0o600)
    try:
        while True:
            os.write(descriptor, bytes(4096))
    except OSError:
        return
    finally:
        os.close(descriptor)


class TestLocale:
    @pytest.mark.parametrize(
        "environment",
        [
            {"LC_ALL": "C", "PYTHONUTF8": "0"},
            {"LC_ALL": "POSIX", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
            {"LANG": "de_DE.ISO-8859-1", "PYTHONUTF8": "0", "PYTHONIOENCODING": "ascii"},
        ],
        ids=str,
    )
    def test_without_utf8_every_view_is_ascii(self, tmp_path: Path, environment: dict[str, str]) -> None:
        with PtyConsole(["--config", str(configured(tmp_path))], environment=environment) as console:
            console.wait_for(*FLEET)
            for key, text in (("3", "Nothing is stored yet"), ("4", "Rule"), ("5", "No operations yet"), ("1", "Seen")):
                console.press(key)
                console.wait_for(text)
            quit_well(console)
        assert console.received.isascii()

    def test_a_locale_that_the_machine_lacks_is_taken_at_its_word(self, tmp_path: Path) -> None:
        environment = {"LC_ALL": "xx_XX.UTF-8"}
        with PtyConsole(["--config", str(configured(tmp_path))], environment=environment) as console:
            console.wait_for(*FLEET)
            quit_well(console)
