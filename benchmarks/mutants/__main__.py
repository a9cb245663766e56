"""Runs all mutants and prints one line each, then a JSON object; exit code 1 if any is missed."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence

from benchmarks.mutants.catalogue import MUTANTS
from benchmarks.mutants.mutant import Mutant
from benchmarks.mutants.running import Outcome, Trial, preload


def run_all(
    cases: Sequence[tuple[Sequence[str], Mutant | None]], workers: int
) -> Iterator[tuple[int, Outcome]]:
    """Run trials, some at a time; yields (place, outcome) as they end."""
    waiting = list(enumerate(cases))
    running: dict[int, Trial] = {}
    while waiting or running:
        while waiting and len(running) < workers:
            place, (tests, mutant) = waiting.pop(0)
            running[place] = Trial(tests, mutant)
        for place, trial in list(running.items()):
            outcome = trial.poll()
            if outcome is not None:
                del running[place]
                yield place, outcome
        time.sleep(0.05)


def main() -> int:
    """See the package."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.mutants", description=__doc__)
    parser.add_argument("--only", default="", help="mutants whose line holds this text")
    parser.add_argument("--workers", type=int, default=2, help="trials at a time (2)")
    options = parser.parse_args()
    mutants = [mutant for mutant in MUTANTS if options.only in mutant.title]
    preload()
    guards = sorted({tests for mutant in mutants for tests in mutant.tests})
    plain = list(run_all([((guard,), None) for guard in guards], options.workers))
    # Without a change all must pass, or a failure would say nothing.
    unfit = [guards[place] for place, outcome in plain if outcome != "missed"]
    if unfit:
        print(f"these tests fail as it is: {', '.join(unfit)}", file=sys.stderr)
        return 1
    outcomes: Counter[str] = Counter()
    missed = []
    for place, outcome in run_all([(mutant.tests, mutant) for mutant in mutants], options.workers):
        outcomes[outcome] += 1
        if outcome != "noticed":
            missed.append(mutants[place].title)
        print(f"{outcome:8} {mutants[place].title}", file=sys.stderr)
    noticed = outcomes["noticed"] / len(mutants) if mutants else 0.0
    record = {"benchmark": "mutants", "mutants": len(mutants), "noticed": noticed, "missed": missed}
    print(json.dumps(record))
    return 0 if noticed == 1.0 else 1


if __name__ == "__main__":
    sys.exit(main())
