"""Writes a line that repeats itself once, then counts it: a network that is gone for a night must not fill the log."""

from __future__ import annotations

from dataclasses import dataclass, replace

from quri_console.clock import NANOSECONDS_PER_SECOND
from quri_console.service_log.line import LogLine

WINDOW_SECONDS = 60
WINDOW_NS = WINDOW_SECONDS * NANOSECONDS_PER_SECOND
MOST_DIFFERENT = 2_000
"""So many different lines a window; what is beyond them is only counted."""
_Key = tuple[str, str, str, tuple[tuple[str, object], ...]]


@dataclass(slots=True)
class _Seen:
    line: LogLine
    since_ns: int
    count: int = 0


class Repeats:
    """What was written lately by one process, and how often it came again."""

    def __init__(self) -> None:
        self._seen: dict[_Key, _Seen] = {}
        self._beyond: _Seen | None = None
        # before its window is over no other's is: nothing has to be looked through
        self._oldest_ns = 0

    def admit(self, line: LogLine, *, news: bool = False) -> tuple[LogLine, ...]:
        """What to write now that this line has come: counts that are due, and the line unless it is a repetition."""
        due = self.due(line.at_ns)
        if news:
            return (*due, line)
        key = (line.level, line.event, line.text, tuple(sorted(line.facts.items())))
        seen = self._seen.get(key)
        if seen is not None:
            seen.count += 1
            return due
        if len(self._seen) >= MOST_DIFFERENT:
            self._beyond = self._beyond or _Seen(line, line.at_ns)
            self._beyond.count += 1
            return due
        if not self._seen:
            self._oldest_ns = line.at_ns
        self._seen[key] = _Seen(line, line.at_ns)
        return (*due, line)

    def due(self, now_ns: int, *, all_of_them: bool = False) -> tuple[LogLine, ...]:
        """The counts whose time is over, oldest first; a line that goes on repeating itself goes on being counted."""
        if not all_of_them and 0 <= now_ns - self._oldest_ns < WINDOW_NS:
            return self._beyond_due(now_ns, all_of_them=False)
        found = []
        for key, seen in list(self._seen.items()):
            # a clock that was put back ends the window, too
            if not (all_of_them or not 0 <= now_ns - seen.since_ns < WINDOW_NS):
                continue
            if seen.count:
                found.append(_counted(seen, now_ns))
            if all_of_them or not seen.count:
                del self._seen[key]
            else:
                seen.since_ns, seen.count = now_ns, 0
        self._oldest_ns = min((seen.since_ns for seen in self._seen.values()), default=now_ns)
        return (*found, *self._beyond_due(now_ns, all_of_them=all_of_them))

    def _beyond_due(self, now_ns: int, *, all_of_them: bool) -> tuple[LogLine, ...]:
        beyond = self._beyond
        if beyond is None or not (all_of_them or not 0 <= now_ns - beyond.since_ns < WINDOW_NS):
            return ()
        self._beyond = None
        text = f"{beyond.count} more lines were left out in {_seconds(beyond, now_ns)} s: too many different ones"
        return (replace(beyond.line, at_ns=now_ns, level="warning", event="log", text=text, facts={}),)


def _counted(seen: _Seen, now_ns: int) -> LogLine:
    times = "once more" if seen.count == 1 else f"{seen.count} times"
    text = f"repeated {times} in {_seconds(seen, now_ns)} s: {seen.line.text}"
    return replace(seen.line, at_ns=now_ns, text=text, facts={**seen.line.facts, "repeated": seen.count})


def _seconds(seen: _Seen, now_ns: int) -> int:
    return max(round((now_ns - seen.since_ns) / NANOSECONDS_PER_SECOND), 0)
