"""huey on SQLite, a queue in a library, as jobq's peers in Python are mostly used."""

from .python import VENV, PythonQueue


class Huey(PythonQueue):
    name = "huey"
    durability = "SQLite, synchronous=FULL: fsync before the call returns"

    @classmethod
    def programs(cls):
        return [VENV / "huey_consumer"]

    def environment(self, path):
        return {"BENCH_DATABASE": path / "huey.db"}

    def worker(self, count):
        return [VENV / "huey_consumer", "huey_queue.huey", "-q", "-w", count, "-k", "thread"]
