"""What the Python queues share: the driver in `peers/`, and workers of the queue's own beside it."""

import contextlib
import subprocess

from ..world import HERE, running, tool_output
from .subject import VENV, Subject

PEERS = HERE / "peers"


class PythonQueue(Subject):
    @classmethod
    def programs(cls):
        return [VENV / cls.name]

    def version(self) -> str:
        done = subprocess.run([VENV / "pip", "show", self.name], capture_output=True, text=True)
        return " ".join(
            line.removeprefix("Version: ") for line in done.stdout.splitlines() if line.startswith("Version: ")
        )

    def environment(self, path) -> dict:
        """What tells the driver and the workers where the queue is."""
        raise NotImplementedError

    def worker(self, count: int) -> list:
        """The command of a process that works on `count` jobs at once, where the queue can; else on one."""
        raise NotImplementedError

    workers_are_processes = False

    @contextlib.contextmanager
    def server(self):
        with self.world.scratch() as path:
            yield path

    def drive(self, path, mode: str, *arguments) -> dict:
        return tool_output(
            [VENV / "python", PEERS / "driver.py", self.name, mode, *arguments],
            environment=self.environment(path),
            cwd=PEERS,
        )

    @contextlib.contextmanager
    def working(self, path, count: int):
        with contextlib.ExitStack() as stack:
            for _ in range(count if self.workers_are_processes else 1):
                stack.enter_context(
                    running(
                        self.worker(count),
                        cwd=PEERS,
                        env={"PATH": "/usr/bin:/bin", **{k: str(v) for k, v in self.environment(path).items()}},
                        stdout=subprocess.DEVNULL,
                        stderr=subprocess.DEVNULL,
                    )
                )
            yield

    @contextlib.contextmanager
    def enqueue(self, clients: int):
        with self.server() as path:
            arguments = ["enqueue", "--clients", clients, "--seconds", 1]
            yield lambda: self.drive(path, *arguments)["per_second"]

    @contextlib.contextmanager
    def run(self, count: int):
        count //= 8  # Eight times slower, or more.
        with self.server() as path:

            def a_slice() -> float:
                self.drive(path, "fill", "--count", count, "--keys", path / "keys")
                with self.working(path, 8):
                    return self.drive(path, "run", "--keys", path / "keys")["per_second"]

            yield a_slice

    @contextlib.contextmanager
    def latency(self):
        with self.server() as path, self.working(path, 1):
            count = self.world.count(30, 10)
            arguments = ["latency", "--count", count, "--fifo", path / "stamps", "--stamp", self.world.stamp]
            yield lambda: self.drive(path, *arguments)["p50_ns"] / 1e6
