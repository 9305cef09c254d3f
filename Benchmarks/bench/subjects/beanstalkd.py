"""beanstalkd with a log and `-f0`, its only durable setting, and the worker that its user has to write."""

import contextlib
import subprocess

from ..world import running, wait_for_socket
from .subject import TRUE, Subject


class Beanstalkd(Subject):
    name = "beanstalkd"
    durability = "-f0: fsync before the reply"

    @staticmethod
    def programs():
        return ["beanstalkd"]

    def version(self) -> str:
        return subprocess.run(["beanstalkd", "-v"], capture_output=True, text=True).stdout.strip()

    @contextlib.contextmanager
    def server(self):
        with self.world.scratch() as path:
            (path / "log").mkdir()
            (path / "output").mkdir()
            with running(["beanstalkd", "-b", path / "log", "-f0", "-l", f"unix:{path}/s"]) as process:
                wait_for_socket(path / "s", process)
                yield f"unix:{path}/s", process.pid, path

    @contextlib.contextmanager
    def enqueue(self, clients: int):
        with self.server() as (address, _, _):
            yield self.clients("beanstalk", address, clients, "enqueue", "--job", TRUE)

    @contextlib.contextmanager
    def bulk(self, count: int):
        # It syncs each job by itself, so that fewer tell as much.
        with self.server() as (address, _, _):
            yield lambda: self.load("beanstalk", address, "--count", count // 10, "bulk", "--job", TRUE)

    @contextlib.contextmanager
    def run(self, count: int):
        with self.server() as (address, _, path):
            arguments = ["--address", address, "--logs", path / "output", "--count", count]

            def a_slice() -> float:
                self.load("beanstalk", address, "--clients", 16, "--count", count, "enqueue", "--job", TRUE)
                return self.world.tool("bench-worker", *arguments)["per_second"]

            yield a_slice

    @contextlib.contextmanager
    def lease(self, batch: int):
        with self.server() as (address, _, _):
            count = self.world.count(40_000, 10_000)
            self.load("beanstalk", address, "--clients", 16, "--count", count, "enqueue", "--job", TRUE)
            yield self.clients("beanstalk", address, 16, "lease", "--max", batch)

    @contextlib.contextmanager
    def latency(self):
        with self.server() as (address, _, path):
            fifo = path / "stamps"
            worker = [
                self.world.tools / "bench-worker",
                "--address",
                address,
                "--logs",
                path / "output",
                "--parallel",
                1,
            ]
            with running(worker):
                job = f"{self.world.stamp} {fifo}"
                yield self.probe(fifo, "--protocol", "beanstalk", "--address", address, "--job", job)

    @contextlib.contextmanager
    def command(self):
        with self.server() as (address, _, _):
            client = [self.world.tools / "bench-load", "--protocol", "beanstalk", "--address", address, "--count", "1"]
            yield [*client, "enqueue", "--job", TRUE], {}

    @contextlib.contextmanager
    def at_rest(self):
        with self.server() as (_, pid, _):
            yield pid
