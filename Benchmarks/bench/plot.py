"""The plot `performance.svg`: a panel for each row with peers, a bar for each subject, lines for must and goal."""

import html

from .results import Result, number

WIDTH, LABEL, BAR, GAP, HEAD = 420, 92, 14, 4, 30
COLOURS = {"jobq": "#0b6e4f"}
OTHER = "#9aa5b1"


def plot(results: list[Result]) -> str:
    panels = {}
    for result in results:
        if result.row.work:
            panels.setdefault(result.row.key, []).append(result)
    parts, height, columns = [], [0, 0], 2
    for group in panels.values():
        column = height.index(min(height))
        drawn, tall = panel(group)
        parts.append(f'<g transform="translate({column * (WIDTH + 30) + 10},{height[column] + 10})">{drawn}</g>')
        height[column] += tall + 22
    size = (columns * (WIDTH + 30), max(height) + 20)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size[0]} {size[1]}" '
        'font-family="sans-serif" font-size="11">\n'
        f'<rect width="100%" height="100%" fill="#ffffff"/>\n' + "\n".join(parts) + "\n</svg>\n"
    )


def panel(group: list[Result]) -> tuple[str, int]:
    row = group[0].row
    room = WIDTH - LABEL - 50
    # A bar that is far beyond what matters ends at the edge, with its figure; else it would flatten the others.
    own = [result.value for result in group if result.subject == "jobq"]
    most = min(max([result.value for result in group] + [row.must, row.goal]), 4 * max([row.must, row.goal, *own]))
    tall = HEAD + len(group) * (BAR + GAP)
    better = "more is better" if row.more_is_better else "less is better"
    out = [
        f'<text x="0" y="10" font-weight="bold">{html.escape(row.title)}</text>',
        f'<text x="0" y="23" fill="#666666">{html.escape(row.value)} · {better} · dashed: must, solid: goal</text>',
    ]
    for index, result in enumerate(group):
        top = HEAD + index * (BAR + GAP)
        width = max(1.0, room * min(max(result.value, 0), most) / most)
        beyond = "→ " if result.value > most else ""
        colour = COLOURS.get(result.subject, OTHER)
        out.append(f'<text x="{LABEL - 6}" y="{top + 11}" text-anchor="end">{html.escape(result.subject)}</text>')
        out.append(f'<rect x="{LABEL}" y="{top}" width="{width:.1f}" height="{BAR}" fill="{colour}"/>')
        out.append(
            f'<text x="{LABEL + width + 4:.1f}" y="{top + 11}" fill="#333333">{beyond}{number(result.value)}</text>'
        )
    for value, dash in ((row.must, ' stroke-dasharray="3 2"'), (row.goal, "")):
        x = LABEL + room * value / most
        out.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{HEAD - 2}" y2="{tall - 2}" stroke="#c2410c"{dash}/>')
    return "".join(out), tall
