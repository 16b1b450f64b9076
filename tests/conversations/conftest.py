"""What tests of the monolith need beside the database."""

import pytest
from django.conf import settings


@pytest.fixture(scope="session", autouse=True)
def static_root() -> None:
    """The folder that `make run` gathers static files in, which WhiteNoise wants to see."""
    settings.STATIC_ROOT.mkdir(exist_ok=True)
