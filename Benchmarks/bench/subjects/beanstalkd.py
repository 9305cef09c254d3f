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
            with running(["beanstalkd", "-b", path / "log", "-f0", "-l", f"unix:{path}/s"]) as process:
                wait_for_socket(path / "s", process)
                yield f"unix:{path}/s", process.pid, path

    def enqueue(self, clients: int) -> float:
        with self.server() as (address, _, _):
            return self.load(
                "beanstalk", address, "--clients", clients, "--seconds", self.seconds(), "enqueue", "--job", TRUE
            )

    def bulk(self, count: int) -> float:
        with self.server() as (address, _, _):
            return self.load("beanstalk", address, "--count", count, "bulk", "--job", TRUE)

    def run(self, count: int) -> float:
        with self.server() as (address, _, path):
            self.load("beanstalk", address, "--count", count, "bulk", "--job", TRUE)
            (path / "output").mkdir()
            return self.world.tool("bench-worker", "--address", address, "--logs", path / "output", "--count", count)[
                "per_second"
            ]

    def lease(self, batch: int) -> float:
        with self.server() as (address, _, _):
            self.load(
                "beanstalk",
                address,
                "--clients",
                16,
                "--count",
                self.world.count(40_000, 10_000),
                "enqueue",
                "--job",
                TRUE,
            )
            return self.load(
                "beanstalk", address, "--clients", 16, "--seconds", self.seconds(), "lease", "--max", batch
            )

    def latency(self) -> float:
        with self.server() as (address, _, path):
            (path / "output").mkdir()
            fifo = path / "stamps"
            with running(
                [self.world.tools / "bench-worker", "--address", address, "--logs", path / "output", "--parallel", 1]
            ):
                return (
                    self.world.tool(
                        "bench-latency",
                        "--fifo",
                        fifo,
                        "--count",
                        self.world.count(200, 40),
                        "--protocol",
                        "beanstalk",
                        "--address",
                        address,
                        "--job",
                        f"{self.world.tools / 'bench-stamp'} {fifo}",
                    )["p50_ns"]
                    / 1e6
                )

    @contextlib.contextmanager
    def command(self):
        with self.server() as (address, _, _):
            yield (
                [
                    self.world.tools / "bench-load",
                    "--protocol",
                    "beanstalk",
                    "--address",
                    address,
                    "--count",
                    "1",
                    "enqueue",
                    "--job",
                    TRUE,
                ],
                {},
            )

    @contextlib.contextmanager
    def at_rest(self):
        with self.server() as (_, pid, _):
            yield pid
