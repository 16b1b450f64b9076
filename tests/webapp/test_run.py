"""What `make run` does, from an empty data folder to nothing left running."""

import http.client
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from webapp.stack.home import Home
from webapp.stack.programs import CHECKOUT
from webapp.stack.supervision import stop_leftovers


@pytest.fixture
def surroundings() -> Iterator[dict[str, str]]:
    """The environment of a fresh clone on a machine that sets nothing, but for a data folder and a port of our own."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    kept = {name: value for name, value in os.environ.items() if not re.match("PARLEY_|DJANGO_|DATABASE_URL", name)}
    with tempfile.TemporaryDirectory(prefix="parley-") as folder:
        Path(folder).chmod(0o711)
        yield kept | {
            "PARLEY_HOME": folder,
            "PARLEY_PORT": str(port),
            "PARLEY_ADMIN_PASSWORD": "a word of our own",
            "PARLEY_SAMPLES": "0",
        }


def start(environment: dict[str, str]) -> tuple[subprocess.Popen[str], str]:
    """Start Parley; return the process and what it said, once it says where it runs."""
    process = subprocess.Popen(
        [sys.executable, "-m", "webapp.run"],
        cwd=CHECKOUT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    said = ""
    assert process.stdout
    for line in process.stdout:
        said += line
        if "Ctrl-C" in line:
            return process, said
    pytest.fail(f"It ended with {process.wait()}:\n{said}")


def test_parley_starts_stops_and_starts_again_with_its_data(surroundings: dict[str, str]) -> None:
    process, said = start(surroundings)
    assert f"http://localhost:{surroundings['PARLEY_PORT']}/" in said
    assert "a word of our own" in said
    stop(process, surroundings, signal.SIGINT)

    process, said = start(surroundings)
    assert "a word of our own" not in said
    token = subprocess.run(
        [sys.executable, "manage.py", "create_token", "admin"],
        cwd=CHECKOUT,
        env={name: value for name, value in surroundings.items() if name != "PARLEY_ADMIN_PASSWORD"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()[-1]
    assert get(surroundings, "/api/v1/conversations/", token) == 200
    stop(process, surroundings, signal.SIGTERM)


def get(environment: dict[str, str], path: str, token: str) -> int:
    connection = http.client.HTTPConnection("localhost", int(environment["PARLEY_PORT"]), timeout=20)
    try:
        connection.request("GET", path, headers={"Authorization": f"Token {token}"})
        return connection.getresponse().status
    finally:
        connection.close()


def stop(process: subprocess.Popen[str], environment: dict[str, str], how: signal.Signals) -> None:
    """Stop it as a person or the system would; nothing may be left."""
    process.send_signal(how)
    assert process.wait(timeout=60) in (130, 128 + how)
    assert process.stdout
    process.stdout.close()
    assert not stop_leftovers(Home(Path(environment["PARLEY_HOME"])))


def test_a_setting_that_makes_no_sense_is_refused_in_a_sentence(surroundings: dict[str, str]) -> None:
    result = subprocess.run(
        [sys.executable, "-m", "webapp.run"],
        cwd=CHECKOUT,
        env=surroundings | {"PARLEY_PORT": "http"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 1
    assert result.stderr.strip() == "PARLEY_PORT is 'http'; it must be a whole number from 1 to 65535."
