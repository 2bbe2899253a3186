"""`import`: whose copy it is, on which network, into which repository; one faulty source leaves the others alone."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

from quri_console.backup.browse import open_backup
from quri_console.config.model import MAINNET_ROOT_KEY_SHA256
from quri_console.repository.archive import write_archive
from quri_console.repository.locks import acquire, list_locks
from quri_console.repository.store import Repository
from tests.support.backups import ORIGIN, REGISTRY, RUNE_ENGINE, MadeUpState, repository_in, write_backup, write_snapshot
from tests.support.command import Finished, invoke
from tests.support.key_holders import made_repository as encrypted_repository  # noqa: F401 - see below
from tests.support.legacy_backups import IDS, LegacyRun, canister_texts, write_directory
from tests.support.old_sets import write_old_set

Capture = pytest.CaptureFixture[str]
ROOT_KEY = b"a root key, which nobody asks anything here"
CONFIG = """
[networks.local]
url = "http://127.0.0.1:9"
root_key = "{root_key}"
production = false
[networks.ic]
url = "http://127.0.0.1:9"
[canisters.rune-engine]
id = "{rune_engine}"
[repository]
path = "repository"
[paths]
root = "root"
"""
