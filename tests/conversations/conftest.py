"""What tests of the monolith need beside the database."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.conf import settings
from django.test import override_settings

from conversations.ledger import relay
from pipeline.config import config


@pytest.fixture(scope="session", autouse=True)
def static_files() -> Iterator[None]:
    """Static files under their own names, since no `collectstatic` has been run; and the folder that WhiteNoise wants."""
    settings.STATIC_ROOT.mkdir(exist_ok=True)
    plain = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    with override_settings(STORAGES={**settings.STORAGES, "staticfiles": plain}):
        yield


@pytest.fixture
def relayed(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What a relay puts on the queues, instead of a broker."""
    rows: list[dict[str, Any]] = []
    monkeypatch.setattr(relay.Relay, "publish", lambda self, some: rows.extend(some))
    return rows


@pytest.fixture
def limits(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Set limits as an installation does, by environment variables: ``limits(max_batch_files=2)``."""

    def set_limits(**values: int) -> None:
        for name, value in values.items():
            monkeypatch.setenv(f"PARLEY_{name.upper()}", str(value))
        config.cache_clear()

    yield set_limits
    monkeypatch.undo()
    config.cache_clear()
