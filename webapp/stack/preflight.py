"""What must be true before anything is started, and a sentence for each thing that is not."""

import shutil
import socket

import psycopg
from kombu import Connection
from kombu.exceptions import OperationalError

from pipeline.config import Config
from webapp.stack import StackError

BYTES_NEEDED = 1_000_000_000  # the model's weights, Postgres's first files, and some calls


def check_disk(config: Config) -> None:
    """Refuse a data folder on a full disk."""
    free = shutil.disk_usage(config.home).free
    if free < BYTES_NEEDED:
        raise StackError(
            f"Only {free / 1e6:.0f} MB are free in {config.home}, and Parley needs {BYTES_NEEDED / 1e6:.0f} MB to "
            "begin with. Make room, or put the data elsewhere with PARLEY_HOME."
        )


def check_port(config: Config) -> None:
    """Refuse a port that another program has."""
    family = socket.AF_INET6 if ":" in config.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((config.host.strip("[]"), config.port))
        except OSError as error:
            raise StackError(
                f"Port {config.port} of {config.host} cannot be used ({error.strerror}). Stop the program that has "
                f"it, or choose another port: PARLEY_PORT={config.port + 1} make run"
            ) from error


def check_database(url: str) -> None:
    """Refuse a database of the person's that does not answer."""
    try:
        psycopg.connect(url, connect_timeout=10).close()
    except psycopg.OperationalError as error:
        raise StackError(f"The database that DATABASE_URL names does not answer: {error}") from error


def check_broker(url: str) -> None:
    """Refuse a broker of the person's that does not answer."""
    with Connection(url, connect_timeout=10) as connection:
        try:
            connection.ensure_connection(max_retries=1, timeout=10)
        except OperationalError as error:
            raise StackError(f"The broker that PARLEY_BROKER_URL names does not answer: {error}") from error
