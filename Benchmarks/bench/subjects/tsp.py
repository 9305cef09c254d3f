"""task-spooler: a queue for one person's shell, in memory."""

import contextlib
import os
import shutil
import subprocess
import time

from ..world import tool_output
from .subject import TRUE, Subject

# Near a thousand jobs its server ends.
MOST = 500


class TaskSpooler(Subject):
    name = "tsp"
    durability = "none: in memory"

    @staticmethod
    def programs():
        return ["tsp"]

    def version(self) -> str:
        return subprocess.run(["tsp", "-V"], capture_output=True, text=True).stdout.splitlines()[0].split(" - ")[0]

    @contextlib.contextmanager
    def server(self):
        with self.world.scratch() as path:
            environment = {"TS_SOCKET": str(path / "s"), "TMPDIR": str(path), "TS_MAXFINISHED": "20"}
            try:
                yield environment, path
            finally:
                self.tsp(environment, "-K")

    def tsp(self, environment: dict, *arguments) -> str:
        done = subprocess.run(
            ["tsp", *map(str, arguments)],
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
        )
        return done.stdout.strip()

    @contextlib.contextmanager
    def gate(self, environment: dict, path):
        """One slot, taken by a job that waits: what is enqueued stays queued. The block is given the way to open it."""
        fifo = path / "gate"
        os.mkfifo(fifo)
        self.tsp(environment, "-S", 1)
        self.tsp(environment, "sh", "-c", f"read x < {fifo}")
        with open(fifo, "w") as way:  # Returns when the job has opened its end.
            yield way

    def run(self, count: int) -> float:
        count = min(count, MOST)
        with self.server() as (environment, path), self.gate(environment, path) as way:
            for _ in range(count):
                last = self.tsp(environment, TRUE)
            self.tsp(environment, "-S", 8)
            started = time.monotonic()
            way.write("go\n")
            way.flush()
            self.tsp(environment, "-w", last)
            return count / (time.monotonic() - started)

    def latency(self) -> float:
        with self.server() as (environment, path):
            fifo = path / "stamps"
            argv = [
                self.world.tools / "bench-latency",
                "--fifo",
                fifo,
                "--count",
                self.world.count(200, 40),
                "--",
                shutil.which("tsp"),
                self.world.tools / "bench-stamp",
                fifo,
            ]
            return tool_output(argv, environment=environment)["p50_ns"] / 1e6

    @contextlib.contextmanager
    def command(self):
        with self.server() as (environment, path), self.gate(environment, path):
            yield [shutil.which("tsp"), TRUE], environment
