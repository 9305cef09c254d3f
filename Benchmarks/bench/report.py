"""The table on the terminal, and `docs/performance.md`."""

from .results import Result, number
from .rows import Row
from .world import HERE


def asked(row: Row, against: float) -> str:
    return ("≥ " if row.more_is_better else "≤ ") + number(against)


def limit(result: Result) -> str:
    return number(result.limit) + (" ~" if result.is_unsteady else "")


UNSTEADY = (
    "~: the limit itself changed by half or more meanwhile; the machine was not quiet, and the multiple says little."
)


def verdict(result: Result) -> str:
    if result.subject != "jobq":
        return ""
    if result.row.judge(result.value, result.row.goal):
        return "goal"
    return "ok" if result.row.judge(result.value, result.row.must) else "MISSED"


def grid(lines: list[list[str]]) -> str:
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
    )


def terminal(results: list[Result]) -> str:
    lines = [["measure", "subject", "figure", "limit", "value", "must", "goal", ""]]
    for result in results:
        row, own = result.row, result.subject == "jobq"
        lines.append(
            [
                row.title if own or all(other.subject != "jobq" for other in results if other.row is row) else "",
                result.subject,
                f"{number(result.figure)} {row.unit}",
                limit(result),
                f"{number(result.value)} {row.value}",
                asked(row, row.must) if own else "",
                asked(row, row.goal) if own else "",
                verdict(result),
            ]
        )
    return grid(lines) + ("\n" + UNSTEADY if any(result.is_unsteady for result in results) else "")


def markdown(results: list[Result], machine: dict, subjects: list, times: int, skipped: list[str]) -> str:
    own = {result.row.key: result for result in results if result.subject == "jobq"}
    return "\n".join(
        [
            "# Performance",
            "",
            "Written by `make bench`; the figures are those of one run. Absolute times drift with the machine, so",
            "each figure has beside it the physical limit, measured in turn with it, and what counts is the",
            f"multiple. Medians of {times} runs. The method is in [Benchmarks/README.md](../Benchmarks/README.md).",
            "",
            f"Machine: {machine['cpu']}, {machine['cores']} cores, {machine['memory_gib']} GiB · {machine['system']}, "
            f"Linux {machine['kernel']} · {machine['filesystem']} · commit {machine['commit']} · "
            f"load at the start {machine['load_at_start']}",
            "",
            "![The multiples of the limit, jobq and its peers](performance.svg)",
            "",
            "## jobq",
            "",
            "| measure | figure | limit beside it | | value | must | goal | |",
            "|---|--:|--:|---|--:|--:|--:|---|",
            *(own_line(result) for result in own.values()),
            "",
            *([UNSTEADY, ""] if any(result.is_unsteady for result in results) else []),
            *(["Not measured: " + "; ".join(skipped) + ".", ""] if skipped else []),
            "## Beside its peers",
            "",
            *peers_table(results),
            "",
            "| subject | version | what an acknowledgement means |",
            "|---|---|---|",
            *(f"| {subject.name} | {subject.version()} | {subject.durability} |" for subject in subjects),
            "",
            "## Where jobq loses",
            "",
            *losses(results, own),
            "",
            (HERE / "where-the-time-goes.md").read_text(),
        ]
    )


def own_line(result: Result) -> str:
    row = result.row
    return (
        f"| {row.title} | {number(result.figure)} {row.unit} | {limit(result)} | {row.limit} "
        f"| {number(result.value)} {row.value} | {asked(row, row.must)} | {asked(row, row.goal)} | {verdict(result)} |"
    )


def peers_table(results: list[Result]) -> list[str]:
    rows = list({result.row.key: result.row for result in results if result.row.work}.values())
    names = list(dict.fromkeys(result.subject for result in results))
    values = {(result.row.key, result.subject): result.value for result in results}
    lines = ["| measure | | " + " | ".join(names) + " |", "|---|---|" + "--:|" * len(names)]
    for row in rows:
        cells = (number(values.get((row.key, name))) for name in names)
        note = f" ({row.note})" if row.note else ""
        lines.append(f"| {row.title}{note} | {row.value} | " + " | ".join(cells) + " |")
    return lines


def losses(results: list[Result], own: dict[str, Result]) -> list[str]:
    """Every row in which a peer is ahead, or that misses what is asked: said by the figures, not by us."""
    lines = []
    for key, mine in own.items():
        row = mine.row
        ahead = [
            f"{other.subject} {number(other.value)}"
            for other in results
            if other.row.key == key
            and other is not mine
            and row.judge(other.value, mine.value)
            and other.value != mine.value
        ]
        if ahead:
            lines.append(f"- {row.title}: {number(mine.value)} {row.value}; ahead: {', '.join(ahead)}.")
        if not row.judge(mine.value, row.must):
            lines.append(
                f"- {row.title}: {number(mine.value)} {row.value} misses what it must reach, {asked(row, row.must)}."
            )
    return lines or ["In no row that was measured."]
