"""The rows of the table: what is measured, against which limit, and what is asked of jobq."""

import dataclasses
import operator
import statistics
import time
from collections.abc import Callable

from .subjects.subject import TRUE
from .world import World, context_switches, memory_megabytes, switches_between


@dataclasses.dataclass
class Sample:
    """One measurement: the figure as measured, the limit beside it, and the value that the row judges."""

    figure: float
    limit: float | None
    value: float
    # The limit's own slices, least and most: where they are far apart the machine was not quiet.
    limit_range: tuple[float, float] | None = None


@dataclasses.dataclass
class Row:
    key: str
    title: str
    # What `figure` and `value` are in, and what the limit is.
    unit: str
    value: str
    limit: str
    must: float
    goal: float
    # The method of a subject that the row needs; one without it is left out.
    work: str
    measure: Callable[[World, object], Sample]
    more_is_better: bool = True
    note: str = ""

    def judge(self, value: float, against: float) -> bool:
        return value >= against if self.more_is_better else value <= against


SLICES = 3


def in_turn(limit: Callable[[], float], figure: Callable[[], float], value: Callable[[float, float], float]) -> Sample:
    """Figure and limit, a slice of each in turn: a disk is ten times slower now than a few seconds ago."""
    limits, figures = [limit()], []
    for _ in range(SLICES):
        figures.append(figure())
        limits.append(limit())
    measured, against = statistics.mean(figures), statistics.mean(limits)
    return Sample(measured, against, value(measured, against), (min(limits), max(limits)))


def ratio(limit: Callable[[World], Callable[[], float]], work: Callable[[World, object], object]):
    """`work` gives a context of a callable: one slice of the subject's work, as a rate."""

    def measure(world: World, subject) -> Sample:
        with work(world, subject) as a_slice:
            return in_turn(limit(world), a_slice, operator.truediv)

    return measure


def appends(world: World):
    return world.appends_per_second


def spawns(world: World):
    return world.spawns_per_second


def latency(world: World, subject) -> Sample:
    with subject.latency() as a_slice:
        return in_turn(world.spawn_latency, a_slice, operator.sub)


def command(world: World, subject) -> Sample:
    with subject.command() as (argv, environment):
        return in_turn(
            lambda: world.process_time(TRUE),
            lambda: world.process_time(*argv, environment=environment),
            operator.truediv,
        )


def memory(world: World, subject) -> Sample:
    with subject.at_rest() as pid:
        time.sleep(2)  # What starting has left to do.
        megabytes = memory_megabytes(pid)
    return Sample(megabytes, None, megabytes)


def switches(world: World, subject) -> Sample:
    with subject.at_rest() as pid:
        time.sleep(8)  # The runtime's idle threads end five seconds after their last work.
        before = context_switches(pid)
        time.sleep(10)
        count = switches_between(before, context_switches(pid))
    return Sample(count, 0, count)


ROWS = [
    Row(
        "enqueue-1",
        "durable enqueue, 1 client",
        "/s",
        "× limit",
        "1 fdatasync append",
        0.45,
        0.9,
        "enqueue",
        ratio(appends, lambda world, subject: subject.enqueue(1)),
    ),
    Row(
        "enqueue-16",
        "durable enqueue, 16 clients",
        "/s",
        "× limit",
        "1 fdatasync append",
        2.2,
        4.6,
        "enqueue",
        ratio(appends, lambda world, subject: subject.enqueue(16)),
    ),
    Row(
        "bulk",
        "durable bulk of 50,000",
        "/s",
        "× limit",
        "1 fdatasync append",
        15,
        30,
        "bulk",
        ratio(appends, lambda world, subject: subject.bulk(world.count(50_000, 10_000))),
    ),
    Row(
        "run",
        "run /bin/true to its recorded end, 8 at once",
        "/s",
        "× limit",
        "posix_spawn + waitpid, 8 at once",
        0.45,
        0.8,
        "run",
        ratio(spawns, lambda world, subject: subject.run(world.count(2000, 400))),
    ),
    Row(
        "lease-1",
        "lease + complete, 16 workers, 1 at a time",
        "/s",
        "× limit",
        "1 fdatasync append",
        1.0,
        2.5,
        "lease",
        ratio(appends, lambda world, subject: subject.lease(1)),
    ),
    Row(
        "lease-10",
        "lease + complete, 16 workers, 10 at a time",
        "/s",
        "× limit",
        "1 fdatasync append",
        4,
        10,
        "lease",
        ratio(appends, lambda world, subject: subject.lease(10)),
    ),
    Row(
        "latency",
        "enqueue → process started, idle, p50",
        "ms",
        "ms above the limit",
        "plain posix_spawn",
        2.0,
        0.7,
        "latency",
        latency,
        more_is_better=False,
    ),
    Row(
        "command",
        "the whole command that enqueues, durable",
        "ms",
        "× limit",
        "/bin/true",
        9,
        4,
        "command",
        command,
        more_is_better=False,
    ),
    Row(
        "memory-idle",
        "memory (PSS), four running",
        "MB",
        "MB",
        "–",
        24,
        8,
        "at_rest",
        memory,
        more_is_better=False,
        note="peers: the server alone, nothing running",
    ),
    Row(
        "switches",
        "context switches in 10 idle s, four running",
        "",
        "switches",
        "0",
        60,
        5,
        "at_rest",
        switches,
        more_is_better=False,
        note="peers: the server alone, nothing running",
    ),
]
