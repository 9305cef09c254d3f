"""Redis with its append-only file synced at every write, as a list: durable, and a queue of payloads only."""

import contextlib
import shutil
import subprocess

from ..world import running, wait_for_socket
from .subject import TRUE, Subject

QUEUE = "jobs"


class Redis(Subject):
    name = "redis"
    durability = "appendfsync always: fsync before the reply"

    @staticmethod
    def programs():
        return ["redis-server", "redis-cli"]

    def version(self) -> str:
        done = subprocess.run(["redis-server", "--version"], capture_output=True, text=True)
        return " ".join(done.stdout.split()[:3])

    @contextlib.contextmanager
    def server(self):
        with self.world.scratch() as path:
            durable = ["--appendonly", "yes", "--appendfsync", "always", "--save", ""]
            argv = ["redis-server", "--port", "0", "--unixsocket", path / "s", "--dir", path, *durable]
            with running(argv, stdout=subprocess.DEVNULL) as process:
                wait_for_socket(path / "s", process)
                yield f"unix:{path}/s", process.pid

    @contextlib.contextmanager
    def enqueue(self, clients: int):
        with self.server() as (address, _):
            yield self.clients("redis", address, clients, "--queue", QUEUE, "enqueue", "--job", TRUE)

    @contextlib.contextmanager
    def bulk(self, count: int):
        with self.server() as (address, _):
            yield lambda: self.load("redis", address, "--count", count, "--queue", QUEUE, "bulk", "--job", TRUE)

    @contextlib.contextmanager
    def lease(self, batch: int):
        with self.server() as (address, _):
            count = self.world.count(1_000_000, 100_000)
            self.load("redis", address, "--count", count, "--queue", QUEUE, "bulk", "--job", TRUE)
            yield self.clients("redis", address, 16, "--queue", QUEUE, "lease", "--max", batch)

    @contextlib.contextmanager
    def command(self):
        with self.server() as (address, _):
            yield [shutil.which("redis-cli"), "-s", address.removeprefix("unix:"), "LPUSH", QUEUE, TRUE], {}

    @contextlib.contextmanager
    def at_rest(self):
        with self.server() as (_, pid):
            yield pid
