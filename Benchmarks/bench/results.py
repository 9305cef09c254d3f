"""What was measured, and the machine that it was measured on."""

import dataclasses
import os
import pathlib
import platform
import statistics
import subprocess

from .rows import Row, Sample
from .world import World


@dataclasses.dataclass
class Result:
    """One subject in one row, over all runs."""

    row: Row
    subject: str
    samples: list[Sample]

    @property
    def figure(self) -> float:
        return statistics.median(sample.figure for sample in self.samples)

    @property
    def limit(self) -> float | None:
        limits = [sample.limit for sample in self.samples if sample.limit is not None]
        return statistics.median(limits) if limits else None

    @property
    def is_unsteady(self) -> bool:
        """The limit alone went up or down by half and more while this was measured."""
        ranges = [sample.limit_range for sample in self.samples if sample.limit_range]
        return any(most > 1.5 * least for least, most in ranges)

    @property
    def value(self) -> float:
        """The median of the runs' own values: each was measured beside its own limit."""
        return statistics.median(sample.value for sample in self.samples)

    def as_json(self) -> dict:
        return {
            "row": self.row.key,
            "subject": self.subject,
            "figure": self.figure,
            "limit": self.limit,
            "value": self.value,
            "unit": self.row.unit,
            "samples": [dataclasses.asdict(sample) for sample in self.samples],
        }


def machine(world: World) -> dict:
    model = next(
        (
            line.split(":", 1)[1].strip()
            for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        platform.machine(),
    )
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    system = dict(
        line.split("=", 1)
        for line in pathlib.Path("/etc/os-release").read_text().replace('"', "").splitlines()
        if "=" in line
    )
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, cwd=pathlib.Path(__file__).parent
    )
    return {
        "cpu": model,
        "cores": os.cpu_count(),
        "memory_gib": round(memory, 1),
        "system": system.get("PRETTY_NAME", ""),
        "kernel": platform.release(),
        "filesystem": world.filesystem,
        "commit": commit.stdout.strip(),
        "load_at_start": round(os.getloadavg()[0], 2),
    }


def number(value: float | None) -> str:
    """Three figures, no more than were measured."""
    if value is None:
        return "–"
    if value == 0 or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.2f}" if abs(value) < 10 else f"{value:.1f}"
