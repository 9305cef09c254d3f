"""Not a queue: what a shell does without one. It keeps nothing, and shows what is left of the spawn limit."""

import contextlib
import subprocess
import time

from .subject import TRUE, Subject


class Xargs(Subject):
    name = "xargs"
    durability = "none: no queue"

    @staticmethod
    def programs():
        return ["xargs"]

    @contextlib.contextmanager
    def run(self, count: int):
        def a_slice() -> float:
            started = time.monotonic()
            subprocess.run(["xargs", "-P8", "-n1", TRUE], input="x\n" * count, text=True, check=True)
            return count / (time.monotonic() - started)

        yield a_slice
