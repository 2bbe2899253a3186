"""The recovery kit: a page to print, whose secret opens the repository when every other one is lost."""

from __future__ import annotations

import os
from dataclasses import dataclass, field

from quri_console.clock import Clock, SystemClock, utc_datetime
from quri_console.repository import age
from quri_console.repository.backend import Backend
from quri_console.repository.key_changes import add_way
from quri_console.repository.key_file import Way, key_file_name
from quri_console.repository.secret_files import Secrets
from quri_console.repository.store import REPOSITORY_FORMAT, RepositoryFacts
from quri_console.repository.vault import Randomness
from quri_console.repository.ways import recipient_way

_PAGE = """\
QURI-CONSOLE RECOVERY KIT

Whoever has this page and a copy of the repository can read every backup in it. Print it, keep it where
the repository is not, and keep no file of it. It is shown only once.

  Repository   {repository}
  Where        {location}
  Format       {format}
  Way in       {way} ({label})
  Made at      {made}

The secret, an age identity. It has a checksum of its own, so a mistyped character is noticed:

  {secret}

To get access again:

  1. Write the secret as the only line of a new file, and make it readable by you alone:
     chmod 600 recovery.txt
  2. Set these lines in config.toml:
     [repository]
     path = "WHERE THE REPOSITORY, OR A COPY OF IT, IS NOW"
     identity = "recovery.txt"
  3. See who can open it, and make a way in for everyday use:
     quri-console key list
     quri-console key add --recipient age1…        (or --passphrase)
  4. Check that the backups are whole, and restore:
     quri-console list
     quri-console check --read-data
  5. This page may have been seen meanwhile. Take it out of use and make a new one:
     quri-console key remove {way}
     quri-console key rotate
     quri-console key recovery-kit

Without quri-console: {key_file} in the repository (a later rotation counts its last number up)
holds an age text. age (https://age-encryption.org) opens it to the keys:

     sed -n '/BEGIN AGE/,/END AGE/p' {key_file} | age --decrypt -i recovery.txt
"""


@dataclass(frozen=True, slots=True)
class RecoveryKit:
    """A page with a secret, and the way in that was made for it. The secret is kept nowhere else."""

    way: Way
    page: str = field(repr=False)


def make_recovery_kit(
    backend: Backend,
    facts: RepositoryFacts,
    secrets: Secrets,
    clock: Clock | None = None,
    randomness: Randomness = os.urandom,
) -> RecoveryKit:
    """Make a way in with an identity of its own, and the page that explains it; a lock must be held.

    Raises as `add_way`.
    """
    clock = clock or SystemClock()
    secret, recipient = age.new_identity()
    today = utc_datetime(clock.now_ns()).date()
    new = recipient_way(recipient, f"recovery kit {today.isoformat()}")
    way = add_way(backend, facts, secrets, new, clock, randomness)
    page = _PAGE.format(
        repository=facts.id,
        location=backend.location,
        format=REPOSITORY_FORMAT,
        way=way.id,
        label=way.label,
        made=f"{way.created_at:%Y-%m-%d %H:%M:%S} UTC",
        secret=secret,
        key_file=key_file_name(way.id, 1),
    )
    return RecoveryKit(way, page)
