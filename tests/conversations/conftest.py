"""What tests of the monolith need beside the database."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.management import call_command
from django.db import connection
from django.test import override_settings
from playwright.sync_api import Browser

from conversations.ledger import relay
from conversations.models import Conversation, User
from pipeline.config import config
from pipeline.storage import blob_store
from tests.conversations.chromium import running_chromium
from tests.conversations.corrected import Corrected, completed
from tests.conversations.installation import Installation, administer, use
from tests.factories import make_conversation, make_organization, make_user


@pytest.fixture(scope="session", autouse=True)
def static_files() -> Iterator[None]:
    """Static files under their own names, since no `collectstatic` has been run; and the folder that WhiteNoise wants."""
    settings.STATIC_ROOT.mkdir(exist_ok=True)
    plain = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    with override_settings(STORAGES={**settings.STORAGES, "staticfiles": plain}):
        yield


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """A browser, for the tests of a file."""
    with running_chromium() as browser:
        yield browser


@pytest.fixture
def conversation() -> Conversation:
    """A call that was just received."""
    return make_conversation(make_organization(), status=Conversation.Status.RECEIVED)


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


@pytest.fixture(scope="session")
def template(database_url: str, django_db_blocker: Any) -> Iterator[str]:
    """A database with Parley's tables that others are made from."""
    server, name = database_url.replace("@/parley", "@/postgres"), "scratch"
    administer(server, f"create database {name} template template0")
    with django_db_blocker.unblock():
        last = use(name)
        call_command("migrate", interactive=False, verbosity=0)
        use(last)
    yield name
    administer(server, f"drop database {name}")


@pytest.fixture
def installation(
    template: str, database_url: str, django_db_blocker: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Installation]:
    """An installation of the test's own, with tables and nothing in them."""
    monkeypatch.setenv("PARLEY_BLOB_URL", f"file://{tmp_path}/blobs")
    monkeypatch.setenv("PARLEY_KEY_URL", f"file://{tmp_path}/keys")
    forget_configuration()
    installation = Installation(tmp_path, database_url.replace("@/parley", "@/postgres"))
    with django_db_blocker.unblock():
        last = str(connection.settings_dict["NAME"])
        try:
            installation.use_new_database(template)
            yield installation
        finally:
            use(last)
    for database in installation.databases:
        administer(installation.server, f"drop database {database}")
    monkeypatch.undo()
    forget_configuration()


def forget_configuration() -> None:
    """Let the environment be read again."""
    config.cache_clear()
    blob_store.cache_clear()


@pytest.fixture
def story(relayed: list[dict[str, Any]]) -> Corrected:
    """A completed call, to be corrected."""
    return completed(make_organization())


@pytest.fixture
def supervisor(story: Corrected) -> User:
    """Somebody who may correct it in every way."""
    return make_user(story.call.organization)
