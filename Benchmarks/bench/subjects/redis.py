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
        return " ".join(
            subprocess.run(["redis-server", "--version"], capture_output=True, text=True).stdout.split()[:3]
        )

    @contextlib.contextmanager
    def server(self):
        with self.world.scratch() as path:
            argv = [
                "redis-server",
                "--port",
                "0",
                "--unixsocket",
                path / "s",
                "--dir",
                path,
                "--appendonly",
                "yes",
                "--appendfsync",
                "always",
                "--save",
                "",
            ]
            with running(argv, stdout=subprocess.DEVNULL) as process:
                wait_for_socket(path / "s", process)
                yield f"unix:{path}/s", process.pid

    def enqueue(self, clients: int) -> float:
        with self.server() as (address, _):
            return self.load(
                "redis",
                address,
                "--clients",
                clients,
                "--seconds",
                self.seconds(),
                "--queue",
                QUEUE,
                "enqueue",
                "--job",
                TRUE,
            )

    def bulk(self, count: int) -> float:
        with self.server() as (address, _):
            return self.load("redis", address, "--count", count, "--queue", QUEUE, "bulk", "--job", TRUE)

    def lease(self, batch: int) -> float:
        with self.server() as (address, _):
            self.load(
                "redis", address, "--count", self.world.count(300_000, 50_000), "--queue", QUEUE, "bulk", "--job", TRUE
            )
            return self.load(
                "redis",
                address,
                "--clients",
                16,
                "--seconds",
                self.seconds(),
                "--queue",
                QUEUE,
                "lease",
                "--max",
                batch,
            )

    @contextlib.contextmanager
    def command(self):
        with self.server() as (address, _):
            yield [shutil.which("redis-cli"), "-s", address.removeprefix("unix:"), "LPUSH", QUEUE, TRUE], {}

    @contextlib.contextmanager
    def at_rest(self):
        with self.server() as (_, pid):
            yield pid
