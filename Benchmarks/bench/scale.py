"""The rows on 1,000,000 queued and 1,000,000 ended jobs, against a daemon beside it that has none.

The state is made through the API alone. Ended jobs: 50,000 at a time wait for a held one; cancelling that cancels them.
"""

import contextlib
import statistics
import time

from .jobqd import Jobqd
from .rows import Row, Sample
from .subjects.jobq import JOB
from .subjects.subject import TRUE, note
from .world import Failure, World, cpu_seconds, memory_megabytes

BATCH = 50_000


def rows() -> list[Row]:
    """They are measured together, so none has a `measure` of its own."""

    def row(key, title, unit, value, limit, must, goal, more_is_better):
        return Row(key, title, unit, value, limit, must, goal, "", None, more_is_better)

    return [
        row(
            "scale-enqueue",
            "with 1,000,000 queued and 1,000,000 ended: enqueue",
            "/s",
            "× empty",
            "the same when empty",
            0.75,
            0.95,
            True,
        ),
        row("scale-claim", "… claim (run /bin/true)", "/s", "× empty", "the same when empty", 0.7, 0.95, True),
        row(
            "scale-cpu",
            "… the daemon's CPU for a run",
            "ms",
            "× empty",
            "the same when empty",
            1 / 0.7,
            1 / 0.95,
            False,
        ),
        row("scale-status", "… status, p50", "ms", "ms", "the same when empty", 20, 5, False),
        row("scale-memory", "memory (PSS) with 1,000,000 queued", "MB", "MB", "–", 60, 20, False),
        row("scale-ready", "ready after kill -9 with 1,000,000 queued", "s", "s", "–", 5, 0.5, False),
    ]


def build(daemon: Jobqd, jobs: int):
    """`jobs` ended and `jobs` queued; the daemon is paused."""
    for _ in range(jobs // BATCH):
        gate = daemon.api.enqueue({"command": [TRUE], "hold": True})
        daemon.api.enqueue_many({"command": [TRUE], "after": [gate]}, BATCH)
        daemon.api.call("POST", f"/v1/jobs/{gate}/cancel")
    for _ in range(jobs // BATCH):
        daemon.api.enqueue_many({"command": [TRUE]}, BATCH)
    # What waited for the gates is told of their ends in steps, a thousand jobs a transaction.
    while (counts := daemon.api.status()["counts"])["blocked"] > 0:
        time.sleep(0.5)
    if counts["queued"] < jobs or counts["cancelled"] < jobs:
        raise Failure(f"the state is not what was asked: {counts}")


def enqueues_per_second(world: World, daemon: Jobqd) -> float:
    return world.tool(
        "bench-load",
        "--protocol",
        "http",
        "--address",
        daemon.address,
        "--seconds",
        world.count(2, 1),
        "enqueue",
        "--job",
        JOB,
    )["per_second"]


def runs(world: World, daemon: Jobqd) -> tuple[float, float]:
    """Runs a second over some seconds, and the daemon's own CPU milliseconds for each."""
    ended = daemon.api.status()["counts"]["succeeded"]
    cpu, started = cpu_seconds(daemon.pid), time.monotonic()
    daemon.api.resume()
    time.sleep(world.count(4, 2))
    daemon.api.pause()
    ended = daemon.api.status()["counts"]["succeeded"] - ended
    return ended / (time.monotonic() - started), (cpu_seconds(daemon.pid) - cpu) * 1000 / ended


def status_ms(daemon: Jobqd) -> float:
    took = []
    for _ in range(100):
        before = time.monotonic()
        daemon.api.status()
        took.append((time.monotonic() - before) * 1000)
    return statistics.median(took)


def seconds_to_ready(daemon: Jobqd) -> float:
    daemon.crash()
    daemon.start()
    daemon.api.call("GET", "/healthz")
    return time.monotonic() - daemon.started


def measure(world: World, times: int) -> dict[str, list[Sample]]:
    """Samples by row, each of the full daemon and the empty one in turn."""
    jobs = world.count(1_000_000, 2 * BATCH)
    samples: dict[str, list[Sample]] = {row.key: [] for row in rows()}
    with contextlib.ExitStack() as stack:
        empty, full = (stack.enter_context(Jobqd(world, stack.enter_context(world.scratch()))) for _ in range(2))
        empty.api.pause()
        full.api.pause()
        started = time.monotonic()
        build(full, jobs)
        note(f"  {jobs:,} ended and {jobs:,} queued in {time.monotonic() - started:.0f} s")
        for _ in range(times):
            fast, slow = enqueues_per_second(world, empty), enqueues_per_second(world, full)
            samples["scale-enqueue"].append(Sample(slow, fast, slow / fast))
            empty.api.enqueue_many({"command": [TRUE]}, 20_000)
            (fast, low), (slow, high) = runs(world, empty), runs(world, full)
            samples["scale-claim"].append(Sample(slow, fast, slow / fast))
            samples["scale-cpu"].append(Sample(high, low, high / low))
            quick, long = status_ms(empty), status_ms(full)
            samples["scale-status"].append(Sample(long, quick, long))
            megabytes = memory_megabytes(full.pid)
            samples["scale-memory"].append(Sample(megabytes, None, megabytes))
        for _ in range(times):
            seconds = seconds_to_ready(full)
            samples["scale-ready"].append(Sample(seconds, None, seconds))
    return samples
