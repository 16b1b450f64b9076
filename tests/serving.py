"""Parley's web server, gunicorn and all, on a database of its own, for tests and benchmarks that send it bytes."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil

from tests.running import ROOT, free_port

SERVER = "-c python:webapp.server --workers 1 --log-level warning"
SECONDS_TO_START = 60


@dataclass(frozen=True)
class Web:
    """A web server that runs: its address, a token of an admin, and its processes, the one that serves last."""

    port: int
    token: str
    processes: tuple[psutil.Process, ...]

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def headers(self) -> dict[str, str]:
        """What a client sends to be the admin."""
        return {"Authorization": f"Token {self.token}"}

    def resident(self) -> int:
        """Bytes of memory of its processes."""
        return sum(each.memory_info().rss for each in self.processes)


@contextmanager
def web_server(environ: Mapping[str, str]) -> Iterator[Web]:
    """Run the web server in an environment that names an empty database; one gunicorn worker, so that it is warm."""
    environ = {**os.environ, **environ}
    Path(environ["PARLEY_HOME"], "static").mkdir(exist_ok=True)
    for arguments in (("migrate", "--verbosity", "0"), ("bootstrap",)):
        manage(environ, *arguments)
    token, port = manage(environ, "create_token", "admin").splitlines()[-1], free_port()
    command = [sys.executable, "-m", "gunicorn", "webapp.wsgi", "--bind", f"127.0.0.1:{port}", *SERVER.split()]
    process = subprocess.Popen(command, cwd=ROOT, env=environ)
    try:
        wait_for(f"http://127.0.0.1:{port}/healthz")
        root = psutil.Process(process.pid)
        yield Web(port, token, (root, *root.children(recursive=True)))
    finally:
        process.terminate()
        process.wait(timeout=60)


def manage(environ: Mapping[str, str], *arguments: str) -> str:
    """What a command of ``manage.py`` prints."""
    command = [sys.executable, "manage.py", *arguments]
    return subprocess.run(command, cwd=ROOT, env=environ, stdout=subprocess.PIPE, text=True, check=True).stdout


def wait_for(address: str) -> None:
    """Wait until an address answers."""
    deadline = time.monotonic() + SECONDS_TO_START
    while True:
        try:
            httpx.get(address)
            return
        except httpx.TransportError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
