"""What all subjects share.

The work, where a subject can do it:

- `enqueue(clients)`: acknowledged enqueues a second, each client with one under way.
- `bulk(count)`: the same for many at once in the form that the subject takes fastest.
- `run(count)`: `/bin/true` a second, from the start of the first to the recorded end of the last, eight at once,
  output captured.
- `lease(max)`: jobs a second through sixteen outside workers that take `max` at a time and say when they are done.
- `latency()`: milliseconds (p50) from the enqueue to the first instruction of the job's process, idle.
- `command()`: a context of argv and environment of the whole command that enqueues one job.
- `at_rest()`: a context of the server's process id, idle.
"""

import pathlib
import shutil
import sys

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

    def seconds(self) -> int:
        return self.world.count(3, 1)


def note(text: str):
    print(text, file=sys.stderr, flush=True)
