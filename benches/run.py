"""./dev bench: measures libwsgiserver beside its peers, scenario by scenario, and reports ratios.
Exit code 0 if every target was reached, 1 if not, 4 if a scenario could not be measured."""
import argparse
import datetime
import os
import pathlib
import platform
import subprocess
import sys

import scenario_attacks
import scenario_bodies
import scenario_connections
import scenario_go
import scenario_instructions
import scenario_lua
import scenario_pull
import scenario_python
import scenario_slow
import scenario_throughput
import scenario_tls
from report import Report, print_table
from server import ServerFailed
from sitting import Sitting

SCENARIOS = {
    "hello": scenario_throughput.hello,
    "connections": scenario_throughput.connections,
    "sleep": scenario_slow.sleep,
    "alternate": scenario_slow.alternate,
    "mixed": scenario_slow.mixed,
    "stuck": scenario_slow.stuck,
    "file": scenario_bodies.file,
    "upload": scenario_bodies.upload,
    "echo": scenario_bodies.echo,
    "idle": scenario_connections.idle,
    "hostile": scenario_connections.hostile,
    "attacks": scenario_attacks.attacks,
    "stop": scenario_connections.stop,
    "lowrate": scenario_connections.lowrate,
    "statistics": scenario_instructions.statistics,
    "access_log": scenario_instructions.access_log,
    "pull": scenario_pull.pull,
    "tls": scenario_tls.tls,
    "go": scenario_go.go,
    "python": scenario_python.python,
    "lua": scenario_lua.lua,
}


def main():
    options = read_options()
    if options.list:
        for name, scenario in SCENARIOS.items():
            print(f"{name:12} {scenario.__doc__}")
        return 0
    report = Report(options.output)
    machine = f"{os.cpu_count()} cores, Linux {platform.release()}"
    missed = failed = 0
    for name in options.scenarios or SCENARIOS:
        scenario = SCENARIOS[name]
        print(f"\n{name}: {scenario.__doc__}", flush=True)
        sitting = Sitting(
            name, options.programs, options.nginx, options.output.resolve(), options.rounds
        )
        try:
            scenario(sitting)
        except (ServerFailed, OSError, ValueError, subprocess.SubprocessError) as error:
            print(f"  could not be measured: {error}", flush=True)
            failed += 1
            continue
        print_table(sitting.figures)
        missed += sum(figure.reached is False for figure in sitting.figures)
        date = f"{datetime.date.today()}, {options.rounds} rounds, {machine}"
        report.take(name, scenario.__doc__, date, sitting.figures)
        report.write(SCENARIOS)
    if options.publish and not failed:
        report.publish(options.docs)
    print(f"\n{missed} targets missed, {failed} scenarios not measured; {options.output}/report.md")
    return 4 if failed else 1 if missed else 0


def read_options():
    parser = argparse.ArgumentParser(prog="./dev bench", description=__doc__)
    parser.add_argument("scenarios", nargs="*", metavar="SCENARIO", help=" ".join(SCENARIOS))
    parser.add_argument("--rounds", type=int, default=5, help="how often each is measured")
    parser.add_argument("--publish", action="store_true", help="copy the report to docs/")
    parser.add_argument("--list", action="store_true", help="say what there is and end")
    for name in ("programs", "nginx", "output", "docs"):
        parser.add_argument(f"--{name}", type=pathlib.Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    for name in options.scenarios:
        if name not in SCENARIOS:
            parser.error(f"no scenario '{name}'; there are: {' '.join(SCENARIOS)}")
    if not 1 <= options.rounds <= 100:
        parser.error("--rounds is 1 to 100")
    return options


if __name__ == "__main__":
    sys.exit(main())
