"""rq over a Redis that syncs every write."""

import contextlib

from .python import VENV, PythonQueue
from .redis import Redis


class RQ(PythonQueue):
    name = "rq"
    durability = Redis.durability
    workers_are_processes = True

    @classmethod
    def programs(cls):
        return [VENV / "rq", *Redis.programs()]

    @contextlib.contextmanager
    def server(self):
        with self.world.scratch() as path, Redis(self.world).server() as (address, _):
            (path / "socket").symlink_to(address.removeprefix("unix:"))
            yield path

    def environment(self, path):
        return {"BENCH_SOCKET": path / "socket"}

    def worker(self, count):
        return [VENV / "python", "rq_worker.py"]

    @contextlib.contextmanager
    def bulk(self, count: int):
        with self.server() as path:
            yield lambda: self.drive(path, "bulk", "--count", count // 10)["per_second"]
