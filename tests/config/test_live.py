"""What of a changed configuration holds at once, and what needs a restart."""

from __future__ import annotations

from pathlib import Path

import pytest

from quri_console.config import Config, load_config
from quri_console.config.live import live_change
from quri_console.render.config_change import change_words

BEFORE = """
[networks.local]
url = "http://127.0.0.1:4943"
[identities.poll]
pem = "poll.pem"
[canisters.registry]
id = "pnqje-qiaaa-aaaah-arodq-cai"
[monitor]
warning = "1T"
[ui]
mouse = false
theme = "quri-dark"
"""


def configured(folder: Path, text: str) -> Config:
    path = folder / "config.toml"
    path.write_text(text)
    return load_config(path)


@pytest.mark.parametrize(
    ("old", "new", "taken", "waiting"),
    [
        ("", "", (), ()),
        ('warning = "1T"', 'warning = "2T"', ("[canisters]", "[monitor]"), ()),
        ("[ui]", '[channels.ops]\nkind = "generic"\nurl_env = "OPS_URL"\n[ui]', ("[channels]",), ()),
        ('"quri-dark"', '"quri-light"', ("[ui]",), ()),
        ("4943", "4944", (), ("[networks]",)),
        ("poll.pem", "other.pem", (), ("[identities]",)),
        ("[ui]", '[paths]\nroot = "elsewhere"\n[ui]', (), ("[repository]", "[paths]")),
        ("mouse = false", "mouse = true\nbell = true", ("[ui]",), ("[ui] mouse",)),
    ],
    ids=["nothing", "threshold", "channel", "theme", "network", "identity", "paths", "mouse and bell"],
)
def test_each_table_holds_at_once_or_waits(
    tmp_path: Path, old: str, new: str, taken: tuple[str, ...], waiting: tuple[str, ...]
) -> None:
    before = configured(tmp_path, BEFORE)
    change = live_change(before, configured(tmp_path, BEFORE.replace(old, new)))
    assert (change.taken, change.waiting) == (taken, waiting)
    assert (change.config == before) is (not taken)
    words = change_words(change.taken, change.waiting)
    assert all(name in words for name in (*taken, *waiting))
    assert ("open the console again" in words) is bool(waiting)


def test_what_waits_keeps_its_old_value_and_is_named_again_by_the_next_change(tmp_path: Path) -> None:
    before = configured(tmp_path, BEFORE)
    changed = BEFORE.replace("4943", "4944").replace('"1T"', '"2T"')
    once = live_change(before, configured(tmp_path, changed))
    assert once.config.networks == before.networks
    assert once.config.monitor.thresholds.warning_cycles == 2 * 10**12
    again = live_change(once.config, configured(tmp_path, changed))
    assert (again.taken, again.waiting) == ((), ("[networks]",))
