"""The ledger waits for servers that are away or refuse, and goes on."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import OperationalError
from redis.exceptions import ConnectionError as BrokerAway
from redis.exceptions import OutOfMemoryError

from conversations.ledger.consumer import Consumer
from conversations.ledger.relay import Relay

LOOPS: tuple[tuple[Callable[[], Any], str], ...] = (
    (Relay, "relay_once"),
    (lambda: Consumer(recorded=lambda: None), "consume"),
)


@pytest.mark.parametrize(("make", "step"), LOOPS, ids=["relay", "consumer"])
@pytest.mark.parametrize(
    "error",
    [
        OutOfMemoryError,  # the broker's memory is full: a refusal, not a lost connection
        BrokerAway,
        OperationalError,  # the database
    ],
)
def test_what_is_away_is_waited_for(
    make: Callable[[], Any], step: str, error: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    loop, steps = make(), []

    def refuse_once() -> int:
        steps.append(step)
        if len(steps) == 1:
            raise error
        loop.stopping.set()
        return 1

    monkeypatch.setattr(Relay, "check_attempts", lambda self: None)
    monkeypatch.setattr(loop, step, refuse_once)
    loop.run()
    assert len(steps) == 2
