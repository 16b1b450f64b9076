"""A storm: what a fault may touch, what it notes for the checkers, and the list of faults."""

import random
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from tests.chaos.brokers import Broker
from tests.chaos.cluster import Cluster, Process
from tests.chaos.invented import LEASE
from tests.chaos.load import Load


@dataclass
class Storm:
    """What a fault may touch, and what it notes for the checkers."""

    cluster: Cluster
    broker: Broker
    chance: random.Random
    load: Load | None = None
    blobs: Path = Path()
    disk: bool = False  # whether the blobs lie on a file system of their own, which can be filled
    long: bool = False
    lease: float = LEASE  # seconds that a service may be silent
    killed_at: list[tuple[float, str]] = field(default_factory=list)  # when, and the queue of the worker
    damaged: set[str] = field(default_factory=set)
    strangers: set[str] = field(default_factory=set)
    wrong: list[str] = field(default_factory=list)
    arguments: set[tuple[str, str]] = field(default_factory=set)

    def has(self, *needs: str) -> bool:
        """Whether there is what a fault needs."""
        return self.cluster.has(*(kind for kind in needs if kind != "disk")) and ("disk" not in needs or self.disk)

    def note_arguments(self) -> None:
        """Note with which words every process was started."""
        processes = [each for process in self.cluster.processes if process.alive for each in process.family()]
        for each in processes:
            with suppress(psutil.Error):
                self.arguments.add((each.name(), " ".join(each.cmdline())))

    def one(self, kind: str) -> Process:
        """A process of a kind."""
        return self.chance.choice(self.cluster.of(kind))


Fault = Callable[[Storm], None]
FAULTS: dict[str, tuple[Fault, tuple[str, ...]]] = {}


def fault(*needs: str) -> Callable[[Fault], Fault]:
    """Name a fault, and the kinds of processes that must be there for it."""

    def note(function: Fault) -> Fault:
        FAULTS[function.__name__] = (function, needs)
        return function

    return note
