"""What every scenario works with: the programs, the rounds, and the figures it hands in."""
import dataclasses
import pathlib
import statistics

from server import Server


@dataclasses.dataclass
class Figure:
    """One number against its target. `limit` is the most it may be, or the least if `at_least`;
    None for a number that is only shown."""

    scenario: str
    name: str
    value: float
    unit: str = ""
    limit: float | None = None
    at_least: bool = False
    note: str = ""

    @property
    def reached(self):
        if self.limit is None:
            return None
        return self.value >= self.limit if self.at_least else self.value <= self.limit

    @property
    def used(self):
        """How much of what is allowed it takes: 1.0 is just reached, above is missed."""
        if self.limit is None:
            return None
        if self.at_least:
            return self.limit / self.value if self.value > 0 else 9.99
        return self.value / self.limit if self.limit > 0 else float(self.value > 0) * 9.99


class Sitting:
    """One scenario's run: everything in it is measured in turn, `rounds` times."""

    def __init__(self, scenario, programs, nginx, output, rounds):
        self.scenario, self.rounds = scenario, rounds
        self.programs, self.nginx = pathlib.Path(programs), nginx
        self.output = pathlib.Path(output)
        self.figures = []

    def program(self, name):
        return self.programs / name

    @property
    def load(self):
        return self.program("load")

    def hello(self, *options):
        return Server(self.program("serve"), "hello", 0, *options)

    def app(self, *options):
        return Server(self.program("app"), 0, *options)

    def thread_per_connection(self):
        return Server(self.program("thread_per_connection"), 0)

    def bare_loop(self, *options):
        return Server(self.program("bare_loop"), 0, *options)

    def hand_in(self, name, value, unit="", limit=None, at_least=False, note=""):
        figure = Figure(self.scenario, name, value, unit, limit, at_least, note)
        self.figures.append(figure)
        return figure

    def in_turn(self, runs):
        """Runs each of {name: function} once a round; the results of each, by name."""
        results = {name: [] for name in runs}
        for round_number in range(self.rounds):
            # Every second round backwards, so that none always follows the same other one.
            names = list(runs) if round_number % 2 == 0 else list(runs)[::-1]
            for name in names:
                results[name].append(runs[name]())
        return results


def median(results, *keys):
    """The median over runs of one entry, found by its keys."""
    values = []
    for result in results:
        for key in keys:
            result = result[key]
        values.append(result)
    return statistics.median(values)
