"""A real daemon in a directory of its own."""

import os
import pathlib
import select
import socket
import subprocess
import time

from .api import API
from .world import Failure, World, end

# The grace is short: jobs that a row leaves running are no reason to wait, and are ended with the daemon.
CONFIGURATION = """\
workers: {workers}
shutdown_grace: 1s
retention: {{succeeded: 7d, failed: 7d, cancelled: 7d, logs: 7d, max_jobs: 10000000}}
"""


class Jobqd:
    """Started at once and ready when made; a context that ends it. `api` is a connection for setting up."""

    def __init__(self, world: World, directory: pathlib.Path, workers: int = 8):
        self.directory = directory
        self.program = world.binaries / "jobqd"
        if not self.program.exists():
            raise Failure(f"{self.program} is not there: build it (make, or --bin DIRECTORY)")
        self.socket = directory / "s"
        self.configuration = directory / "jobq.yaml"
        self.configuration.write_text(CONFIGURATION.format(workers=workers))
        self.start()

    def start(self):
        """Returns when the daemon has told READY=1, sd_notify(3)."""
        notify_path = self.directory / "n"
        notify_path.unlink(missing_ok=True)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
            notify.bind(str(notify_path))
            environment = {
                "PATH": "/usr/local/bin:/usr/bin:/bin",
                "HOME": str(self.directory),
                "NOTIFY_SOCKET": str(notify_path),
            }
            with open(self.directory / "log", "a") as log:
                self.started = time.monotonic()
                self.process = subprocess.Popen(
                    [
                        self.program,
                        "--config",
                        self.configuration,
                        "--state-dir",
                        self.directory / "state",
                        "--socket",
                        self.socket,
                    ],
                    env=environment,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                )
            self.wait_until_ready(notify)
        self.api = API(self.socket)

    def wait_until_ready(self, notify: socket.socket):
        exit_of = os.pidfd_open(self.process.pid)
        try:
            while True:
                ready, _, _ = select.select([notify, exit_of], [], [], 120)
                if notify in ready:
                    if "READY=1" in notify.recv(4096).decode().splitlines():
                        return
                elif not ready or exit_of in ready:
                    end(self.process)
                    raise Failure(f"jobqd did not get ready: {(self.directory / 'log').read_text()[-600:]}")
        finally:
            os.close(exit_of)

    @property
    def address(self) -> str:
        return f"unix:{self.socket}"

    @property
    def pid(self) -> int:
        return self.process.pid

    def four_running(self):
        """Starts four jobs that stay, and returns when each has said that it runs."""
        fifo = self.directory / "started"
        os.mkfifo(fifo)
        reader = os.open(fifo, os.O_RDWR)
        for _ in range(4):
            self.api.enqueue({"command": ["/bin/sh", "-c", f"echo > {fifo}; exec sleep 1000"]})
        for _ in range(4):
            if not select.select([reader], [], [], 30)[0]:
                raise Failure("four jobs did not start within 30 s")
            os.read(reader, 1)
        os.close(reader)

    def crash(self):
        """kill -9."""
        self.process.kill()
        self.process.wait()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        end(self.process)
