"""Proofs of what the network answers: certificates of subnets and signatures of single nodes."""

from quri_console.ic.certificates.certificate import Certificate, node_keys
from quri_console.ic.certificates.errors import (
    CertificateError,
    CertificateNotAuthorized,
    CertificateOutdated,
    InvalidSignature,
    MalformedCertificate,
    MissingSignature,
    NotInCertificate,
    TooManyDelegations,
    TooManySignatures,
    UnknownNode,
)
from quri_console.ic.certificates.node_signatures import verify_query_signatures
from quri_console.ic.certificates.ranges import check_canister_in_ranges
from quri_console.ic.certificates.verifier import MAINNET_ROOT_KEY_DER, CertificateVerifier, certificate_in

__all__ = [
    "MAINNET_ROOT_KEY_DER",
    "Certificate",
    "CertificateError",
    "CertificateNotAuthorized",
    "CertificateOutdated",
    "CertificateVerifier",
    "InvalidSignature",
    "MalformedCertificate",
    "MissingSignature",
    "NotInCertificate",
    "TooManyDelegations",
    "TooManySignatures",
    "UnknownNode",
    "certificate_in",
    "check_canister_in_ranges",
    "node_keys",
    "verify_query_signatures",
]
