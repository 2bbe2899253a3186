"""A certificate authority that lives as long as a test."""

from __future__ import annotations

import ipaddress
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID


@dataclass(frozen=True)
class Authority:
    """Files for a server on 127.0.0.1, and what a client needs to trust it."""

    key_file: Path
    certificate_file: Path
    authority_file: Path

    def client_context(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=self.authority_file)

    @staticmethod
    def make(folder: Path, *, address: str = "127.0.0.1", expired: bool = False) -> Authority:
        key, authority_key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
        now = datetime.now(UTC)
        end = now - timedelta(hours=1) if expired else now + timedelta(hours=1)
        issuer = _name("throw-away authority")
        authority = (
            _builder(issuer, issuer, authority_key, now + timedelta(hours=1))
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_usage(signs_certificates=True), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(authority_key.public_key()), critical=False)
            .sign(authority_key, SHA256())
        )
        name = x509.IPAddress(ipaddress.ip_address(address))
        certificate = (
            _builder(_name("server"), issuer, key, end)
            .add_extension(x509.SubjectAlternativeName([name]), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key()), critical=False
            )
            .sign(authority_key, SHA256())
        )
        made = Authority(folder / "server.key", folder / "server.pem", folder / "authority.pem")
        made.key_file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        made.certificate_file.write_bytes(certificate.public_bytes(Encoding.PEM))
        made.authority_file.write_bytes(authority.public_bytes(Encoding.PEM))
        return made


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    no = {"content_commitment": False, "key_encipherment": False, "data_encipherment": False}
    no |= {"key_agreement": False, "encipher_only": False, "decipher_only": False, "crl_sign": False}
    return x509.KeyUsage(digital_signature=True, key_cert_sign=signs_certificates, **no)


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, end: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(end - timedelta(days=2))
        .not_valid_after(end)
    )
