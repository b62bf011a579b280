"""The figures of all scenarios as a table, as Markdown and as a plot. What one run did not
measure again is kept from the last one that did, with its date."""
import dataclasses
import json
import shutil

import plot
from sitting import Figure

NOTE = """\
Ratios of medians, measured in one sitting on one machine: ours and what stands beside it in turn,
all over the loopback. CPU is what the kernel counts for the server's process. `./dev bench`
measures them anew; absolute numbers are shown only to make sense of the ratios.
"""


class Report:
    """All figures known, by scenario, under one folder."""

    def __init__(self, folder):
        self.folder = folder
        self.folder.mkdir(parents=True, exist_ok=True)
        self.store = folder / "results.json"
        self.scenarios = json.loads(self.store.read_text()) if self.store.exists() else {}

    def take(self, scenario, about, date, figures):
        self.scenarios[scenario] = {
            "about": about,
            "date": date,
            "figures": [dataclasses.asdict(figure) for figure in figures],
        }

    def write(self, order):
        self.scenarios = {name: self.scenarios[name] for name in order if name in self.scenarios}
        self.store.write_text(json.dumps(self.scenarios, indent=1))
        (self.folder / "report.md").write_text(self.markdown())
        (self.folder / "report.svg").write_text(plot.draw(self.figures()))

    def publish(self, docs):
        docs.mkdir(parents=True, exist_ok=True)
        (docs / "benchmarks.md").write_text(self.markdown().replace("report.svg", "benchmarks.svg"))
        shutil.copy(self.folder / "report.svg", docs / "benchmarks.svg")

    def figures(self):
        return [
            Figure(**figure)
            for scenario in self.scenarios.values()
            for figure in scenario["figures"]
        ]

    def markdown(self):
        lines = ["# Benchmarks", "", NOTE, "![The figures against their targets](report.svg)", ""]
        for name, scenario in self.scenarios.items():
            lines += [f"## {name}", "", f"{scenario['about']} ({scenario['date']})", ""]
            lines += ["| figure | value | target | reached | |", "|---|--:|--:|---|---|"]
            for figure in (Figure(**each) for each in scenario["figures"]):
                cells = (figure.name, value(figure), target(figure), verdict(figure), figure.note)
                lines.append("| " + " | ".join(cells) + " |")
            lines.append("")
        return "\n".join(lines)


def print_table(figures):
    rows = [(f.name, value(f), target(f), verdict(f), f.note) for f in figures]
    widths = [max(len(row[column]) for row in rows) for column in range(5)]
    for row in rows:
        cells = [row[0].ljust(widths[0])]
        cells += [row[column].rjust(widths[column]) for column in (1, 2)]
        cells += [row[3].ljust(widths[3]), row[4]]
        print("  " + "  ".join(cells).rstrip(), flush=True)


def value(figure):
    return f"{number(figure.value)} {figure.unit}".strip()


def target(figure):
    if figure.limit is None:
        return ""
    return f"{'≥' if figure.at_least else '≤'} {number(figure.limit)}"


def verdict(figure):
    return {None: "", True: "yes", False: "NO"}[figure.reached]


def number(number):
    if number == int(number):
        return str(int(number))
    return f"{number:.1f}" if abs(number) >= 10 else f"{number:.3f}"
