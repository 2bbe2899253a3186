"""The service log: what `watch`, consoles, schedules and runners did, as JSON lines, for whoever looks afterwards.

    logs/watch.jsonl     the newest lines of processes of that kind; console, schedule and runner have such files, too
    logs/watch.jsonl.1   what was there before; higher numbers are older
    logs/lock            held while a line is written or a file gives way

Any number of processes write at once. Each line is one write to a file opened for it at its end, so lines never mix and
none goes into a file that somebody has moved for good; a file gives way under the lock only, by the rotation of the
standard library. Who does not get the lock in time, because its holder was halted, writes without and moves nothing.
"""
