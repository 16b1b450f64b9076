"""What `make run` does, from an empty data folder to nothing left running."""

import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.running import PASSWORD, environment_of, free_port, read_until
from webapp.stack.home import Home
from webapp.stack.programs import CHECKOUT
from webapp.stack.supervision import stop_leftovers


@pytest.fixture
def surroundings() -> Iterator[dict[str, str]]:
    """The environment of a newcomer, with an empty data folder and without the sample calls."""
    with tempfile.TemporaryDirectory(prefix="parley-") as folder:
        Path(folder).chmod(0o711)
        yield environment_of(Path(folder), free_port()) | {"PARLEY_SAMPLES": "0"}


def start(environment: dict[str, str]) -> tuple[subprocess.Popen[str], str]:
    """Start Parley; return the process and what it said up to its last line.

    A shell's background job ignores SIGINT, and so would its children.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)
    process = subprocess.Popen(
        [sys.executable, "-m", "webapp.run"],
        cwd=CHECKOUT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    return process, read_until(process, "Ctrl-C stops everything")


def stop(process: subprocess.Popen[str], environment: dict[str, str], how: signal.Signals) -> None:
    """Stop it as a person or the system would; nothing may be left."""
    process.send_signal(how)
    assert process.wait(timeout=60) in (130, 128 + how)
    assert process.stdout
    process.stdout.close()
    assert not stop_leftovers(Home(Path(environment["PARLEY_HOME"])))


def test_parley_starts_stops_and_starts_again_with_its_data(surroundings: dict[str, str]) -> None:
    address = f"http://localhost:{surroundings['PARLEY_PORT']}"
    process, said = start(surroundings)
    assert f"{address}/" in said
    assert PASSWORD in said
    stop(process, surroundings, signal.SIGINT)

    process, said = start(surroundings)
    assert PASSWORD not in said
    in_another_terminal = [sys.executable, "manage.py", "create_token", "admin"]
    answer = subprocess.run(
        in_another_terminal, cwd=CHECKOUT, env=surroundings, capture_output=True, text=True, check=True
    )
    token = answer.stdout.splitlines()[-1]
    calls = httpx.get(f"{address}/api/v1/conversations/", headers={"Authorization": f"Token {token}"}, timeout=30)
    assert calls.status_code == 200
    stop(process, surroundings, signal.SIGTERM)


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
