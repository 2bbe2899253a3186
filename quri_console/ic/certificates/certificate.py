"""A certificate whose signatures have been checked, and what it proves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from quri_console.ic.certificates.errors import MalformedCertificate, NotInCertificate
from quri_console.ic.encoding import hash_tree
from quri_console.ic.encoding.hash_tree import Absent, Found, HashTree, NotALeaf, Unknown
from quri_console.ic.encoding.principal import Principal


@dataclass(frozen=True, slots=True)
class Certificate:
    """A part of the state tree, signed by a subnet for a moment."""

    tree: HashTree
    time_ns: int
    subnet: Principal
    """The subnet that signed."""
    authority: HashTree | None
    """The verified delegation of the subnet, which shows its canister ranges; None when the root key itself signed."""

    @property
    def delegated(self) -> bool:
        """False when the root key itself signed; then no range check has been made."""
        return self.authority is not None

    def lookup(self, path: Sequence[bytes]) -> Found[bytes] | Absent | Unknown | NotALeaf:
        """What the certificate proves about `path`."""
        return hash_tree.lookup(self.tree, path)

    def value(self, path: Sequence[bytes]) -> bytes | None:
        """The value at `path`, or None if it provably has none.

        Raises NotInCertificate if the path is pruned, MalformedCertificate if it leads to further labels.
        """
        match self.lookup(path):
            case Found(value):
                return value
            case Absent():
                return None
            case Unknown():
                raise NotInCertificate(_words(path))
        raise MalformedCertificate(f"{_words(path)} is not a value")


def node_keys(certificate: Certificate, subnet: Principal) -> Mapping[bytes, bytes]:
    """The DER-encoded Ed25519 keys of a subnet's nodes by node id, from a certificate of `/subnet`.

    Raises NotInCertificate when the certificate shows no node of that subnet.
    """
    path = (b"subnet", subnet.bytes, b"node")
    keys: dict[bytes, bytes] = {}
    for node in hash_tree.list_labels(certificate.tree, path):
        key = certificate.value((*path, node, b"public_key"))
        if key is not None:
            keys[node] = key
    if not keys:
        raise NotInCertificate(_words(path))
    return keys


def _words(path: Sequence[bytes]) -> str:
    return "".join(f"/{_label(label)}" for label in path)


def _label(label: bytes) -> str:
    return label.decode() if label.isascii() and label.decode().isprintable() else label.hex()
