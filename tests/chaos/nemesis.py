"""Who lets things go wrong: a seeded order of faults, each kind once before any comes again."""

import random
import sys
import time
from collections.abc import Callable, Iterator

from tests.chaos.faults import FAULTS
from tests.chaos.storm import Storm

SECONDS_BETWEEN = (0.5, 2.5)


def order(chance: random.Random, names: list[str]) -> Iterator[str]:
    """The names for ever, shuffled anew each time around."""
    while True:
        yield from chance.sample(names, len(names))


def strike(storm: Storm, faults: int, only: list[str], before_each: Callable[[], None]) -> None:
    """Let that many faults happen, one after the other."""
    possible = [name for name, (_, needs) in FAULTS.items() if storm.has(*needs) and (not only or name in only)]
    names = order(storm.chance, possible)
    for number in range(1, faults + 1):
        before_each()
        time.sleep(storm.chance.uniform(*SECONDS_BETWEEN))
        name = next(names)
        storm.note_arguments()
        began = time.monotonic()
        FAULTS[name][0](storm)
        print(f"  {number:3} {name.replace('_', ' ')} ({time.monotonic() - began:.1f} s)", file=sys.stderr, flush=True)
