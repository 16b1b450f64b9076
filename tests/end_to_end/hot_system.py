"""A running Parley without web server and models, whose processes can be restarted with another checkout."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count, islice
from pathlib import Path

from tests.chaos.__main__ import folder
from tests.chaos.brokers import Valkey
from tests.chaos.cluster import ROOT, Cluster, Process, database, manage, parley_processes, wait_until
from tests.chaos.invented import InventedCall, seconds_of_work
from tests.running import environment_of
from webapp.stack import environment, postgres

SECONDS = 300  # that anything may take on a machine that has other things to do
PORT = 8000  # that nobody listens on: there is no web server
FIVE = ("transcription", "entity_tagging", "anonymization", "audio_redaction", "qualification")
# What the web process does with an upload, for each line that it is given.
RECEIVER = """
import io, sys, django
django.setup()
from conversations.models import Organization
from conversations.services.calls import CallDetails, receive_call
for line in sys.stdin:
    receive_call(Organization.objects.get(), io.BytesIO(line.strip().encode()), CallDetails())
"""


def short_calls(seed: int) -> Iterator[InventedCall]:
    """Invented calls that take no service long."""
    calls = (InventedCall(number=number, seed=seed) for number in count())
    return (call for call in calls if all(seconds_of_work(call, service) < 1 for service in FIVE))


class HotSystem:
    """Ledgers and workers in a temporary folder, and someone who sends calls."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.calls = short_calls(seed=1)
        self.sent = 0
        environ = {**cluster.environ, "DJANGO_SETTINGS_MODULE": "webapp.settings"}
        command = [sys.executable, "-c", RECEIVER]
        self.receiver = subprocess.Popen(command, cwd=ROOT, env=environ, stdin=subprocess.PIPE, text=True)

    def send(self, calls: int) -> None:
        """Let so many calls come in."""
        assert self.receiver.stdin
        for call in islice(self.calls, calls):
            self.receiver.stdin.write(json.dumps({"number": call.number, "seed": call.seed}) + "\n")
        self.receiver.stdin.flush()
        self.sent += calls

    def process(self, name: str) -> Process:
        """One of the processes."""
        return next(each for each in self.cluster.processes if each.name == name)

    def start(self, name: str) -> None:
        """Start a process, and wait until it runs."""
        process = self.process(name)
        process.wanted = True
        assert wait_until(lambda: process.alive, SECONDS)

    def stop(self, name: str) -> int:
        """End a process by SIGTERM, as an operator does; its exit code."""
        process = self.process(name)
        process.wanted = False
        process.end(signal.SIGTERM, group=False, seconds=SECONDS)
        assert process.popen
        return int(process.popen.returncode)

    def restart(self, name: str, checkout: Path) -> None:
        """Restart a process with the code of another checkout."""
        assert self.stop(name) == 0
        self.process(name).checkout = checkout
        self.start(name)

    def log(self, name: str) -> str:
        """What a process has logged."""
        path = self.cluster.home.logs / f"{name}.log"
        return path.read_text(encoding="utf-8") if path.exists() else ""

    def number(self, query: str) -> int:
        """The one number that a query gives."""
        (row,) = self.cluster.query(query)
        return int(next(iter(row.values())))

    def wait_until_there_are(self, wanted: int, query: str) -> None:
        """Wait until a query counts so many."""
        came = wait_until(lambda: self.number(query) == wanted, SECONDS)
        states = self.cluster.query("select service, state, count(*) from conversations_delivery group by 1, 2")
        assert came, f"{self.number(query)}, not {wanted}: {query}\n{states}"


@contextmanager
def hot_system() -> Iterator[HotSystem]:
    """Its servers run; two ledgers and three workers, all of this checkout, are there to be started."""
    with folder(keep=False) as home:
        environ = {**environment_of(home.path, PORT), **environment.embedded(home)}
        parley = [each for each in parley_processes(PORT, "tests.chaos.workers") if each.kind != "web"]
        broker = Valkey(home)
        cluster = Cluster(home, environ, [database(home), broker.process, *parley])
        try:
            cluster.start("database", "broker")
            postgres.wait_until_ready(home)
            broker.wait_until_ready()
            manage(cluster, "migrate", "--verbosity", "0", "--skip-checks")
            manage(cluster, "bootstrap")
            system = HotSystem(cluster)
            try:
                yield system
            finally:
                system.receiver.kill()
                system.receiver.communicate()
        finally:
            cluster.close()
