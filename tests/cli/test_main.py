"""The command line's front: version, help, completion, exit codes, and failures in words."""

import json
import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import click
import pytest

import quri_console
from quri_console.cli.main import COMMANDS, cli
from quri_console.errors import QuriError
from tests.support.backups import write_backup
from tests.support.command import invoke
from tests.support.command import write_config as write_repository_config
from tests.support.fleets import write_config


@pytest.mark.parametrize("verb", COMMANDS)
def test_every_listed_command_exists_and_explains_itself(verb: str) -> None:
    command = cli.get_command(click.Context(cli), verb)
    assert isinstance(command, click.Command)
    assert command.name == verb
    assert command.help


def test_help_lists_every_command_and_the_exit_codes(capsys: pytest.CaptureFixture[str]) -> None:
    finished = invoke(capsys, "--help")
    assert finished.code == 0
    for verb in COMMANDS:
        assert re.search(rf"^  {verb} ", finished.output, re.MULTILINE)
    assert "14 refused by a safety rule" in " ".join(finished.output.split())


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert invoke(capsys, "--version").output == f"quri-console {quri_console.__version__}\n"


def test_the_module_is_the_command() -> None:
    finished = subprocess.run(
        [sys.executable, "-m", "quri_console", "--version"], capture_output=True, text=True, check=True
    )
    assert finished.stdout == f"quri-console {quri_console.__version__}\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["statsu"], "Did you mean status?"),
        (["status", "--nope"], "No such option"),
        (["--network"], "requires an argument"),
        (["completion", "tcsh"], "'tcsh' is not one of"),
    ],
)
def test_wrong_usage_is_exit_code_2(capsys: pytest.CaptureFixture[str], arguments: list[str], message: str) -> None:
    finished = invoke(capsys, *arguments)
    assert finished.code == 2
    assert message in finished.errors


def test_without_a_terminal_the_console_points_to_status(capsys: pytest.CaptureFixture[str]) -> None:
    finished = invoke(capsys)
    assert finished.code == 2
    assert "the console needs a terminal" in finished.errors
    assert "quri-console status" in finished.errors


def test_without_a_config_demo_is_named(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.delenv("QURI_CONFIG", raising=False)
    finished = invoke(capsys, "status")
    assert finished.code == 2
    assert "quri-console demo" in finished.errors
    assert str(tmp_path / "quri-console/config.toml") in finished.errors


def test_a_fault_in_the_config_names_its_line(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    config = write_config(tmp_path, extra='[monitor]\nintervall = "5s"\n')
    finished = invoke(capsys, "--config", config, "status")
    assert finished.code == 2
    assert f"{config}, line 12: monitor.intervall is not known" in finished.errors
    assert "Did you mean 'interval'?" in finished.errors


def test_an_unknown_network_is_refused(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    finished = invoke(capsys, "--config", write_config(tmp_path), "--network", "locla", "status")
    assert finished.code == 2
    assert "Did you mean 'local'?" in finished.errors


@cli.command("fail-for-the-test", hidden=True)
def failing() -> None:
    raise ZeroDivisionError("\x1b[31mred")


@pytest.fixture
def broken_command(monkeypatch: pytest.MonkeyPatch) -> str:
    original = cli.get_command
    monkeypatch.setattr(
        cli, "get_command", lambda context, name: failing if name == "broken" else original(context, name)
    )
    return "broken"


def test_a_bug_is_reported_without_a_traceback_and_escaped(
    capsys: pytest.CaptureFixture[str], broken_command: str
) -> None:
    finished = invoke(capsys, broken_command)
    assert finished.code == 1
    assert "quri-console itself failed: ZeroDivisionError" in finished.errors
    assert "Traceback" not in finished.errors
    assert "\x1b" not in finished.errors


def test_debug_shows_the_traceback(capsys: pytest.CaptureFixture[str], broken_command: str) -> None:
    finished = invoke(capsys, "--debug", broken_command)
    assert finished.code == 1
    assert "Traceback" in finished.errors
    assert "fail" in finished.errors


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts(capsys: pytest.CaptureFixture[str], shell: str) -> None:
    finished = invoke(capsys, "completion", shell)
    assert finished.code == 0
    assert "_QURI_CONSOLE_COMPLETE" in finished.output


def test_completion_knows_our_commands() -> None:
    environment = os.environ | {
        "_QURI_CONSOLE_COMPLETE": "bash_complete",
        "COMP_WORDS": "quri-console sta",
        "COMP_CWORD": "1",
    }
    finished = subprocess.run(
        [sys.executable, "-c", "from quri_console.cli.main import main; main()"],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
    )
    assert "plain,status" in finished.stdout


@pytest.mark.parametrize(
    "arguments",
    [
        "--help",
        "list --help",
        "list",
        "list --json",
        "show",
        "ls latest",
        "cat latest/rune-engine/wasm_memory.bin",
        "verify --all",
        "diff latest latest",
        "operations list",
    ],
)
def test_a_reader_that_goes_away_ends_a_command_quietly(tmp_path: Path, arguments: str) -> None:
    write_backup(tmp_path / "repository")
    config = write_repository_config(tmp_path)
    # `true` reads nothing: the pipe is closed before the first byte, however little a command writes
    script = f"{sys.executable} -m quri_console --config {config} {arguments} | true; echo ${{PIPESTATUS[0]}}"
    finished = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True)
    assert finished.stdout == "141\n"
    # progress is no complaint
    assert not any(word in finished.stderr for word in ("Traceback", "BrokenPipe", "Error", "Exception"))


def test_a_closed_pipe_for_errors_ends_quietly_as_well(tmp_path: Path) -> None:
    script = f"{sys.executable} -m quri_console nope 2>&1 | true; echo ${{PIPESTATUS[0]}}"
    finished = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True)
    assert (finished.stdout, finished.stderr) == ("141\n", "")


@pytest.mark.parametrize(
    ("arguments", "code", "what"),
    [
        (("status", "--nope", "--json"), 2, "No such option"),
        (("list", "--json", "more"), 2, "unexpected extra argument"),
        (("show", "19990101T000000Z", "--json"), 10, "There is no backup 19990101T000000Z"),
        (("ls", "latest/nobody", "--json"), 2, "holds nobody"),
        (("forget", "--undo", "--json"), 2, "--undo needs the names"),
        (("nope", "--json"), 2, "there is no command"),
    ],
)
def test_with_json_a_failure_is_one_json_object_on_one_line(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, arguments: tuple[str, ...], code: int, what: str
) -> None:
    write_backup(tmp_path / "repository")
    config = write_repository_config(tmp_path)
    finished = invoke(capsys, "--config", config, *arguments)
    assert (finished.code, finished.output, finished.errors.count("\n")) == (code, "", 1)
    error = json.loads(finished.errors)["error"]
    assert set(error) == {"what", "why", "next_step", "exit_code"}
    assert what in error["what"]
    assert error["exit_code"] == code
    plain = invoke(capsys, "--config", config, *(word for word in arguments if word != "--json"))
    assert (plain.code, plain.errors.startswith(("Error: ", "Usage: "))) == (code, True)


def test_json_behind_two_dashes_is_an_argument(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    finished = invoke(capsys, "--config", write_repository_config(tmp_path), "show", "--", "--json")
    assert finished.errors.startswith("Error: ")


def test_a_bug_is_json_too_with_its_traceback_only_for_debug(
    capsys: pytest.CaptureFixture[str], broken_command: str
) -> None:
    finished = invoke(capsys, broken_command, "--json")
    error = json.loads(finished.errors)["error"]
    assert (finished.code, error["exit_code"], "traceback" in error) == (2, 2, False)  # it has no such option
    from quri_console.cli.output import show_error

    capsys.readouterr()
    show_error(QuriError("it \x1b[2J broke", why="the disk\nis full"), debug=True, as_json=True)
    written = capsys.readouterr().err
    assert (written.count("\n"), "\x1b" in written) == (1, False)
    assert "QuriError" in json.loads(written)["error"]["traceback"]


def in_terminal(*arguments: str, environment: dict[str, str] | None = None) -> str:
    """What a command writes to a terminal."""
    leader, follower = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "quri_console", *arguments],
        stdin=follower,
        stdout=follower,
        stderr=follower,
        env={key: value for key, value in os.environ.items() if key != "NO_COLOR"}
        | {"TERM": "xterm"}
        | (environment or {}),
    ) as process:
        os.close(follower)
        written = bytearray()
        while True:
            try:
                data = os.read(leader, 4096)
            except OSError:
                break
            if not data:
                break
            written += data
        process.wait()
    os.close(leader)
    return written.decode()


def test_colour_on_a_terminal_unless_no_color(tmp_path: Path) -> None:
    config = str(tmp_path / "missing.toml")
    assert "\x1b[1;31mError:\x1b[0m" in in_terminal("--config", config, "status")
    assert "\x1b" not in in_terminal("--config", config, "status", environment={"NO_COLOR": "1"})
    assert "\x1b" not in in_terminal("--config", config, "status", environment={"TERM": "dumb"})


def test_an_error_has_what_why_and_next_step(capsys: pytest.CaptureFixture[str]) -> None:
    from quri_console.cli.output import show_error

    show_error(QuriError("it broke", why="the disk\nis full", next_step="Free some space"))
    assert capsys.readouterr().err == "Error: it broke.\n  Why:  the disk\\nis full.\n  Next: Free some space.\n"
