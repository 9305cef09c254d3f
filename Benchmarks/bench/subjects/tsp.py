"""task-spooler: a queue for one person's shell, in memory."""

import contextlib
import os
import shutil
import subprocess
import time

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
        done = subprocess.run(["tsp", "-V"], capture_output=True, text=True)
        return done.stdout.splitlines()[0].split(" - ")[0]

    @contextlib.contextmanager
    def server(self):
        with self.world.scratch() as path:
            environment = {"TS_SOCKET": str(path / "s"), "TMPDIR": str(path), "TS_MAXFINISHED": "20"}
            try:
                yield environment, path
            finally:
                self.tsp(environment, "-K")

    def tsp(self, environment: dict, *arguments) -> str:
        argv = ["tsp", *map(str, arguments)]
        quiet = {"stdin": subprocess.DEVNULL, "capture_output": True, "text": True}
        return subprocess.run(argv, env={**os.environ, **environment}, timeout=60, **quiet).stdout.strip()

    @contextlib.contextmanager
    def gate(self, environment: dict, path):
        """One slot, taken by a job that waits: what is enqueued stays queued. The block is given the way to open it."""
        fifo = path / "gate"
        if not fifo.exists():
            os.mkfifo(fifo)
        self.tsp(environment, "-S", 1)
        self.tsp(environment, "sh", "-c", f"read x < {fifo}")
        with open(fifo, "w") as way:  # Returns when the job has opened its end.
            yield way

    @contextlib.contextmanager
    def run(self, count: int):
        count = min(count, MOST)
        with self.server() as (environment, path):

            def a_slice() -> float:
                with self.gate(environment, path) as way:
                    for _ in range(count):
                        last = self.tsp(environment, TRUE)
                    self.tsp(environment, "-S", 8)
                    started = time.monotonic()
                    way.write("go\n")
                    way.flush()
                    self.tsp(environment, "-w", last)
                    return count / (time.monotonic() - started)

            yield a_slice

    @contextlib.contextmanager
    def latency(self):
        with self.server() as (environment, path):
            fifo = path / "stamps"
            yield self.probe(fifo, "--", shutil.which("tsp"), self.world.stamp, fifo, environment=environment)

    @contextlib.contextmanager
    def command(self):
        with self.server() as (environment, path), self.gate(environment, path):
            yield [shutil.which("tsp"), TRUE], environment
