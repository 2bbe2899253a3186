"""The repository's beginning, and what opens an encrypted one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from quri_console.console.door import Door

if TYPE_CHECKING:
    from quri_console.repository.key_changes import RemovedWay, Rotated
    from quri_console.repository.key_file import Way
    from quri_console.repository.key_files import WaysListed
    from quri_console.repository.recovery_kit import RecoveryKit
    from quri_console.repository.store import RepositoryFacts
    from quri_console.repository.ways import NewWay
    from quri_console.service.keys import KeyAccess


class RepositoryKeys(Door):
    """The repository's beginning, and what opens an encrypted one."""

    def init_repository(self, ways: Sequence[NewWay]) -> RepositoryFacts:
        """Make the configured repository, encrypted for these ways in, in the clear without any."""
        from quri_console.service import keys

        return keys.init_repository(self.session, ways)

    def key_ways(self) -> tuple[RepositoryFacts, WaysListed]:
        """Who can open the repository, and which key files are damaged."""
        from quri_console.service import keys

        return keys.key_ways(self.session)

    def add_key_ways(self, ways: Sequence[NewWay], access: KeyAccess) -> tuple[Way, ...]:
        """Let others open the repository, too."""
        from quri_console.service import keys

        return keys.add_key_ways(self.session, ways, access)

    def remove_key_way(self, which: str, access: KeyAccess) -> RemovedWay:
        """Take a way into the repository away, named by its id, how that begins, or its label."""
        from quri_console.service import keys

        return keys.remove_key_way(self.session, which, access)

    def rotate_keys(self, access: KeyAccess) -> Rotated:
        """Use a new master key for what is written from now on."""
        from quri_console.service import keys

        return keys.rotate_keys(self.session, access)

    def recovery_kit(self, access: KeyAccess) -> RecoveryKit:
        """A page to print with a secret of its own that opens the repository."""
        from quri_console.service import keys

        return keys.recovery_kit(self.session, access)
