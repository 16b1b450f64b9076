"""One running Parley for all end-to-end tests, with its sample calls done."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.running import ROOT, Running, parley


@pytest.fixture(scope="session")
def running() -> Iterator[Running]:
    """Parley, as a newcomer starts it."""
    with parley(samples=True) as started:
        yield started


@pytest.fixture(scope="session")
def samples() -> list[dict[str, Any]]:
    """What is said in the sample calls."""
    manifest = ROOT / "conversations" / "samples" / "samples.json"
    calls: list[dict[str, Any]] = json.loads(manifest.read_text(encoding="utf-8"))["calls"]
    return calls
