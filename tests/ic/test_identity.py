"""Identities from every PEM form that icp, dfx and openssl write, and keys that show themselves nowhere."""

from __future__ import annotations

import base64
import copy
import logging
import os
import pickle
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_public_key,
)
from ic.identity import Identity as Oracle

from quri_console.errors import ExitCode, QuriError, RefusedBySafetyRule
from quri_console.ic.encoding.principal import ANONYMOUS, parse_principal
from quri_console.ic.identity import AnonymousIdentity, identity_from_pem, load_identity
from quri_console.ic.private_keys import KeyFileError, PassphraseNeeded, WrongPassphrase

PASSPHRASE = "correct horse"

# Written by icp 1.5.0: `icp identity import --storage plaintext` and `--storage password`, throw-away keys.
ICP_ED25519 = b"""-----BEGIN PRIVATE KEY-----
MFECAQEwBQYDK2VwBCIEIBkRLT2H7PvlUQqLzVzDXeOFDf9+YiavOxw0W+knrWk2
gSEAcA147Hm4uUhQ5RpxcU2PuFO8Z1Eb7n6hRYvbeInZ0eQ=
-----END PRIVATE KEY-----
"""
ICP_ED25519_ENCRYPTED = b"""-----BEGIN ENCRYPTED PRIVATE KEY-----
MIG8MFgGCSqGSIb3DQEFDTBLMCoGCSsGAQQB2kcECzAdBBC1xyABdtgsshEpjkrU
QCO1AgMCAAACAQgCAQEwHQYJYIZIAWUDBAEqBBD0EgcwXWMtUkyTh679zoI+BGDS
L7tB9DOqWpuy3m9qtQCYXqsmvnoZ0onCXUNrqggMC2HuKqV6b9HQgbJgj0nB7jgf
uqzIleW9OIFuCyNuksJfkulsIhBqKUTQwIR0JSSz3LMVzQ/vBhyT9iHbF7JGoAI=
-----END ENCRYPTED PRIVATE KEY-----
"""
ICP_ED25519_PRINCIPAL = parse_principal("mahui-j6uin-pbnif-bpeos-im3kb-htyxt-w6epm-gwdcn-z3iih-6orld-gqe")
ICP_SECP256K1_ENCRYPTED = b"""-----BEGIN ENCRYPTED PRIVATE KEY-----
MIHtMFgGCSqGSIb3DQEFDTBLMCoGCSsGAQQB2kcECzAdBBAhfxTAewtKi2YF5l2Y
JDgcAgMCAAACAQgCAQEwHQYJYIZIAWUDBAEqBBBSX3QJqWdmeNLOylNzxiucBIGQ
iri9IpoD4m5ota5DcFI/bXHMk5k+Kq1rlxXQ/uVC+3YdESr6ZkLQH1A0umjYSC4T
8mRU9jcgEVosK7A9HJfpf5PId06rhAd6VuYQj7OoT6IP8+3RxT1tfIsC2oeRSTOT
4CVFcCocoPQUmctXpCzUGqcOWGHbZA+cTBgCKXcSXNljvNHisab/nDFLJSfw8u/1
-----END ENCRYPTED PRIVATE KEY-----
"""
ICP_SECP256K1_PRINCIPAL = parse_principal("gxhqt-fd3n6-j7lju-rt7up-oszax-mt2fl-t5er7-w4kqu-qyac7-tqwu7-nae")
ICP_PASSPHRASE = "hunter22hunter22"

SECP256K1_PARAMETERS = b"-----BEGIN EC PARAMETERS-----\nBgUrgQQACg==\n-----END EC PARAMETERS-----\n"
P256_PARAMETERS = b"-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n"

KEYS: dict[str, Any] = {
    "ed25519": ed25519.Ed25519PrivateKey.from_private_bytes(bytes(range(32))),
    "secp256k1": ec.derive_private_key(0xC0FFEE << 200, ec.SECP256K1()),
    "p256": ec.derive_private_key(0xC0FFEE << 200, ec.SECP256R1()),
}


def asked() -> str:
    return PASSPHRASE


def never_asked() -> str:
    pytest.fail("a plain key must not ask for a passphrase")


def pem(kind: str, form: PrivateFormat, encrypted: bool = False) -> bytes:
    encryption = BestAvailableEncryption(PASSPHRASE.encode()) if encrypted else NoEncryption()
    encoded: bytes = KEYS[kind].private_bytes(Encoding.PEM, form, encryption)
    return encoded


FORMS = [
    ("ed25519", PrivateFormat.PKCS8, b""),
    ("secp256k1", PrivateFormat.PKCS8, b""),
    ("secp256k1", PrivateFormat.TraditionalOpenSSL, b""),
    ("secp256k1", PrivateFormat.TraditionalOpenSSL, SECP256K1_PARAMETERS),
    ("p256", PrivateFormat.PKCS8, b""),
    ("p256", PrivateFormat.TraditionalOpenSSL, b""),
    ("p256", PrivateFormat.TraditionalOpenSSL, P256_PARAMETERS),
]


@pytest.mark.parametrize("encrypted", [False, True])
@pytest.mark.parametrize(("kind", "form", "before"), FORMS)
def test_every_form_gives_the_same_identity(kind: str, form: PrivateFormat, before: bytes, encrypted: bool) -> None:
    identity = identity_from_pem(before + pem(kind, form, encrypted), asked if encrypted else never_asked)
    assert identity.public_key_der is not None
    assert identity.sender == identity_from_pem(pem(kind, PrivateFormat.PKCS8)).sender
    assert len(identity.public_key_der) == {"ed25519": 44, "secp256k1": 88, "p256": 91}[kind]
    verify(identity.public_key_der, identity.sign(b"message"), b"message")
    with pytest.raises(InvalidSignature):
        verify(identity.public_key_der, identity.sign(b"message"), b"other")


def verify(public_key_der: bytes, signature: bytes, message: bytes) -> None:
    key = load_der_public_key(public_key_der)
    assert len(signature) == 64
    if isinstance(key, ed25519.Ed25519PublicKey):
        key.verify(signature, message)
        return
    assert isinstance(key, ec.EllipticCurvePublicKey)
    der = encode_dss_signature(int.from_bytes(signature[:32]), int.from_bytes(signature[32:]))
    key.verify(der, message, ec.ECDSA(hashes.SHA256()))


@pytest.mark.parametrize(("kind", "name"), [("ed25519", "ed25519"), ("secp256k1", "secp256k1")])
def test_principals_agree_with_ic_py(kind: str, name: str) -> None:
    key = KEYS[kind]
    private = key.private_bytes_raw() if kind == "ed25519" else key.private_numbers().private_value.to_bytes(32)
    oracle = Oracle(privkey=private.hex(), type=name)
    assert identity_from_pem(pem(kind, PrivateFormat.PKCS8)).sender.bytes == oracle.sender().bytes


@pytest.mark.parametrize(
    ("content", "principal"),
    [
        (ICP_ED25519, ICP_ED25519_PRINCIPAL),
        (ICP_ED25519_ENCRYPTED, ICP_ED25519_PRINCIPAL),
        (ICP_SECP256K1_ENCRYPTED, ICP_SECP256K1_PRINCIPAL),
    ],
)
def test_keys_written_by_icp_are_read(content: bytes, principal: Any) -> None:
    identity = identity_from_pem(content, lambda: ICP_PASSPHRASE)
    assert identity.sender == principal
    assert identity.public_key_der is not None
    verify(identity.public_key_der, identity.sign(b"m"), b"m")


def test_version_2_keys_of_ring_and_with_windows_line_ends_are_read() -> None:
    key = KEYS["ed25519"]
    der = bytes.fromhex("3053020101300506032b657004220420") + key.private_bytes_raw()
    der += bytes.fromhex("a123032100") + key.public_key().public_bytes_raw()
    content = b"-----BEGIN PRIVATE KEY-----\n" + base64.encodebytes(der) + b"-----END PRIVATE KEY-----\n"
    expected = identity_from_pem(pem("ed25519", PrivateFormat.PKCS8)).sender
    assert identity_from_pem(content).sender == expected
    assert identity_from_pem(b"a note before\r\n" + content.replace(b"\n", b"\r\n")).sender == expected


def test_version_2_key_with_another_public_key_is_refused() -> None:
    swapped = ICP_ED25519.replace(b"gSEAcA147", b"gSEAcA148")
    with pytest.raises(KeyFileError, match="does not belong"):
        identity_from_pem(swapped)


@pytest.mark.parametrize(
    "content",
    [
        ICP_ED25519_ENCRYPTED,
        ICP_SECP256K1_ENCRYPTED,
        *(pem(kind, form, True) for kind, form, before in FORMS if not before),
    ],
)
def test_wrong_and_missing_passphrases_are_told_apart(content: bytes) -> None:
    with pytest.raises(WrongPassphrase) as wrong:
        identity_from_pem(content, lambda: "wrong")
    assert wrong.value.exit_code == ExitCode.WRONG_KEY
    with pytest.raises(PassphraseNeeded):
        identity_from_pem(content)


def test_secp256k1_signatures_have_the_lower_s() -> None:
    identity = identity_from_pem(pem("secp256k1", PrivateFormat.PKCS8))
    order = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
    for number in range(20):
        assert int.from_bytes(identity.sign(bytes([number]))[32:]) <= order // 2


def foreign(key: Any) -> bytes:
    encoded: bytes = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return encoded


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"hello",
        b"-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----\n",
        b"-----BEGIN PRIVATE KEY-----\n!!!!\n-----END PRIVATE KEY-----\n",
        b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
        b"-----BEGIN EC PRIVATE KEY-----\nAAAA\n-----END EC PRIVATE KEY-----\n",
        ICP_ED25519.replace(b"BEGIN PRIVATE", b"BEGIN PUBLIC"),
        foreign(ec.generate_private_key(ec.SECP384R1())),
        foreign(rsa.generate_private_key(65537, 2048)),
        SECP256K1_PARAMETERS,
    ],
)
def test_other_files_are_refused_with_advice(content: bytes) -> None:
    with pytest.raises(KeyFileError) as raised:
        identity_from_pem(content, never_asked)
    assert raised.value.exit_code == ExitCode.USAGE
    assert raised.value.why
    assert "openssl genpkey" in raised.value.next_step


@pytest.fixture
def write(tmp_path: Path) -> Callable[[bytes, int], Path]:
    def write_with_mode(content: bytes, mode: int) -> Path:
        path = tmp_path / "key.pem"
        path.write_bytes(content)
        path.chmod(mode)
        return path

    return write_with_mode


@pytest.mark.parametrize("mode", [0o600, 0o400])
def test_key_files_of_the_owner_alone_are_read(write: Callable[[bytes, int], Path], mode: int) -> None:
    assert load_identity(write(ICP_ED25519, mode)).sender == ICP_ED25519_PRINCIPAL


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o620, 0o602, 0o610, 0o666])
def test_key_files_open_to_others_are_refused(write: Callable[[bytes, int], Path], mode: int) -> None:
    """By the mode, so that it holds for root as well, who may read everything."""
    path = write(ICP_ED25519, mode)
    with pytest.raises(RefusedBySafetyRule) as raised:
        load_identity(path)
    assert raised.value.exit_code == ExitCode.REFUSED
    assert raised.value.next_step == f"chmod 600 {path}"
    assert f"{mode:04o}" in raised.value.why


def test_links_count_by_the_file_they_lead_to(write: Callable[[bytes, int], Path], tmp_path: Path) -> None:
    target = write(ICP_ED25519, 0o644)
    link = tmp_path / "link.pem"
    link.symlink_to(target)
    with pytest.raises(RefusedBySafetyRule):
        load_identity(link)
    target.chmod(0o600)
    assert load_identity(link).sender == ICP_ED25519_PRINCIPAL


def test_missing_files_folders_and_pipes_are_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe", 0o600)
    (tmp_path / "folder").mkdir(mode=0o700)
    for name in ("missing.pem", "pipe", "folder"):
        with pytest.raises(KeyFileError, match=name) as raised:
            load_identity(tmp_path / name)
        assert raised.value.next_step


def test_errors_of_a_file_name_it(write: Callable[[bytes, int], Path]) -> None:
    with pytest.raises(KeyFileError, match=r"key\.pem"):
        load_identity(write(b"nothing", 0o600))
    with pytest.raises(WrongPassphrase, match=r"key\.pem"):
        load_identity(write(pem("p256", PrivateFormat.PKCS8, True), 0o600), lambda: "wrong")


def test_anonymous_caller_has_no_key() -> None:
    anonymous = AnonymousIdentity()
    assert (anonymous.sender, anonymous.public_key_der) == (ANONYMOUS, None)
    assert repr(anonymous) == "AnonymousIdentity(2vxsx-fae)"
    with pytest.raises(TypeError):
        anonymous.sign(b"message")


@pytest.mark.parametrize(("kind", "form", "before"), FORMS)
def test_key_material_shows_itself_nowhere(
    kind: str, form: PrivateFormat, before: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    content = before + pem(kind, form)
    caplog.set_level(logging.DEBUG)
    identity = identity_from_pem(content)
    encrypted = before + pem(kind, form, True)
    shown = [repr(identity), str(identity), f"{identity!r:>99}", caplog.text]
    for broken, passphrase in (
        (content.replace(b"A", b"B"), None),
        (content.replace(b"A", b"!"), None),
        (content[:-60] + content[-50:], None),
        (encrypted, lambda: "wrong " + PASSPHRASE),
    ):
        with pytest.raises(QuriError) as raised:
            identity_from_pem(broken, passphrase)
        shown += traceback.format_exception(raised.value)
    text = "\n".join(shown)
    assert repr(identity) == f"KeyIdentity({identity.sender.to_str()})"
    lines = [line.decode() for line in content.splitlines() + encrypted.splitlines() if not line.startswith(b"-----")]
    assert not [line for line in lines if len(line) > 8 and line[:8] in text]
    assert PASSPHRASE not in text


@pytest.mark.parametrize("duplicate", [pickle.dumps, copy.copy, copy.deepcopy])
def test_identities_do_not_travel(duplicate: Callable[[Any], Any]) -> None:
    with pytest.raises(TypeError):
        duplicate(identity_from_pem(ICP_ED25519))
