"""The processes of a Parley in a temporary folder, each started again when it dies, as a supervisor would do."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
import psycopg
from psycopg.rows import dict_row

from webapp.stack import postgres
from webapp.stack.home import Home

ROOT = Path(__file__).resolve().parents[2]
KEEPER_SECONDS = 0.2


class Process:
    """A program. While it is ``wanted`` it is started again whenever it dies."""

    def __init__(self, name: str, command: list[str], prepare: Callable[[], object] = lambda: None) -> None:
        self.name, self.command, self.prepare = name, command, prepare
        self.checkout = ROOT
        self.popen: subprocess.Popen[bytes] | None = None
        self.wanted = False
        self.starts = 0
        self.odd: dict[str, str] = {}  # what it finds in its environment beside what all have

    @property
    def kind(self) -> str:
        """What it is: worker, ledger, web, broker, database."""
        return self.name.split("-")[0]

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        return self.popen is not None and self.popen.poll() is None

    def start(self, environ: dict[str, str], logs: Path) -> None:
        """Start it, in a process group of its own, which dies with us however we end."""
        self.prepare()
        with (logs / f"{self.name}.log").open("ab") as log:
            self.popen = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", *self.command], cwd=self.checkout, env=environ | self.odd,
                stdin=subprocess.DEVNULL,
                stdout=log, stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip
        self.starts += 1

    def send_signal(self, number: signal.Signals, *, group: bool = True) -> None:
        """Send a signal to the process, and to its children unless told otherwise."""
        if self.popen is None:
            return
        with suppress(ProcessLookupError):
            (os.killpg if group else os.kill)(self.popen.pid, number)

    def end(self, number: signal.Signals, *, group: bool = True, seconds: float = 60) -> None:
        """Send a signal and wait for the end."""
        assert self.popen
        self.send_signal(number, group=group)
        self.popen.wait(seconds)

    def family(self) -> list[psutil.Process]:
        """It and the processes below it."""
        assert self.popen
        with suppress(psutil.NoSuchProcess):
            first = psutil.Process(self.popen.pid)
            return [first, *first.children(recursive=True)]
        return []


class Cluster:
    """All processes of one run, and the doors to its servers."""

    def __init__(self, home: Home, environ: dict[str, str], processes: list[Process]) -> None:
        self.home, self.environ = home, environ
        self.processes = processes
        self.closing, self.ended = threading.Event(), threading.Event()
        self.starting = threading.Lock()
        self.keeper = threading.Thread(target=self.keep, name="keeper", daemon=True)
        self.keeper.start()

    def keep(self) -> None:
        """Start what is wanted and not there. Only this thread starts: its death ends what it started."""
        while not self.closing.wait(KEEPER_SECONDS):
            with self.starting:
                for process in self.processes:
                    if process.wanted and not process.alive:
                        process.start(self.environ, self.home.logs)
        self.ended.wait()

    def start(self, *kinds: str) -> None:
        """Let processes of these kinds run."""
        for process in self.of(*kinds):
            process.wanted = True

    def of(self, *kinds: str) -> list[Process]:
        """The processes of some kinds."""
        return [process for process in self.processes if process.kind in kinds]

    def has(self, *kinds: str) -> bool:
        """Whether there is one of each of these kinds."""
        return all(self.of(kind) for kind in kinds)

    @contextmanager
    def away(self, *processes: Process, by: signal.Signals, group: bool = True) -> Iterator[None]:
        """End processes and keep them away while the block runs."""
        for process in processes:
            process.wanted = False
        for process in processes:
            if process.alive:
                process.end(by, group=group)
        try:
            yield
        finally:
            for process in processes:
                process.wanted = True

    @contextmanager
    def frozen(self, *processes: Process) -> Iterator[None]:
        """Stop the time of processes while the block runs."""
        for process in processes:
            process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            for process in processes:
                process.send_signal(signal.SIGCONT)

    def query(self, text: str, *values: object) -> list[dict[str, Any]]:
        """The rows of a query."""
        with psycopg.connect(postgres.url(self.home), row_factory=dict_row, autocommit=True) as connection:
            cursor = connection.execute(text, values)
            return cursor.fetchall() if cursor.description else []

    def close(self) -> None:
        """Kill everything, the servers last."""
        with self.starting:
            for process in self.processes:
                process.wanted = False
        self.closing.set()
        for process in reversed(self.processes):
            if process.alive:
                server = process.kind == "database"  # its children are in groups of their own; it ends them itself
                process.end(signal.SIGQUIT if server else signal.SIGKILL, group=not server)
        # Not before: with the keeper dies what it started itself, RabbitMQ's script and not RabbitMQ.
        self.ended.set()
        self.keeper.join()


def database(home: Home) -> Process:
    """Postgres. It does not sync: no power is cut here."""
    postgres.prepare(home, durable=False)
    return Process("database", postgres.command(home, durable=False), lambda: postgres.prepare(home, durable=False))


def python(name: str, arguments: str) -> Process:
    """A program in Python."""
    return Process(name, [sys.executable, *arguments.split()])


def parley_processes(port: int, services: str) -> list[Process]:
    """Web, two ledgers, three workers with these services, and one with a service that is not there from the start."""
    server = "--workers 2 --threads 4 --timeout 60 --graceful-timeout 10"
    return [
        python("web", f"-m gunicorn webapp.wsgi --bind 127.0.0.1:{port} {server}"),
        python("ledger-1", "manage.py run_ledger"),
        python("ledger-2", "manage.py run_ledger"),
        worker("worker-gpu", services, "gpu"),
        worker("worker-cpu-1", services, "cpu"),
        worker("worker-cpu-2", services, "cpu"),
        worker("newcomer", "tests.chaos.newcomer", "archive"),
    ]


def worker(name: str, services: str, queue: str) -> Process:
    """A Celery worker with two children."""
    alone = "--without-gossip --without-mingle --without-heartbeat --loglevel INFO"
    return python(name, f"-m celery -A {services} worker -c 2 {alone} -Q {queue} -n {name}@%h")


def manage(cluster: Cluster, *words: str) -> str:
    """What a command of manage.py prints."""
    command = [sys.executable, "manage.py", *words]
    return subprocess.run(command, cwd=ROOT, env=cluster.environ, capture_output=True, text=True, check=True).stdout


def wait_until(condition: Callable[[], bool], seconds: float, *, every: float = 0.2) -> bool:
    """Wait for a condition; whether it came."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(every)
    return False
