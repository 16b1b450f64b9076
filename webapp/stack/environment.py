"""The environment variables that point at the embedded stack, for those that the person has not set."""

import os

from webapp.stack import postgres, valkey
from webapp.stack.home import Home, write_private


def embedded(home: Home) -> dict[str, str]:
    """Every variable that the embedded stack can answer for, with its answer. Makes secrets that do not exist yet."""
    return {
        "PARLEY_HOME": str(home.path),
        "DATABASE_URL": postgres.url(home),
        "PARLEY_BROKER_URL": valkey.url(home),
        "PARLEY_BLOB_URL": f"file://{home.path / 'blobs'}",
        "PARLEY_KEY_URL": f"file://{home.path / 'keys'}",
        "PARLEY_MASTER_KEY": home.secret("master_key"),
        "PARLEY_SECRET_KEY": home.secret("secret_key"),
    }


def complete(home: Home) -> None:
    """Set the unset variables of this process and its children, and note down all of them in `stack.env`."""
    values = {name: os.environ.get(name) or value for name, value in embedded(home).items()}
    os.environ.update(values)
    write_private(home.environment, "".join(f"{name}={value}\n" for name, value in values.items()))
