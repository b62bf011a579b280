"""The figures as one SVG: how much of what is allowed each of them takes, and what a request
costs beside the peers. Light background, no script, no font of its own."""
from html import escape

WIDTH, ROW, LABELS, NUMBERS = 900, 22, 440, 70
REACHED, MISSED, OURS, OTHERS = "#3b7d4f", "#b3402e", "#2f5d8c", "#9aa5b1"
COST = "CPU per request, "


def draw(figures):
    judged = [figure for figure in figures if figure.used is not None]
    costs = [figure for figure in figures if figure.name.startswith(COST)]
    parts, top = [], 10
    if costs:
        parts.append(title(top, "hello: CPU per request of the server, µs"))
        top = bars(parts, top + 30, [cost_bar(figure) for figure in costs], None)
        top += 20
    if judged:
        parts.append(title(top, "How much of what is allowed (the line) each figure takes"))
        top = bars(parts, top + 30, [judged_bar(figure) for figure in judged], 1.0)
    return "\n".join([head(top + 10), *parts, "</svg>", ""])


def cost_bar(figure):
    name = figure.name[len(COST) :]
    colour = OURS if name == "libwsgiserver" else OTHERS
    return name, figure.value, f"{figure.value:.1f}", colour


def judged_bar(figure):
    colour = REACHED if figure.reached else MISSED
    return f"{figure.scenario}: {figure.name}", figure.used, f"{figure.used:.2f}", colour


def head(height):
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
        f'width="{WIDTH}" height="{height}" font-family="sans-serif" font-size="13">\n'
        f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>'
    )


def title(top, text):
    return f'<text x="10" y="{top + 16}" font-weight="bold" fill="#222222">{escape(text)}</text>'


def bars(parts, top, rows, line):
    """Adds a panel of bars, each (label, length, number, colour); returns where it ends. A bar
    that would make the others unreadable is cut, its number tells."""
    longest = max(min(length, 2.0) if line else length for _, length, _, _ in rows)
    scale = (WIDTH - LABELS - NUMBERS) / (max(longest, line or 0) or 1)
    for index, (label, length, number, colour) in enumerate(rows):
        y = top + index * ROW
        width = max(min(length, longest) * scale, 1)
        parts.append(
            f'<text x="{LABELS - 8}" y="{y + 15}" text-anchor="end" fill="#222222">'
            f"{escape(label)}</text>"
            f'<rect x="{LABELS}" y="{y + 3}" width="{width:.1f}" height="{ROW - 7}" '
            f'fill="{colour}"/>'
            f'<text x="{WIDTH - 10}" y="{y + 15}" text-anchor="end" fill="#444444">{number}</text>'
        )
    end = top + len(rows) * ROW
    if line:
        x = LABELS + line * scale
        parts.append(
            f'<line x1="{x:.1f}" y1="{top - 4}" x2="{x:.1f}" y2="{end}" stroke="#222222" '
            'stroke-dasharray="4 3"/>'
        )
    return end
