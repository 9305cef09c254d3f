"""`Benchmarks/run`: measures, prints the table, and writes what is asked."""

import argparse
import json
import pathlib
import signal
import sys
import time

from . import plot, report, scale
from .results import Result, machine
from .rows import ROWS
from .subjects import ALL
from .subjects.subject import note
from .world import HERE, Failure, Skipped, World


def options():
    known = [row.key for row in ROWS] + ["scale"]
    parser = argparse.ArgumentParser(
        prog="Benchmarks/run", description="Measures jobq and its peers as multiples of the physical limit."
    )
    parser.add_argument("--rows", help=f"only these, parted by commas: {', '.join(known)}")
    parser.add_argument("--subjects", help=f"only these: {', '.join(subject.name for subject in ALL)}")
    parser.add_argument(
        "--quick", action="store_true", help="small counts and one run: for development, not for figures"
    )
    parser.add_argument("--runs", type=int, help="how often each row is measured (3; 1 with --quick)")
    parser.add_argument(
        "--bin", type=pathlib.Path, default=HERE.parent / ".build" / "release", help="where jobqd and jobq are"
    )
    parser.add_argument(
        "--dir", type=pathlib.Path, default=pathlib.Path("/var/tmp/jobq-bench"), help="scratch, on a real disk"
    )
    parser.add_argument(
        "--json", type=pathlib.Path, default=HERE / "results" / "latest.json", help="where the results go"
    )
    parser.add_argument("--docs", type=pathlib.Path, help="a directory for performance.md and performance.svg")
    chosen = parser.parse_args()
    chosen.rows = chosen.rows.split(",") if chosen.rows else known
    if unknown := set(chosen.rows) - set(known):
        parser.error(f"no such row: {', '.join(sorted(unknown))}")
    names = chosen.subjects.split(",") if chosen.subjects else [subject.name for subject in ALL]
    if unknown := set(names) - {subject.name for subject in ALL}:
        parser.error(f"no such subject: {', '.join(sorted(unknown))}")
    chosen.runs = chosen.runs or (1 if chosen.quick else 3)
    chosen.subjects = [subject for subject in ALL if subject.name in names]
    return chosen


def measure(world: World, subjects: list, rows: list[str], runs: int) -> tuple[list[Result], list[str]]:
    """Run by run, so that each subject's runs are apart in time; then the rows on scale, whose state is made once."""
    found: dict[tuple[str, str], Result] = {}
    trouble: dict[str, None] = {}
    for run in range(runs):
        for row in (row for row in ROWS if row.key in rows):
            for subject in (subject for subject in subjects if hasattr(subject, row.work)):
                try:
                    sample = row.measure(world, subject)
                except (Skipped, Failure) as reason:
                    note(f"  {row.key} {subject.name}: {reason}")
                    trouble[f"{row.title}, {subject.name}: {reason}"] = None
                    continue
                measured = f"{sample.figure:10.2f} {row.unit:<3} {sample.value:9.3f} {row.value}"
                note(f"  run {run + 1}  {row.key:<12} {subject.name:<11} {measured}")
                found.setdefault((row.key, subject.name), Result(row, subject.name, [])).samples.append(sample)
    ordered = [found[row.key, subject.name] for row in ROWS for subject in subjects if (row.key, subject.name) in found]
    if "scale" in rows and any(subject.name == "jobq" for subject in subjects):
        try:
            samples = scale.measure(world, runs)
            ordered += [Result(row, "jobq", samples[row.key]) for row in scale.rows()]
        except Failure as reason:
            # Twenty minutes of other rows are not thrown away with these.
            note(f"  scale: {reason}")
            trouble[f"the rows on scale: {reason}"] = None
    return ordered, list(trouble)


def main() -> int:
    chosen = options()
    # A TERM unwinds like an interrupt: what was started is ended, what was made is removed.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        world = World(chosen.dir, chosen.bin.resolve(), chosen.quick)
        for subject in chosen.subjects:
            if not subject.installed():
                note(f"  {subject.name} is not installed (make bench-deps): left out")
        subjects = [subject(world) for subject in chosen.subjects if subject.installed()]
        here, started = machine(world), time.monotonic()
        results, trouble = measure(world, subjects, chosen.rows, chosen.runs)
    except Failure as failure:
        print(failure, file=sys.stderr)
        return 1
    print(report.terminal(results))
    chosen.json.parent.mkdir(parents=True, exist_ok=True)
    chosen.json.write_text(
        json.dumps(
            {
                "machine": here,
                "quick": chosen.quick,
                "runs": chosen.runs,
                "seconds": round(time.monotonic() - started),
                "subjects": {
                    subject.name: {"version": subject.version(), "durability": subject.durability}
                    for subject in subjects
                },
                "results": [result.as_json() for result in results],
                "not_measured": trouble,
            },
            indent=1,
            ensure_ascii=False,
        )
        + "\n"
    )
    if chosen.docs:
        (chosen.docs / "performance.md").write_text(report.markdown(results, here, subjects, chosen.runs, trouble))
        (chosen.docs / "performance.svg").write_text(plot.plot(results))
    missed = [result for result in results if report.verdict(result) == "MISSED"]
    return 2 if missed else 0


sys.exit(main())
