"""Certificates: who signed, for which canisters, and when (interface specification, "Certificates")."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from quri_console.clock import NANOSECONDS_PER_SECOND, Clock
from quri_console.ic.certificates import bls
from quri_console.ic.certificates.certificate import Certificate
from quri_console.ic.certificates.errors import (
    CertificateNotAuthorized,
    CertificateOutdated,
    MalformedCertificate,
    TooManyDelegations,
)
from quri_console.ic.certificates.ranges import check_canister_in_ranges
from quri_console.ic.encoding import cbor, hash_tree
from quri_console.ic.encoding.cbor import CborValue, MalformedCbor
from quri_console.ic.encoding.der import BLS_KEY_PREFIX, MalformedPublicKey
from quri_console.ic.encoding.hash_tree import Found, HashTree, MalformedHashTree
from quri_console.ic.encoding.leb128 import MalformedLeb128, decode_unsigned
from quri_console.ic.encoding.principal import Principal, self_authenticating
from quri_console.ic.encoding.request_id import STATE_ROOT_SEPARATOR

MAINNET_ROOT_KEY_DER = BLS_KEY_PREFIX + bytes.fromhex(
    "814c0e6ec71fab583b08bd81373c255c3c371b2e84863c98a4f1e08b74235d14"
    "fb5d9c0cd546d9685f913a0c0b2cc5341583bf4b4392e467db96d65b9bb4cb71"
    "7112f8472e0d5a4d14505ffd7484b01291091c5f87b98883463f98091a0baaae"
)
"""The root key of the Internet Computer's main network."""

DEFAULT_MAX_AGE_SECONDS = 300.0
MAX_DELEGATION_AGE_SECONDS = 30 * 86_400.0
"""Main-network delegations are renewed seldom: six days between delegation and certificate were seen."""

_CACHED_DELEGATIONS = 64


@dataclass(frozen=True, slots=True)
class _Signed:
    """A decoded certificate of which nothing has been checked."""

    tree: HashTree
    signature: bytes
    delegation: CborValue

    def verify(self, key: bls.PublicKey) -> None:
        bls.verify(key, STATE_ROOT_SEPARATOR + self.tree.digest, self.signature)


@dataclass(frozen=True, slots=True)
class _Signer:
    """A subnet and its key; `authority` is the delegation's tree, None when the root key is the subnet's own."""

    subnet: Principal
    key: bls.PublicKey
    authority: HashTree | None
    delegated_at_ns: int | None


def certificate_in(answer: bytes) -> bytes:
    """The encoded certificate inside a read_state answer; raises MalformedCertificate."""
    with _malformed_as_certificate_error():
        match cbor.decode(answer):
            case {"certificate": bytes(certificate)}:
                return certificate
    raise MalformedCertificate("the answer holds no certificate")


class CertificateVerifier:
    """Checks certificates against one root key; verified delegations are kept by their digest.

    `max_age_seconds` is how far a certificate's time may lie from the clock, before or after; None allows any.
    """

    def __init__(
        self, root_key: bytes, clock: Clock, *, max_age_seconds: float | None = DEFAULT_MAX_AGE_SECONDS
    ) -> None:
        self._clock = clock
        self._max_age_seconds = max_age_seconds
        self._root = _Signer(self_authenticating(root_key), bls.public_key(root_key), None, None)
        self._delegations: OrderedDict[bytes, _Signer] = OrderedDict()

    @property
    def root_subnet(self) -> Principal:
        """The subnet that signs without a delegation."""
        return self._root.subnet

    def verify_for_canister(self, data: bytes, canister: Principal) -> Certificate:
        """The certificate encoded in `data`, if the subnet that signed it holds `canister`; raises CertificateError.

        Without a delegation the root subnet signed, whose ranges are not part of the certificate: callers who need
        them (query signatures) ask for them, see `check_canister_in_ranges`.
        """
        with _malformed_as_certificate_error():
            certificate, signer = self._verify(data)
            if signer.authority is not None:
                check_canister_in_ranges(signer.authority, signer.subnet, canister)
            return certificate

    def verify_for_subnet(self, data: bytes, subnet: Principal) -> Certificate:
        """The certificate encoded in `data`, if `subnet` signed it; raises CertificateError."""
        with _malformed_as_certificate_error():
            certificate, signer = self._verify(data)
            if signer.subnet != subnet:
                raise CertificateNotAuthorized(f"{signer.subnet.to_str()} signed instead of {subnet.to_str()}")
            return certificate

    def _verify(self, data: bytes) -> tuple[Certificate, _Signer]:
        signed = _decode(data)
        signer = self._root if signed.delegation is None else self._delegate(signed.delegation)
        signed.verify(signer.key)
        time_ns = _time_ns(signed.tree)
        self._check_times(time_ns, signer.delegated_at_ns)
        return Certificate(signed.tree, time_ns, signer.subnet, signer.authority), signer

    def _delegate(self, delegation: CborValue) -> _Signer:
        match delegation:
            case {"subnet_id": bytes(subnet_id), "certificate": bytes(certificate)}:
                digest = hashlib.sha256(len(subnet_id).to_bytes(8) + subnet_id + certificate).digest()
                signer = self._delegations.get(digest)
                if signer is None:
                    signer = self._verify_delegation(subnet_id, certificate)
                    self._delegations[digest] = signer
                    if len(self._delegations) > _CACHED_DELEGATIONS:
                        self._delegations.popitem(last=False)
                else:
                    self._delegations.move_to_end(digest)
                return signer
        raise MalformedCertificate("its delegation has no subnet or no certificate")

    def _verify_delegation(self, subnet_id: bytes, certificate: bytes) -> _Signer:
        signed = _decode(certificate)
        if signed.delegation is not None:
            raise TooManyDelegations
        signed.verify(self._root.key)
        match hash_tree.lookup(signed.tree, (b"subnet", subnet_id, b"public_key")):
            case Found(key):
                return _Signer(Principal(subnet_id), bls.public_key(key), signed.tree, _time_ns(signed.tree))
        raise CertificateNotAuthorized("the delegation shows no key of the subnet that it names")

    def _check_times(self, time_ns: int, delegated_at_ns: int | None) -> None:
        if self._max_age_seconds is None:
            return
        age = (self._clock.now_ns() - time_ns) / NANOSECONDS_PER_SECOND
        if abs(age) > self._max_age_seconds:
            raise CertificateOutdated("The network's certificate is not from this moment", age, self._max_age_seconds)
        if delegated_at_ns is None:
            return
        delegation_age = (self._clock.now_ns() - delegated_at_ns) / NANOSECONDS_PER_SECOND
        if not -self._max_age_seconds <= delegation_age <= MAX_DELEGATION_AGE_SECONDS:
            raise CertificateOutdated(
                "The delegation of the network's certificate is outdated", delegation_age, MAX_DELEGATION_AGE_SECONDS
            )


def _decode(data: bytes) -> _Signed:
    decoded = cbor.decode(data)
    if isinstance(decoded, dict) and isinstance(signature := decoded.get("signature"), bytes):
        return _Signed(hash_tree.from_cbor(decoded.get("tree")), signature, decoded.get("delegation"))
    raise MalformedCertificate("it has no signature")


def _time_ns(tree: HashTree) -> int:
    match hash_tree.lookup(tree, (b"time",)):
        case Found(value):
            return decode_unsigned(value)
    raise MalformedCertificate("it does not say its time")


@contextmanager
def _malformed_as_certificate_error() -> Iterator[None]:
    try:
        yield
    except (MalformedCbor, MalformedHashTree, MalformedLeb128, MalformedPublicKey) as error:
        raise MalformedCertificate(str(error)) from error
