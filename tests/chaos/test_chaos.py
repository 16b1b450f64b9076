"""Storms over real processes: nothing is lost under the ledger, and the control shows that the storm is one.

All runs go at the same time, since each mostly waits: two of 200 calls on Redis, one with a fixed and one with a
random seed, one on RabbitMQ, and the control.
"""

import json
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
FIXED_SEED, RANDOM_SEED = 7, random.randrange(1_000_000)
SECONDS = 600
RUNS = {
    "fixed": f"--seed {FIXED_SEED} --conversations 200 --faults 12",
    "random": f"--seed {RANDOM_SEED} --conversations 200 --faults 12",
    "rabbitmq": f"--seed {RANDOM_SEED} --conversations 40 --faults 4 --broker rabbitmq",
    "control": f"--seed {FIXED_SEED} --conversations 40 --faults 8 --wiring naive",
}
Outcome = tuple[int, dict[str, Any], str]


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Outcome]]:
    """Exit code, verdict and story of each run."""
    folder, processes = tmp_path_factory.mktemp("chaos"), {}
    for name, words in RUNS.items():
        with (folder / f"{name}.out").open("w") as out, (folder / f"{name}.err").open("w") as err:
            command = [sys.executable, "-m", "tests.chaos", *words.split()]
            processes[name] = subprocess.Popen(command, cwd=ROOT, stdout=out, stderr=err)
    try:
        codes = {name: process.wait(SECONDS) for name, process in processes.items()}
        stories = {name: (folder / f"{name}.err").read_text() for name in RUNS}
        last = {name: ((folder / f"{name}.out").read_text().splitlines() or [stories[name]])[-1] for name in RUNS}
        yield {name: (codes[name], json.loads(last[name]), stories[name]) for name in RUNS}
    finally:
        for process in processes.values():
            process.terminate()
            process.wait(60)


@pytest.mark.parametrize("name", ["fixed", "random", "rabbitmq"])
def test_nothing_is_lost_doubled_or_stuck_in_a_storm(outcomes: dict[str, Outcome], name: str) -> None:
    code, verdict, story = outcomes[name]
    print(story, verdict)  # pytest shows it when the test fails, with its seed
    zeros = {each: verdict[each] for each in ("lost", "duplicated", "stuck", "unexpected")}
    assert zeros == {"lost": 0, "duplicated": 0, "stuck": 0, "unexpected": 0}
    assert verdict["acknowledged"] >= 0.9 * int(RUNS[name].split()[3])
    assert (code, verdict["ok"]) == (0, True)


def test_a_naive_wiring_loses_calls_in_the_same_storm(outcomes: dict[str, Outcome]) -> None:
    code, verdict, story = outcomes["control"]
    print(story, verdict)
    assert verdict["lost"] > 0
    assert (code, verdict["ok"]) == (1, False)
