"""Why an answer of the network is not believed."""

from __future__ import annotations

from quri_console.errors import NetworkError


class CertificateError(NetworkError):
    """The network's proof of an answer does not hold; nothing of the answer may be used."""


class MalformedCertificate(CertificateError):
    """The proof is not in the form that the interface specification describes."""

    def __init__(self, why: str) -> None:
        super().__init__(
            "The network's certificate is malformed",
            why=why,
            next_step="Check that the URL is an Internet Computer boundary node or replica.",
        )


class InvalidSignature(CertificateError):
    """The proof is not signed by the key that it must be signed by."""

    def __init__(self, why: str) -> None:
        super().__init__(
            "The network's signature does not verify",
            why=why,
            next_step="Check that the root key in the configuration is the key of this network; "
            "a local network has a new one after each start.",
        )


class CertificateOutdated(CertificateError):
    """The proof is from another time than this machine's clock shows."""

    def __init__(self, what: str, age_seconds: float, allowed_seconds: float) -> None:
        direction = "behind" if age_seconds > 0 else "ahead of"
        super().__init__(
            what,
            why=f"its time is {abs(age_seconds):,.0f} s {direction} this machine's clock; "
            f"{allowed_seconds:,.0f} s are allowed",
            next_step="Set this machine's clock (`timedatectl` shows it); if it is right, the replica is stuck.",
        )
        self.age_seconds = age_seconds


class CertificateNotAuthorized(CertificateError):
    """The subnet that signed may not speak for this canister or subnet."""

    def __init__(self, why: str) -> None:
        super().__init__(
            "The network's certificate is from a subnet that may not speak for this canister",
            why=why,
            next_step="Check the canister's id and the network; do not trust the answer.",
        )


class TooManyDelegations(CertificateError):
    """The delegation is itself delegated; only the root key may delegate."""

    def __init__(self) -> None:
        super().__init__("The network's certificate has a chain of delegations", why="only one is allowed")


class NotInCertificate(CertificateError):
    """The proof leaves out what was asked for, so that neither presence nor absence is known."""

    def __init__(self, path: str) -> None:
        super().__init__("The network's certificate leaves out what was asked for", why=f"{path} is pruned")


class MissingSignature(CertificateError):
    """A query was answered without any node's signature."""

    def __init__(self) -> None:
        super().__init__("The answer to a query carries no node's signature")


class TooManySignatures(CertificateError):
    """A query's answer has more signatures than its subnet has nodes."""

    def __init__(self, signatures: int, nodes: int) -> None:
        super().__init__("The answer to a query has too many signatures", why=f"{signatures} from {nodes} nodes")


class UnknownNode(CertificateError):
    """A query was signed by a node that the subnet's certified list does not have (it may be newer than the list)."""

    def __init__(self, node: str) -> None:
        super().__init__("The answer to a query is signed by a node that is not of this subnet", why=node)
