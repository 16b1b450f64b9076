"""How fast detectors are on one core, and how much memory they hold; each in a process of its own.

The time is that of the process on its one core (user and system), so that what else the machine does counts little.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable

from pipeline.services import anonymization, entity_tagging
from tests.bench import highest_memory
from tests.bench.pii.detectors import found_by_anonymization, has_presidio, presidio, tagged
from tests.bench.pii.gold import words_in
from tests.bench.pii.page import figure
from tests.bench.pii.spoken import build

CALLS = 240  # of each style: with a few, most is the first meeting of words that a worker has long met
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS"), "1")


def speed() -> None:
    """Say words a second and megabytes."""
    alone = {name: _alone(name) for name in WORK if name != "presidio" or has_presidio()}
    for name, seen in alone.items():
        figure(f"anonymization-speed-{name}", seen["words"] / seen["seconds"], "words a second on one core")
    both = alone["detection"]["seconds"] + alone["entities"]["seconds"]
    figure("anonymization-speed-with-entities", alone["detection"]["words"] / both, "words a second on one core")
    more = alone["detection"]["megabytes"] - alone["entities"]["megabytes"]
    figure("anonymization-memory-beyond-spacy", more, "MB of the detector, English and French")
    if has_presidio():
        more = alone["presidio"]["megabytes"] - alone["entities"]["megabytes"]
        figure("anonymization-memory-presidio-beyond-spacy", more, "MB, English")


def _alone(name: str) -> dict[str, float]:
    command = [sys.executable, "-m", "tests.bench.pii.speed", name]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, env={**os.environ, **ONE_THREAD})
    seen: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return seen


def _work_alone(name: str) -> None:
    """In a process of its own: work on the calls, print words, seconds and the highest resident megabytes."""
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    calls = [
        [(turn.speaker, turn.text) for turn in call]
        for lower in (True, False)
        for call in build("en", CALLS, lower=lower)
    ]
    words = words_in(build("en", CALLS, lower=True)) + words_in(build("en", CALLS, lower=False))
    seconds = WORK[name](calls)
    print(json.dumps({"words": words, "seconds": seconds, "megabytes": highest_memory()}))


Calls = list[list[tuple[str, str]]]


def _entities(calls: Calls) -> float:
    """The entity tagger alone: spaCy."""
    entity_tagging.warm(["en", "fr"])
    started = time.process_time()
    for call in calls:
        tagged(call, "en")
    return time.process_time() - started


def _detection(calls: Calls) -> float:
    """Anonymization, the entities given."""
    entity_tagging.warm(["en", "fr"])
    anonymization.warm(["en", "fr"])
    entities = [tagged(call, "en") for call in calls]
    started = time.process_time()
    for call, found in zip(calls, entities, strict=True):
        found_by_anonymization(call, "en", found)
    return time.process_time() - started


def _presidio(calls: Calls) -> float:
    """Presidio, spaCy in it."""
    presidio([("", "warm")], "en")
    started = time.process_time()
    for call in calls:
        presidio(call, "en")
    return time.process_time() - started


WORK: dict[str, Callable[[Calls], float]] = {"entities": _entities, "detection": _detection, "presidio": _presidio}

if __name__ == "__main__":
    _work_alone(sys.argv[1])
