"""Parley as `make run` starts it, for tests and benchmarks that need the whole."""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

ROOT = Path(__file__).resolve().parents[1]
PASSWORD = "end-to-end-password"
SECONDS_TO_START = 900


@dataclass(frozen=True)
class Running:
    """A running Parley whose sample calls are done."""

    url: str
    home: Path
    token: str
    printed: str

    def api(self, method: str, path: str, **how: Any) -> httpx.Response:
        """Ask the API as a client."""
        headers = {"Authorization": f"Token {self.token}", **how.pop("headers", {})}
        return httpx.request(method, f"{self.url}/api/v1/{path}", headers=headers, timeout=60, **how)

    def upload(self, name: str, content: bytes, **fields: str) -> httpx.Response:
        """Send a call."""
        return self.api("POST", "conversations/", files={"audio": (name, content)}, data=fields)

    def finished(self, id: str, seconds: float = 300) -> dict[str, Any]:
        """The call of an id, once it is done or has failed."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            call: dict[str, Any] = self.api("GET", f"conversations/{id}/").json()
            if call["status"] in ("completed", "failed"):
                return call
            time.sleep(0.5)
        raise AssertionError(f"the call is still {call['status']} after {seconds} s: {call['stages']}")


def free_port() -> int:
    """A port that nobody uses."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def environment_of(home: Path, port: int) -> dict[str, str]:
    """What a newcomer's shell has, and where to put things."""
    ours = ("PARLEY_", "DATABASE_URL", "DJANGO_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return {**kept, "PARLEY_HOME": str(home), "PARLEY_PORT": str(port), "PARLEY_ADMIN_PASSWORD": PASSWORD}


@contextmanager
def parley(*, samples: bool) -> Iterator[Running]:
    """Start everything as `make run` does, with or without the sample calls; then stop it."""
    home, port = Path(tempfile.mkdtemp(prefix="parley-e2e-")), free_port()
    home.chmod(0o711)  # where Postgres has to run as nobody, it must be able to look
    environ = environment_of(home, port) | {"PARLEY_SAMPLES": "1" if samples else "0"}
    process = subprocess.Popen(
        [sys.executable, "-m", "webapp.run"], cwd=ROOT, env=environ, text=True, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, start_new_session=True,
    )  # fmt: skip
    try:
        printed = read_until(process, "Ctrl-C stops everything")
        command = [sys.executable, "manage.py", "create_token", "admin"]
        token = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, check=True)
        yield Running(f"http://127.0.0.1:{port}", home, token.stdout.splitlines()[-1], printed)
    finally:
        ended_by_itself = process.poll()
        process.terminate()
        process.wait(timeout=120)
        assert process.stdout
        process.stdout.close()
        shutil.rmtree(home, ignore_errors=True)
    assert ended_by_itself is None, f"Parley ended during the tests, with {ended_by_itself}"


def read_until(process: subprocess.Popen[str], sentence: str) -> str:
    """What a process prints up to a sentence. Fails with all of it when the process ends or takes too long."""
    timer = threading.Timer(SECONDS_TO_START, process.kill)
    timer.start()
    lines: list[str] = []
    assert process.stdout
    for line in process.stdout:
        lines.append(line)
        if sentence in line:
            timer.cancel()
            threading.Thread(target=process.stdout.read, daemon=True).start()
            return "".join(lines)
    raise AssertionError("make run ended before it was ready:\n" + "".join(lines[-60:]))
