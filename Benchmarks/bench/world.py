"""Where the benchmarks run: scratch directories on a real disk, the C tools, and the processes that must end."""

import contextlib
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent.parent


class Failure(Exception):
    """A measurement that could not be made, and why."""


class Skipped(Exception):
    """A measurement that this build or machine does not offer."""


class World:
    """One run of the benchmarks. What it makes is below `directory`; what it starts, it ends by its process id."""

    def __init__(self, directory: pathlib.Path, binaries: pathlib.Path, quick: bool):
        self.binaries = binaries
        self.quick = quick
        self.tools = HERE / ".build" / "release"
        directory.mkdir(parents=True, exist_ok=True)
        kind = subprocess.run(
            ["findmnt", "-n", "-o", "FSTYPE", "-T", directory], capture_output=True, text=True, check=True
        ).stdout.strip()
        if kind in ("tmpfs", "ramfs"):
            raise Failure(
                f"{directory} is on {kind}: an fsync there costs nothing; give a directory on a disk with --dir"
            )
        self.filesystem = kind
        self.base = directory

    @contextlib.contextmanager
    def scratch(self):
        """A new directory, gone afterwards. Its path is short: a Unix socket's may have 107 bytes."""
        path = pathlib.Path(tempfile.mkdtemp(prefix="b", dir=self.base))
        try:
            yield path
        finally:
            shutil.rmtree(path, ignore_errors=True)

    def tool(self, name: str, *arguments, seconds: float = 300) -> dict:
        """Runs one of the C tools and gives what it printed."""
        return tool_output([self.tools / name, *arguments], seconds=seconds)

    def count(self, full: int, quick: int) -> int:
        return quick if self.quick else full

    # The limits.

    def appends_per_second(self) -> float:
        with self.scratch() as path:
            return self.tool("bench-append", "--seconds", 1, path / "log")["per_second"]

    def spawns_per_second(self) -> float:
        return self.tool("bench-spawn", "--parallel", 8, "--count", self.count(1000, 300), "/bin/true")["per_second"]

    @property
    def stamp(self) -> pathlib.Path:
        """The job whose start is timed."""
        return self.tools / "bench-stamp"

    def latency(self, fifo: pathlib.Path, count: int, *arguments, environment: dict | None = None) -> float:
        """p50 in milliseconds from the enqueue to the first instruction of the timed job."""
        argv = [self.tools / "bench-latency", "--fifo", fifo, "--count", count, *arguments]
        return tool_output(argv, environment=environment)["p50_ns"] / 1e6

    def spawn_latency(self) -> float:
        """The same of a plain posix_spawn."""
        with self.scratch() as path:
            fifo = path / "stamps"
            return self.latency(fifo, self.count(80, 20), "--", self.stamp, fifo)

    def process_time(self, *command, environment: dict | None = None) -> float:
        """p50 in milliseconds of a command, from its spawn to its end."""
        argv = [self.tools / "bench-spawn", "--count", self.count(50, 15), "--", *command]
        return tool_output(argv, environment=environment)["p50_ns"] / 1e6


def tool_output(argv: list, environment: dict | None = None, seconds: float = 300, **options) -> dict:
    argv = [str(word) for word in argv]
    environment = {**os.environ, **{key: str(value) for key, value in (environment or {}).items()}}
    done = subprocess.run(argv, capture_output=True, text=True, timeout=seconds, env=environment, **options)
    if done.returncode != 0:
        raise Failure(
            f"{pathlib.Path(argv[0]).name} {' '.join(argv[1:4])} …: {done.stderr.strip()[-400:] or done.returncode}"
        )
    return json.loads(done.stdout.splitlines()[-1])


@contextlib.contextmanager
def running(argv: list, stop: signal.Signals = signal.SIGTERM, **options):
    """A process for as long as the block lasts; ended by its own id, with KILL where it does not go within 20 s."""
    process = subprocess.Popen([str(word) for word in argv], stdin=subprocess.DEVNULL, **options)
    try:
        yield process
    finally:
        end(process, stop)


def end(process: subprocess.Popen, stop: signal.Signals = signal.SIGTERM):
    if process.poll() is None:
        process.send_signal(stop)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def wait_for_socket(path: pathlib.Path, process: subprocess.Popen, seconds: float = 10):
    """Returns when something listens at `path`. The peers have no way to say that they are ready, so this one looks."""
    limit = time.monotonic() + seconds
    while True:
        with socket.socket(socket.AF_UNIX) as probe:
            try:
                return probe.connect(str(path))
            except OSError as error:
                if process.poll() is not None or time.monotonic() > limit:
                    raise Failure(f"{process.args[0]} does not listen at {path}: {error}") from None
        time.sleep(0.02)


# What the kernel says of a process.


def memory_megabytes(pid: int) -> float:
    """PSS, proc_pid_smaps_rollup in proc(5): what is shared with others is counted in part."""
    for line in pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) / 1024
    raise Failure(f"/proc/{pid}/smaps_rollup has no Pss")


def context_switches(pid: int) -> dict[str, int]:
    """Voluntary and not, of each thread."""
    counts = {}
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(FileNotFoundError):  # A thread that ends meanwhile.
            lines = (task / "status").read_text().splitlines()
            counts[task.name] = sum(int(line.split()[1]) for line in lines if "ctxt_switches" in line)
    return counts


def switches_between(before: dict[str, int], after: dict[str, int]) -> int:
    """A thread that began counts from nothing; of one that ended only its last switch is known."""
    ended = len(before.keys() - after.keys())
    return sum(count - before.get(thread, 0) for thread, count in after.items()) + ended


def cpu_seconds(pid: int) -> float:
    """User and system time of the process itself, without its children: fields 14 and 15, proc_pid_stat in proc(5)."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
