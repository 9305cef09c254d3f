"""What all subjects share.

The work, where a subject can do it; each is a context of a callable that does one slice of it and gives the figure:

- `enqueue(clients)`: acknowledged enqueues a second, each client with one under way.
- `bulk(count)`: the same for many at once in the form that the subject takes fastest.
- `run(count)`: `/bin/true` a second, from the start of the first to the recorded end of the last, eight at once,
  output captured.
- `lease(batch)`: jobs a second through sixteen outside workers that take a batch at a time and say when it is done.
- `latency()`: milliseconds (p50) from the enqueue to the first instruction of the job's process, idle.

And two contexts of other things:

- `command()`: argv and environment of the whole command that enqueues one job.
- `at_rest()`: the server's process id, idle.
"""

import pathlib
import shutil
import sys
from collections.abc import Callable

from ..world import HERE, World

TRUE = "/bin/true"
VENV = HERE / ".venv" / "bin"


class Subject:
    name = ""
    durability = ""

    def __init__(self, world: World):
        self.world = world

    @staticmethod
    def programs() -> list[str | pathlib.Path]:
        """What must be installed."""
        return []

    @classmethod
    def installed(cls) -> bool:
        return all(shutil.which(str(program)) for program in cls.programs())

    def version(self) -> str:
        return ""

    def load(self, protocol: str, address: str, *arguments) -> float:
        return self.world.tool("bench-load", "--protocol", protocol, "--address", address, *arguments)["per_second"]

    def clients(self, protocol: str, address: str, clients: int, *arguments) -> Callable[[], float]:
        """A slice of a second of clients that each have one request under way."""
        return lambda: self.load(protocol, address, "--clients", clients, "--seconds", 1, *arguments)

    def probe(self, fifo: pathlib.Path, *arguments, environment: dict | None = None) -> Callable[[], float]:
        """A slice of timed starts."""
        count = self.world.count(80, 20)
        return lambda: self.world.latency(fifo, count, *arguments, environment=environment)


def note(text: str):
    print(text, file=sys.stderr, flush=True)
