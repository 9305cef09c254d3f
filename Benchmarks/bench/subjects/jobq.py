"""The subject itself, by its API and its command line."""

import contextlib
import datetime
import json
import subprocess
import time

from ..api import Refused
from ..jobqd import Jobqd
from ..world import Failure, Skipped
from .subject import TRUE, Subject

JOB = json.dumps({"command": [TRUE]}, separators=(",", ":"))
PAYLOAD = json.dumps({"queue": "leased", "payload": TRUE}, separators=(",", ":"))


def seconds_of(text: str) -> float:
    """RFC 3339 to seconds since 1970."""
    return datetime.datetime.fromisoformat(text).timestamp()


class Jobq(Subject):
    name = "jobq"
    durability = "fsync before the reply"

    def version(self) -> str:
        return subprocess.run(
            [self.world.binaries / "jobqd", "--version"], capture_output=True, text=True
        ).stdout.strip()

    @contextlib.contextmanager
    def daemon(self, workers: int = 8, paused: bool = True):
        with self.world.scratch() as path, Jobqd(self.world, path, workers) as daemon:
            if paused:
                daemon.api.pause()
            yield daemon

    def enqueue(self, clients: int) -> float:
        with self.daemon() as daemon:
            return self.load(
                "http", daemon.address, "--clients", clients, "--seconds", self.seconds(), "enqueue", "--job", JOB
            )

    def bulk(self, count: int) -> float:
        with self.daemon() as daemon:
            return self.load("http", daemon.address, "--count", count, "bulk", "--job", JOB)

    def run(self, count: int) -> float:
        with self.daemon() as daemon:
            last = daemon.api.enqueue_many({"command": [TRUE]}, count)["last_id"]
            started = time.time()
            daemon.api.resume()
            daemon.api.wait(last)
            daemon.api.wait_for_all()
            jobs = daemon.api.jobs()
            if len(jobs) != count or any(job["state"] != "succeeded" for job in jobs):
                raise Failure(f"of {count} jobs {sum(job['state'] == 'succeeded' for job in jobs)} succeeded")
            return count / (max(seconds_of(job["finished_at"]) for job in jobs) - started)

    def lease(self, batch: int) -> float:
        with self.daemon(paused=False) as daemon:
            try:
                daemon.api.call(
                    "POST",
                    "/v1/queues/leased/lease",
                    {"worker": "probe", "max": 1, "lease_seconds": 60, "wait_seconds": 0},
                )
            except Refused as refusal:
                if refusal.status == 404:
                    raise Skipped("the lease calls answer 404") from None
                raise
            # More than the clients can take in their time, so that the queue is never empty.
            for _ in range(self.world.count(6, 1)):
                daemon.api.enqueue_many(json.loads(PAYLOAD), 50_000)
            return self.load(
                "http",
                daemon.address,
                "--clients",
                16,
                "--seconds",
                self.seconds(),
                "--queue",
                "leased",
                "lease",
                "--max",
                batch,
            )

    def latency(self) -> float:
        with self.daemon(paused=False) as daemon:
            fifo = daemon.directory / "stamps"
            job = json.dumps({"command": [str(self.world.tools / "bench-stamp"), str(fifo)]})
            return (
                self.world.tool(
                    "bench-latency",
                    "--fifo",
                    fifo,
                    "--count",
                    self.world.count(200, 40),
                    "--protocol",
                    "http",
                    "--address",
                    daemon.address,
                    "--job",
                    job,
                )["p50_ns"]
                / 1e6
            )

    @contextlib.contextmanager
    def command(self):
        with self.daemon() as daemon:
            yield [self.world.binaries / "jobq", "enqueue", "--", TRUE], {"JOBQ_SOCKET": daemon.socket}

    @contextlib.contextmanager
    def at_rest(self):
        """Four jobs are running, and each has said so."""
        with self.daemon(workers=4, paused=False) as daemon:
            daemon.four_running()
            yield daemon.pid
