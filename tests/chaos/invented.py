"""What the invented calls say, and how the stand-ins read it."""

import random
import time

import msgspec

LEASE = 6.0  # seconds that a stand-in may be silent


class InventedCall(msgspec.Struct, frozen=True, kw_only=True):
    """The bytes of an invented call.

    ``poison`` names the service whose process it kills each time it is heard; ``canary`` is what must stay hidden.
    """

    number: int
    seed: int
    canary: str = ""
    poison: str = ""
    padding: str = ""


def seconds_of_work(call: InventedCall, service: str) -> float:
    """How long a service works on a call: mostly a moment, one in twenty long enough to need its heartbeats."""
    chance = random.Random(f"{call.seed} {call.number} {service}")
    return chance.uniform(1, 8) if chance.random() < 0.05 else chance.uniform(0.02, 0.4)


def work_on(call: InventedCall, service: str) -> None:
    """Take the time that the work takes."""
    time.sleep(seconds_of_work(call, service))
