"""Millstream and its peers on the same work: `python -m benchmarks.race`.

Every measurement starts a Redis of its own, and is refused where not every job ran exactly
once. README.md beside this folder says how it is done, and what is unfair to whom.
"""

import argparse
import json
import signal
from collections.abc import Sequence
from pathlib import Path

from benchmarks.ground import server_to_start
from benchmarks.race.contestants import Contestant, chosen, read_roster
from benchmarks.race.environments import LeftOutError, prepare
from benchmarks.race.machine import facts
from benchmarks.race.measures import Ground
from benchmarks.race.race import FIGURES, Plan, Race, Runner
from benchmarks.race.running import Entry
from benchmarks.race.table import table
from benchmarks.race.task import calibrated_loops


def _numbers(text: str) -> list[int]:
    return [int(each) for each in text.split(",")]


def _figures(text: str) -> list[str]:
    figures = text.split(",")
    if unknown := set(figures) - set(FIGURES):
        raise argparse.ArgumentTypeError(f"no figure {', '.join(unknown)}")
    return figures


def _arguments() -> argparse.Namespace:
    usual = Plan()
    parser = argparse.ArgumentParser(prog="python -m benchmarks.race", description=__doc__)
    add = parser.add_argument
    add("--only", default="", help="contestants, with commas between; all by default")
    add("--jobs", type=int, default=usual.jobs, help="no-op jobs in a drain")
    add("--memory-jobs", type=int, default=usual.memory_jobs, help="jobs queued to be weighed")
    add("--rounds", type=int, default=usual.rounds, help="values are medians over them")
    add("--figures", type=_figures, default=usual.figures, help=f"of {','.join(FIGURES)}")
    add("--slots", type=_numbers, default=usual.slots, help="jobs at a time, for drains")
    add("--processes", type=_numbers, default=usual.processes, help="for drains")
    add("--persistence", choices=("aof", "none"), default="aof", help="of each Redis")
    add("--json", type=Path, help="a file for all values")
    return parser.parse_args()


def _runners(
    contestants: Sequence[Contestant],
) -> tuple[list[Runner], dict[str, str]]:
    """Those that can run, and why the others cannot."""
    runners, left_out = [], {}
    for each in contestants:
        try:
            command, folder = prepare(each)
        except LeftOutError as error:
            left_out[each.key] = str(error)
            print(f"left out: {each.key}: {error}", flush=True)
        else:
            runners.append(Runner(each, Entry(each.key, tuple(command), folder)))
    return runners, left_out


def main() -> None:
    """Run the race and print the table; Ctrl-C prints what there is until then."""
    asked = _arguments()
    found, binary = server_to_start()
    runners, left_out = _runners(chosen(read_roster(), asked.only))
    ground = Ground(binary, asked.persistence == "aof", calibrated_loops())
    told = facts(found, has_aof=ground.has_aof, cpu_loops=ground.cpu_loops)
    lines = [f"{name:19} {fact}" for name, fact in told.items()]
    print("\n".join(lines), flush=True)
    plan = Plan(
        figures=asked.figures,
        jobs=asked.jobs,
        memory_jobs=asked.memory_jobs,
        rounds=asked.rounds,
        slots=asked.slots,
        processes=asked.processes,
    )
    race = Race(ground, plan, runners)
    # Whatever ends the race ends the workers first.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        race.run(lambda line: print(line, flush=True))
    except KeyboardInterrupt:
        print("interrupted: what follows is what there is until now")
    if asked.json:
        report = {"machine": told, "jobs": plan.jobs, "rounds": plan.rounds, "left out": left_out}
        titles = {runner.contestant.key: runner.contestant.title for runner in runners}
        report |= {"contestants": titles} | race.results.as_json()
        asked.json.write_text(json.dumps(report, indent=2) + "\n")
    print()
    print("\n".join([*lines, f"{'jobs, rounds':19} {plan.jobs}, {plan.rounds}", ""]))
    print("\n".join(table(race.results, [runner.contestant for runner in runners])))
    _print_remarks(race, runners, left_out)


def _print_remarks(race: Race, runners: Sequence[Runner], left_out: dict[str, str]) -> None:
    print()
    for runner in runners:
        print(f"{runner.contestant.key}: {runner.contestant.title}; {runner.contestant.note}")
    for key, reason in left_out.items():
        print(f"left out: {key}: {reason}")
    for key, column, reason in race.results.refused:
        print(f"refused: {key}: {column.figure}, {column.name}: {reason}")


if __name__ == "__main__":
    main()
