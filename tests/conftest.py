"""One data folder, one Postgres and one Valkey for each process that runs tests, started when first asked for."""

import atexit
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import django
import pytest

from webapp.stack import environment, postgres, valkey
from webapp.stack.home import Home

HOME = Home(Path(tempfile.mkdtemp(prefix="parley-tests-")))
HOME.path.chmod(0o711)  # where Postgres has to run as nobody, it must be able to look
atexit.register(shutil.rmtree, HOME.path, ignore_errors=True)
HOME.create()

# Before Django reads its settings, which is before any other conftest.py imports a model. The servers need not run yet.
os.environ.update(environment.embedded(HOME))
os.environ["DJANGO_SETTINGS_MODULE"] = "webapp.settings"
django.setup()


def pytest_xdist_setupnodes() -> None:
    """Hide from the processes that will run the tests which settings to read: each first makes a folder of its own."""
    del os.environ["DJANGO_SETTINGS_MODULE"]


@pytest.fixture(scope="session")
def database_url() -> Iterator[str]:
    """The URL of a real Postgres. A test marked `django_db` has it without asking."""
    with postgres.running(HOME, durable=False) as url:
        yield url


@pytest.fixture(scope="session")
def broker_url() -> Iterator[str]:
    """The URL of a real broker, shared by the session's tests: name your queues after your test."""
    with valkey.running(HOME, durable=False) as url:
        yield url


@pytest.fixture(scope="session")
def django_db_modify_db_settings(database_url: str, django_db_modify_db_settings: None) -> None:
    """Start Postgres before pytest-django makes its test database there."""
