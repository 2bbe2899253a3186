"""A configuration that was changed while a program runs on an older one: what of it can hold at once."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

from quri_console.config.model import Config

_STARTED_WITH = ("networks", "identities", "repository", "paths")
"""Tables that connections, keys and open files were made of: another value would be half a change."""
_UI_STARTED_WITH = ("theme_dir", "mouse", "low_bandwidth", "ascii")


@dataclass(frozen=True, slots=True)
class LiveChange:
    """`config` is what can hold from now on: the new one but for what needs a restart.

    `taken` names the tables that are different in it, `waiting` those (or their fields) that need a restart.
    """

    config: Config
    taken: tuple[str, ...] = ()
    waiting: tuple[str, ...] = ()


def live_change(old: Config, new: Config) -> LiveChange:
    """What of `new` can hold at once in a program that runs on `old`."""
    kept = {name: getattr(old, name) for name in ("path", *_STARTED_WITH)}
    ui = replace(new.ui, **{name: getattr(old.ui, name) for name in _UI_STARTED_WITH})
    monitor = replace(new.monitor, log=old.monitor.log)
    config = replace(new, **kept, ui=ui, monitor=monitor)
    taken = tuple(_table(field.name) for field in fields(Config) if _of(config, field.name) != _of(old, field.name))
    waiting = [_table(name) for name in _STARTED_WITH if _of(old, name) != _of(new, name)]
    waiting += [f"[ui] {name}" for name in _UI_STARTED_WITH if getattr(old.ui, name) != getattr(new.ui, name)]
    if old.monitor.log != new.monitor.log:
        waiting.append("[monitor.log]")
    return LiveChange(config, taken, tuple(waiting))


def _of(config: Config, name: str) -> object:
    return getattr(config, name)


def _table(name: str) -> str:
    return f"[{name}]"
