"""``make bench-upload``: a call of four hours through the real web server, beside a plain copy of the same file.

Postgres, Valkey, gunicorn and a ledger run in a folder of their own, without workers, so that what is said of the call
stays where it can be weighed. Peak memory is the growth of the web server, sampled while the file is sent; it has one
worker, so that the first uploads warm the one that takes the others.
Some 4 GB of disk are needed in the folder of temporary files (``TMPDIR``), which should not be memory.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import wave
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import numpy as np
import psycopg
import redis

from tests.bench import say
from tests.running import ROOT
from tests.serving import Web, web_server
from webapp.stack import environment, postgres, valkey
from webapp.stack.home import Home

RATE, CHANNELS, WIDTH = 22050, 2, 2
LONG_SECONDS = 4 * 3600  # 1.27 GB
SHORT_SECONDS = 4 * 60
MEGABYTE = 1_000_000


def main() -> None:
    """Start everything, measure, print."""
    with tempfile.TemporaryDirectory(prefix="parley-bench-") as folder, ExitStack() as stack:
        home = Home(Path(folder))
        home.path.chmod(0o711)  # where Postgres has to run as nobody, it must be able to look
        home.create()
        environ = environment.embedded(home)
        stack.enter_context(postgres.running(home))
        stack.enter_context(valkey.running(home))
        web = stack.enter_context(web_server(environ))
        stack.enter_context(ledger(environ))
        measure(home, web)


@contextmanager
def ledger(environ: dict[str, str]) -> Iterator[None]:
    """A ledger while the block lasts."""
    process = subprocess.Popen([sys.executable, "manage.py", "run_ledger"], cwd=ROOT, env={**os.environ, **environ})
    try:
        yield
    finally:
        process.terminate()
        process.wait(timeout=60)


def measure(home: Home, web: Web) -> None:
    """All figures. A first small upload loads what is loaded on first use."""
    for _ in range(4):
        send(web, recording(home.path / "warm.wav", 1))
    for name, seconds in (("short", SHORT_SECONDS), ("long", LONG_SECONDS)):
        file = recording(home.path / f"{name}.wav", seconds)
        size, plain = file.stat().st_size / MEGABYTE, seconds_to_copy(file)
        with growth(web) as grown:
            started = time.monotonic()
            send(web, file)
            took = time.monotonic() - started
        say(f"upload_{name}_size", size, "MB")
        say(f"upload_{name}", took, "s")
        say(f"upload_{name}_rate", size / took, "MB/s")
        say(f"upload_{name}_against_copy_and_sha256", took / plain, "times as long")
        say(f"upload_{name}_web_memory_growth", max(grown), "MB")
        file.unlink()
    say("upload_largest_broker_message", largest_message(home) / 1024, "KiB")
    say("upload_largest_event", largest_event(home) / 1024, "KiB")
    say("upload_largest_row_of_any_table", largest_row(home) / 1024, "KiB")


def recording(path: Path, seconds: int) -> Path:
    """A WAV of noise: two channels, 22,050 Hz, 16 bits, each second another."""
    noise = np.random.default_rng(seconds)
    with wave.open(str(path), "wb") as file:
        file.setparams((CHANNELS, WIDTH, RATE, 0, "NONE", ""))
        for _ in range(seconds):
            file.writeframes(noise.integers(-999, 999, RATE * CHANNELS, dtype=np.int16).tobytes())
    return path


def send(web: Web, file: Path) -> None:
    """Send a call as a program does, under an Idempotency-Key."""
    with file.open("rb") as audio:
        answer = httpx.post(
            f"{web.url}/api/v1/conversations/", headers={**web.headers, "Idempotency-Key": file.name},
            files={"audio": (file.name, audio)}, timeout=600,
        )  # fmt: skip
    if answer.status_code != 201:
        raise SystemExit(f"{file.name} was answered with {answer.status_code}: {answer.text}")


def seconds_to_copy(file: Path) -> float:
    """How long a plain copy of a file and its SHA-256 take."""
    copy = file.with_suffix(".copy")
    started = time.monotonic()
    shutil.copyfile(file, copy)
    with copy.open("rb") as opened:
        hashlib.file_digest(opened, "sha256")
    took = time.monotonic() - started
    copy.unlink()
    return took


@contextmanager
def growth(web: Web) -> Iterator[list[float]]:
    """MB of resident memory that the web server has more than at first, sampled during the block."""
    before, over, samples = web.resident(), threading.Event(), [0.0]

    def sample() -> None:
        while not over.wait(0.02):
            samples.append((web.resident() - before) / MEGABYTE)

    thread = threading.Thread(target=sample)
    thread.start()
    try:
        yield samples
    finally:
        over.set()
        thread.join()


def largest_message(home: Home) -> int:
    """Bytes of the largest message that waits in the broker, once the relay has published the long call."""
    broker = redis.Redis(unix_socket_path=str(valkey.socket(home)))
    deadline = time.monotonic() + 30
    while not broker.llen("gpu"):
        if time.monotonic() > deadline:
            raise SystemExit("The relay published nothing within 30 s.")
        time.sleep(0.1)
    return max(broker.memory_usage(key, samples=0) or 0 for key in broker.scan_iter())


def largest_event(home: Home) -> int:
    """Characters of the largest event record."""
    with psycopg.connect(postgres.url(home)) as connection:
        return query(connection, "select max(length(t::text)) from conversations_event t")


def largest_row(home: Home) -> int:
    """Characters of the largest row of all tables."""
    with psycopg.connect(postgres.url(home)) as connection:
        tables = connection.execute("select tablename from pg_tables where schemaname = 'public'").fetchall()
        return max(query(connection, f'select max(length(t::text)) from "{name}" t') for (name,) in tables)  # noqa: S608


def query(connection: psycopg.Connection, text: str) -> int:
    """The number that a query gives; 0 for none."""
    row = connection.execute(text).fetchone()  # type: ignore[call-overload]
    return int(row[0] or 0)


if __name__ == "__main__":
    main()
