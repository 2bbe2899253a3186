"""Schedules in the system's timers: accepted by the system's own judges, and taken away without a trace."""

from __future__ import annotations

import os
import plistlib
import pwd
import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from quri_console.config import load_config
from quri_console.config.schedule_model import ScheduleConfig
from quri_console.errors import ConfigError, QuriError, RefusedBySafetyRule, UsageError
from quri_console.service.schedule_install import Wish, install, uninstall
from quri_console.service.schedule_units import calendars
from quri_console.service.session import Session
from tests.support.privileges import as_nobody, folder_of_nobody, give_to_nobody

NEEDS_SYSTEMD = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd")
CONFIG = """[networks.ic]
url = "https://icp-api.io"
[canisters.rune-engine]
id = "pkrpq-5qaaa-aaaah-aroda-cai"
criticality = "high"
[paths]
root = "root dir"
[schedules]
enabled = true
"""
FAKE_CRONTAB = """#!/bin/sh
case "$1" in
-l) [ -f "$CRONTAB_FILE" ] || { echo "no crontab for you" >&2; exit 1; }; cat "$CRONTAB_FILE" ;;
-r) rm "$CRONTAB_FILE" ;;
-) cat > "$CRONTAB_FILE" ;;
esac
"""


def session_of(folder: Path, config: str = CONFIG) -> Session:
    path = folder / "config.toml"
    path.write_text(config)
    loaded = load_config(path)
    return Session(loaded, loaded.networks[0])


def analyze(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["systemd-analyze", *arguments], capture_output=True, text=True, check=False)


def lines_of(cron: str) -> tuple[str, ...]:
    return calendars(ScheduleConfig("s", "verify", cron))


@NEEDS_SYSTEMD
@pytest.mark.parametrize("user", ["", "daemon"])
def test_systemd_accepts_every_unit_and_finds_system_services_safe(
    tmp_path: Path, user: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    folder = tmp_path / "units"
    done = install(session_of(tmp_path), Wish("systemd", user, folder))
    units = [str(file.path) for file in done.files]
    assert len(units) == 14
    verified = analyze("verify", *(() if user else ("--user",)), *units)
    ours = [line for line in verified.stderr.splitlines() if "quri-console" in line]
    assert (verified.returncode, ours) == (0, [])
    if user:
        services = [unit for unit in units if unit.endswith(".service")]
        safe = analyze("security", "--offline=true", "--threshold=20", *services)
        assert safe.returncode == 0, safe.stdout[-3000:]


@NEEDS_SYSTEMD
@pytest.mark.parametrize("cron", ["0 2 * * *", "30 2 * * SUN", "0 5 15 * *", "*/15 8-17 * 1,6 MON-FRI", "0 0 13 * 7"])
def test_a_calendar_means_what_the_cron_line_means(cron: str) -> None:
    from itertools import islice

    from quri_console.service.schedule_times import slots_after

    base = 1_735_689_600
    want = {slot // 10**9 for slot in islice(slots_after(cron, base * 10**9), 5)}
    found: set[int] = set()
    for line in lines_of(cron):
        shown = analyze("calendar", "--iterations=5", f"--base-time=@{base}", line).stdout
        texts = [
            text.partition(": ")[2].strip() for text in shown.splitlines() if "Next elapse" in text or "Iter" in text
        ]
        for text in texts:
            moment = time.strptime(text.removesuffix(" UTC"), "%a %Y-%m-%d %H:%M:%S")
            found.add(int(time.mktime(moment)) - time.timezone)
    assert set(sorted(found)[:5]) == want


def test_days_of_two_kinds_are_two_events_and_what_systemd_lacks_is_refused() -> None:
    assert lines_of("0 0 13 * FRI") == ("*-*-13 00:00:00 UTC", "Fri *-*-* 00:00:00 UTC")
    for cron in ("0 0 L * *", "0 0 * * MON#2", "0 0 * * 5L"):
        with pytest.raises(UsageError, match="systemd cannot express"):
            lines_of(cron)


@pytest.mark.parametrize("system", ["systemd", "cron", "launchd"])
def test_uninstall_removes_exactly_what_install_wrote(tmp_path: Path, system: str) -> None:
    folder = tmp_path / "there"
    folder.mkdir()
    (folder / "quri-console-ic-other.service").write_text("somebody else's")
    (folder / "foreign.timer").write_text("x")
    before = {path.name: path.read_text() for path in folder.iterdir()}
    session, wish = session_of(tmp_path), Wish(system, "quri", folder)  # type: ignore[arg-type]
    planned = install(session, wish, dry_run=True)
    assert {path.name: path.read_text() for path in folder.iterdir()} == before
    done = install(session, wish)
    assert [file.text for file in done.files] == [file.text for file in planned.files]
    assert all(file.path.read_text() == file.text for file in done.files)
    assert {file.change for file in install(session, wish).files} == {"unchanged"}
    assert {file.change for file in uninstall(session, wish).files} == {"removed"}
    assert {path.name: path.read_text() for path in folder.iterdir()} == before
    assert uninstall(session, wish).files == ()


def test_a_schedule_that_is_gone_loses_its_units_and_its_link(tmp_path: Path) -> None:
    wish = Wish("systemd", "", tmp_path / "units")
    install(session_of(tmp_path), wish)
    wants = tmp_path / "units" / "timers.target.wants"
    wants.mkdir()
    (wants / "quri-console-ic-ready.timer").symlink_to("../quri-console-ic-ready.timer")
    done = install(session_of(tmp_path, CONFIG + "[schedules.ready]\nenabled = false\n"), wish)
    assert [file.path.name for file in done.files if file.change == "removed"] == [
        "quri-console-ic-ready.service", "quri-console-ic-ready.timer"
    ]  # fmt: skip
    assert list(wants.iterdir()) == []
    assert any("stop quri-console-ic-ready.timer" in step for step in done.next_steps)


def test_what_is_not_ours_or_was_edited_is_neither_written_over_nor_removed(tmp_path: Path) -> None:
    session, wish = session_of(tmp_path), Wish("systemd", "", tmp_path / "units")
    install(session, wish)
    edited = tmp_path / "units" / "quri-console-ic-verify.service"
    edited.write_text(edited.read_text().replace("Nice=10", "Nice=5"))
    with pytest.raises(RefusedBySafetyRule, match=r"verify\.service is there already"):
        install(session_of(tmp_path, CONFIG + '[schedules.verify]\ncron = "0 1 * * *"\n'), wish)
    left = [file.path for file in uninstall(session, wish).files if file.change == "left alone"]
    assert left == [edited]
    assert [path.name for path in (tmp_path / "units").iterdir()] == [edited.name]


@pytest.mark.parametrize("user", ["", "daemon"])
def test_an_edited_timer_that_stays_without_its_service_is_named_and_switched_off(tmp_path: Path, user: str) -> None:
    session, wish = session_of(tmp_path), Wish("systemd", user, tmp_path / "units")
    install(session, wish)
    timer = tmp_path / "units" / "quri-console-ic-verify.timer"
    timer.write_text(timer.read_text().replace("Persistent=true", "Persistent=false"))
    switched_off = f"systemctl {'' if user else '--user '}disable --now {timer.name}"
    for dry_run in (True, False):
        done = uninstall(session, wish, dry_run=dry_run)
        assert switched_off in done.next_steps
        assert timer.name not in done.next_steps[0], "it is not among those that were removed"
        assert [note for note in done.notes if timer.name in note and "without its service" in note]
    # the service is gone since, and the timer still there
    again = uninstall(session, wish)
    assert ([file.change for file in again.files], switched_off in again.next_steps) == (["left alone"], True)


def test_an_edited_timer_whose_service_was_edited_too_goes_on_and_is_not_called_broken(tmp_path: Path) -> None:
    session, wish = session_of(tmp_path), Wish("systemd", "", tmp_path / "units")
    install(session, wish)
    for suffix in ("timer", "service"):
        path = tmp_path / "units" / f"quri-console-ic-verify.{suffix}"
        path.write_text(f"# mine\n{path.read_text()}")
    done = uninstall(session, wish)
    assert done.notes == ()
    assert "disable" not in "".join(done.next_steps)


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "units").write_text("a file")
    with pytest.raises(QuriError, match="cannot use"):
        install(session_of(tmp_path), Wish("systemd", "", tmp_path / "units"))
    with pytest.raises(ConfigError, match="no schedule that is on"):
        install(session_of(tmp_path, CONFIG.replace("enabled = true", "")), Wish("systemd", "", tmp_path / "new"))


def test_a_crontab_keeps_every_line_that_is_not_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program, table = tmp_path / "bin" / "crontab", tmp_path / "table"
    program.parent.mkdir()
    program.write_text(FAKE_CRONTAB)
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    monkeypatch.setenv("CRONTAB_FILE", str(table))
    session, wish = session_of(tmp_path), Wish("cron")
    install(session, wish)
    alone = table.read_text()
    uninstall(session, wish)
    assert not table.exists()
    table.write_text("MAILTO=me\n0 1 * * * mine")
    install(session, wish)
    install(session, wish)
    assert table.read_text() == f"MAILTO=me\n0 1 * * * mine\n{alone}"
    assert alone.count("schedule run ready --if-due") == 1
    uninstall(session, wish)
    assert table.read_text() == "MAILTO=me\n0 1 * * * mine\n"


def test_a_crontab_that_cannot_be_read_is_not_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program, table = tmp_path / "bin" / "crontab", tmp_path / "table"
    program.parent.mkdir()
    program.write_text(
        FAKE_CRONTAB.replace("-l) ", '-l) [ -n "$CRONTAB_BUSY" ] && { echo "cron is busy" >&2; exit 1; }; ')
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    monkeypatch.setenv("CRONTAB_FILE", str(table))
    table.write_text("0 1 * * * mine\n")
    monkeypatch.setenv("CRONTAB_BUSY", "1")
    for act in (install, uninstall):
        with pytest.raises(QuriError, match="cannot be read") as refused:
            act(session_of(tmp_path), Wish("cron"))
        assert refused.value.why == "cron is busy"
    assert table.read_text() == "0 1 * * * mine\n"


def test_where_the_clock_is_not_utc_a_crontab_asks_every_hour(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wish = Wish("cron", "quri", tmp_path)
    (utc,) = install(session_of(tmp_path), wish, dry_run=True).files
    assert "0 2 * * *\tquri\t" in utc.text
    try:
        monkeypatch.setenv("TZ", "Europe/Zurich")
        time.tzset()
        (zurich,) = install(session_of(tmp_path), wish, dry_run=True).files
    finally:
        monkeypatch.delenv("TZ")
        time.tzset()
    assert "\n0 * * * *\tquri\t" in zurich.text
    assert "0 2 * * *" not in zurich.text


def test_units_of_another_user_may_write_into_that_user_s_own_folders(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home of quri"
    entry = pwd.struct_passwd(("quri", "x", os.getuid(), os.getgid(), "", str(home), "/bin/sh"))
    monkeypatch.setattr(pwd, "getpwnam", lambda _: entry)
    config = CONFIG.replace('[paths]\nroot = "root dir"\n', '[repository]\npath = "~/backups"\n')
    config += '[schedules.seal]\njob = "seal"\ncron = "0 3 * * *"\nfolder = "~/sealed"\n'
    done = install(session_of(tmp_path, config), Wish("systemd", "quri", tmp_path / "units"))
    units = {file.path.name: file.text for file in done.files}
    writes = f'"-{home}/.local/state/quri-console" "-{home}/.cache/quri-console" "-{home}/backups"'
    assert f"ReadWritePaths={writes}\n" in units["quri-console-ic-verify.service"]
    # a unit may write into nothing that is not there when it starts
    made = shlex.split(done.next_steps[0])
    assert made[:5] == ["sudo", "-u", "quri", "mkdir", "-p"]
    folders = [f"{home}/.local/state/quri-console", f"{home}/.cache/quri-console", f"{home}/backups", f"{home}/sealed"]
    assert made[5:] == folders
    assert f'ReadWritePaths={writes} "-{home}/sealed"\n' in units["quri-console-ic-seal.service"]
    assert os.environ.get("HOME") != str(home)


def test_what_the_jobs_user_cannot_read_and_a_user_that_is_not_there_are_said(tmp_path: Path) -> None:
    key = tmp_path / "controller.pem"
    key.touch(mode=0o600)
    config = CONFIG + '[identities.backup]\npem = "controller.pem"\n'
    notes = install(session_of(tmp_path, config), Wish("systemd", "daemon", tmp_path / "units")).notes
    if os.geteuid() != pwd.getpwnam("daemon").pw_uid:
        assert f"daemon cannot read {key}: without it the jobs fail." in notes
    notes = install(session_of(tmp_path, config), Wish("systemd", "nobody-of-that-name", tmp_path / "other")).notes
    assert any("has no user nobody-of-that-name yet" in note for note in notes)


def test_a_folder_that_only_another_may_write_is_said_and_nothing_is_left_there() -> None:
    with folder_of_nobody() as folder:
        (folder / "units").mkdir()
        (folder / "units").chmod(0o555)
        session_of(folder)
        give_to_nobody(folder)
        command = [*as_nobody(), sys.executable, "-m", "quri_console", "--config", str(folder / "config.toml")]
        command += ["schedule", "install", "--systemd", "--directory", str(folder / "units")]
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, env={**os.environ, "HOME": str(folder)}
        )
        assert done.returncode == 1
        assert f"cannot use {folder / 'units'}" in done.stderr
        assert "Permission denied" in done.stderr
        assert list((folder / "units").iterdir()) == []


def test_a_launchd_daemon_runs_as_the_user_that_was_named(tmp_path: Path) -> None:
    done = install(session_of(tmp_path), Wish("launchd", "daemon", tmp_path))
    assert {plistlib.loads(file.path.read_bytes())["UserName"] for file in done.files} == {"daemon"}


def test_launchd_agents_are_property_lists(tmp_path: Path) -> None:
    done = install(session_of(tmp_path), Wish("launchd", "", tmp_path))
    for file in done.files:
        agent = plistlib.loads(file.path.read_bytes())
        assert agent["Label"] == file.path.stem
        assert agent["ProgramArguments"][-1] == "--if-due"
        assert "UserName" not in agent
    assert any("never tried on a Mac" in note for note in done.notes)
