"""Secrets come from owner-only files, and whatever is wrong with one is said without showing it."""

from __future__ import annotations

import base64
import os
from pathlib import Path

import pytest

from quri_console.errors import RefusedBySafetyRule, UsageError
from quri_console.repository import age
from quri_console.repository.secret_files import read_passphrase, read_secret_file, read_secrets
from quri_console.repository.ways import passphrase_way, recipient_way, recipient_ways
from tests.support.key_holders import age_holder, ssh_holder


def private(path: Path, text: str, mode: int = 0o600) -> Path:
    path.write_text(text)
    path.chmod(mode)
    return path


def ssh_key_under_passphrase() -> str:
    """A key file as ssh-keygen writes it, whose encrypted part is made up."""

    def field(data: bytes) -> bytes:
        return len(data).to_bytes(4, "big") + data

    public = field(b"ssh-ed25519") + field(bytes(range(32)))
    rounds = field(bytes(16)) + (16).to_bytes(4, "big")
    data = b"openssh-key-v1\0" + field(b"aes256-ctr") + field(b"bcrypt") + field(rounds)
    data += (1).to_bytes(4, "big") + field(public) + field(bytes(range(144)))
    lines = base64.encodebytes(data).decode().replace("\n", "")
    body = "\n".join(lines[start : start + 70] for start in range(0, len(lines), 70))
    return f"-----BEGIN OPENSSH PRIVATE KEY-----\n{body}\n-----END OPENSSH PRIVATE KEY-----\n"


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o666])
def test_a_secret_that_others_may_use_is_refused_with_the_remedy(tmp_path: Path, mode: int) -> None:
    path = private(tmp_path / "identity.txt", age_holder().text, mode)
    with pytest.raises(RefusedBySafetyRule) as caught:
        read_secrets([path], [])
    assert caught.value.next_step == f"chmod 600 {path}"
    assert f"{mode:04o}" in caught.value.why


def test_folders_pipes_and_missing_files_are_no_secrets(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe", 0o600)
    for name in ("", "pipe", "missing"):
        with pytest.raises(UsageError):
            read_secret_file(tmp_path / name)


def test_an_identity_file_may_hold_comments_and_several_identities(tmp_path: Path) -> None:
    alice, bob = age_holder(), age_holder()
    text = f"# created: 2025-01-24\n# public key: {alice.way.recipient}\n{alice.text}\n\n{bob.text}\r\n"
    secrets = read_secrets([private(tmp_path / "identity.txt", text)], [])
    assert len(secrets.identities) == 2
    assert age.opened_by(age.sealed_to(bob.way.recipient, b"hello"), secrets.identities) == b"hello"


def test_a_mistyped_identity_is_refused_without_being_shown(tmp_path: Path) -> None:
    text = age_holder().text
    typed = text[:30] + ("Q" if text[30] != "Q" else "P") + text[31:]
    path = private(tmp_path / "identity.txt", typed)
    with pytest.raises(age.UnusableIdentity) as caught:
        read_secrets([path], [])
    assert str(path) in caught.value.what
    assert typed[17:] not in f"{caught.value!r} {caught.value} {caught.value.next_step}"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "holds no identity"),
        ("AGE-PLUGIN-YUBIKEY-1QQQ\n", "no age identity"),
        ("-----BEGIN AGE ENCRYPTED FILE-----\nabc\n-----END AGE ENCRYPTED FILE-----\n", "encrypted identity file"),
        (
            "-----BEGIN OPENSSH PRIVATE KEY-----\nabc\n-----END OPENSSH PRIVATE KEY-----\n",
            "no ssh key that age can use",
        ),
    ],
)
def test_what_is_no_identity_is_named_by_what_it_is(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(age.UnusableIdentity, match=said):
        read_secrets([private(tmp_path / "identity.txt", text)], [])


def test_an_ssh_key_under_a_passphrase_gets_a_way_out(tmp_path: Path) -> None:
    path = private(tmp_path / "id_ed25519", ssh_key_under_passphrase())
    with pytest.raises(age.UnusableIdentity, match="under a passphrase") as caught:
        read_secrets([path], [])
    assert "age-keygen" in caught.value.next_step


def test_a_passphrase_is_the_only_line_of_its_file(tmp_path: Path) -> None:
    assert read_passphrase(private(tmp_path / "one", "a horse\n")) == "a horse"
    assert read_passphrase(private(tmp_path / "spaces", " a horse ")) == " a horse "
    for text in ("", "\n", "two\nlines\n"):
        with pytest.raises(UsageError, match="must hold one line"):
            read_passphrase(private(tmp_path / "other", text))


def test_recipients_come_one_a_line_each_once_labelled_by_their_comments() -> None:
    alice, sam = age_holder(), ssh_holder("ed25519")
    lines = ["# the team", "", alice.way.recipient, f"{sam.way.recipient} sam@example", f"  {alice.way.recipient} "]
    ways = recipient_ways(lines)
    assert [way.recipient for way in ways] == [alice.way.recipient, sam.way.recipient]
    assert ways[1].label == "sam@example"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "age1abc",
        "ssh-ed25519 AAAA",
        "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBA==",
        "alice",
    ],
)
def test_what_is_no_recipient_is_refused_with_what_is(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        recipient_way(text)
    assert "age1…" in caught.value.next_step


def test_a_secret_given_for_a_recipient_is_not_repeated() -> None:
    secret = age_holder().text
    with pytest.raises(UsageError, match="the secret of an age identity") as caught:
        recipient_way(secret)
    assert secret[20:] not in f"{caught.value!r} {caught.value.next_step}"


def test_a_short_passphrase_is_refused() -> None:
    with pytest.raises(UsageError, match="at least 8 characters"):
        passphrase_way("horse")
