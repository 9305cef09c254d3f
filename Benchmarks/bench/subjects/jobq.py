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
LEASED = "leased"


def seconds_of(text: str) -> float:
    """RFC 3339 to seconds since 1970."""
    return datetime.datetime.fromisoformat(text).timestamp()


class Jobq(Subject):
    name = "jobq"
    durability = "fsync before the reply"

    def version(self) -> str:
        done = subprocess.run([self.world.binaries / "jobqd", "--version"], capture_output=True, text=True)
        return done.stdout.strip()

    @contextlib.contextmanager
    def daemon(self, workers: int = 8, paused: bool = True):
        with self.world.scratch() as path, Jobqd(self.world, path, workers) as daemon:
            if paused:
                daemon.api.pause()
            yield daemon

    @contextlib.contextmanager
    def enqueue(self, clients: int):
        with self.daemon() as daemon:
            yield self.clients("http", daemon.address, clients, "enqueue", "--job", JOB)

    @contextlib.contextmanager
    def bulk(self, count: int):
        with self.daemon() as daemon:
            yield lambda: self.load("http", daemon.address, "--count", count, "bulk", "--job", JOB)

    @contextlib.contextmanager
    def run(self, count: int):
        with self.daemon() as daemon:

            def a_slice() -> float:
                daemon.api.pause()
                receipt = daemon.api.enqueue_many({"command": [TRUE]}, count)
                started = time.time()
                daemon.api.resume()
                daemon.api.wait(receipt["last_id"])
                daemon.api.wait_for_all()
                jobs = [job for job in daemon.api.newest(count) if job["id"] >= receipt["first_id"]]
                succeeded = sum(job["state"] == "succeeded" for job in jobs)
                if succeeded != count:
                    raise Failure(f"of {count} jobs {succeeded} succeeded")
                return count / (max(seconds_of(job["finished_at"]) for job in jobs) - started)

            yield a_slice

    @contextlib.contextmanager
    def lease(self, batch: int):
        with self.daemon(paused=False) as daemon:
            question = {"worker": "probe", "max": 1, "lease_seconds": 60, "wait_seconds": 0}
            try:
                daemon.api.call("POST", f"/v1/queues/{LEASED}/lease", question)
            except Refused as refusal:
                if refusal.status == 404:
                    raise Skipped("the lease calls answer 404") from None
                raise
            # More than the clients can take in their time, so that the queue is never empty.
            for _ in range(self.world.count(6, 2)):
                daemon.api.enqueue_many({"queue": LEASED, "payload": TRUE}, 50_000)
            yield self.clients("http", daemon.address, 16, "--queue", LEASED, "lease", "--max", batch)

    @contextlib.contextmanager
    def latency(self):
        with self.daemon(paused=False) as daemon:
            fifo = daemon.directory / "stamps"
            job = json.dumps({"command": [str(self.world.stamp), str(fifo)]})
            yield self.probe(fifo, "--protocol", "http", "--address", daemon.address, "--job", job)

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
