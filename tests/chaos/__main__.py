"""`python -m tests.chaos`: one run. The last line is the verdict, as JSON; the exit code is 0 when it is good."""

import argparse
import json
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import redis

from tests.chaos.checks import check, publishes_per_event, recovery_p95
from tests.chaos.cluster import ROOT, Cluster, parley_processes, server_processes, wait_until
from tests.chaos.faults import FAULTS, Storm
from tests.chaos.load import Load
from tests.chaos.naive import naive_processes, storm_over_naive
from tests.chaos.nemesis import strike
from tests.running import environment_of, free_port
from webapp.stack import environment, postgres, valkey
from webapp.stack.home import Home

SECONDS_TO_START, SECONDS_TO_DRAIN = 180, 120
LONG_STORM = 50  # faults, from which on some take as long as in life


def arguments() -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(prog="make chaos", description=__doc__)
    parser.add_argument("--seed", type=int, default=random.randrange(1_000_000))
    parser.add_argument("--conversations", type=int, default=100)
    parser.add_argument("--faults", type=int, default=12)
    parser.add_argument("--broker", choices=["redis"], default="redis")
    parser.add_argument("--wiring", choices=["ledger", "naive"], default="ledger")
    parser.add_argument("--only", nargs="*", choices=sorted(FAULTS), default=[], help="these faults alone")
    parser.add_argument("--keep", action="store_true", help="leave the folder with logs and data")
    return parser.parse_args()


def main() -> int:
    """Run; print the verdict."""
    given = arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    began = time.monotonic()
    say(f"{given.wiring} on {given.broker}, {given.conversations} calls, {given.faults} faults, seed {given.seed}")
    with folder(given.keep) as home:
        found = (under_ledger if given.wiring == "ledger" else under_naive)(home, given)
    zeros = ("lost", "duplicated", "stuck", "unexpected")
    ok = found["acknowledged"] > 0 and not any(found[name] for name in zeros)
    say(f"{time.monotonic() - began:.0f} s")
    head = {"seed": given.seed, "broker": given.broker, "wiring": given.wiring, "faults": given.faults}
    print(json.dumps({**head, **found, "ok": ok}), flush=True)
    return 0 if ok else 1


def say(sentence: str) -> None:
    """Tell who watches."""
    print(sentence, file=sys.stderr, flush=True)


@contextmanager
def folder(keep: bool) -> Iterator[Home]:
    """A temporary data folder."""
    home = Home(Path(tempfile.mkdtemp(prefix="parley-chaos-")))
    home.path.chmod(0o711)  # where Postgres has to run as nobody, it must be able to look
    home.create()
    try:
        yield home
    finally:
        if keep:
            say(f"Logs and data are in {home.path}.")
        else:
            shutil.rmtree(home.path, ignore_errors=True)


def under_ledger(home: Home, given: argparse.Namespace) -> dict[str, Any]:
    """The real wiring."""
    port = free_port()
    environ = {**environment_of(home.path, port), **environment.embedded(home)}
    cluster = Cluster(home, environ, [*server_processes(home), *parley_processes(port)])
    try:
        load = Load(f"http://127.0.0.1:{port}", start(cluster, port), given.seed, given.conversations)
        storm = Storm(
            cluster, random.Random(f"nemesis {given.seed}"), load, home.path / "blobs", given.faults >= LONG_STORM
        )
        share = -(-given.conversations // (given.faults + 1))
        strike(storm, given.faults, given.only, before_each=lambda: load.release(share))
        load.finish()
        leftovers = drain(cluster)
        say(f"answers to uploads: {dict(load.answers)}; blobs damaged: {len(storm.damaged)}")
        return verdict(cluster, storm, load, leftovers)
    finally:
        cluster.close()


def start(cluster: Cluster, port: int) -> str:
    """Start everything and wait until it is ready; the token of a client."""
    cluster.start("database", "broker")
    postgres.wait_until_ready(cluster.home)
    valkey.wait_until_ready(cluster.home)
    manage(cluster, "migrate", "--verbosity", "0", "--skip-checks")
    manage(cluster, "bootstrap")
    cluster.start("web", "ledger", "worker")
    token = manage(cluster, "create_token", "admin").splitlines()[-1]
    if not wait_until(lambda: ready(port), SECONDS_TO_START, every=0.5):
        raise RuntimeError(
            f"Parley was not ready after {SECONDS_TO_START} seconds; its logs are in {cluster.home.logs}."
        )
    return token


def manage(cluster: Cluster, *words: str) -> str:
    """What a command of manage.py prints."""
    command = [sys.executable, "manage.py", *words]
    return subprocess.run(command, cwd=ROOT, env=cluster.environ, capture_output=True, text=True, check=True).stdout


def ready(port: int) -> bool:
    """Whether every part is there."""
    try:
        return httpx.get(f"http://127.0.0.1:{port}/readyz", timeout=10).status_code == 200
    except httpx.HTTPError:
        return False


def drain(cluster: Cluster) -> list[str]:
    """Wait until nothing is owed and nothing lies on the broker; what was left when it took too long."""
    began = time.monotonic()
    wait_until(lambda: not unfinished(cluster) and not on_the_broker(cluster), SECONDS_TO_DRAIN, every=0.5)
    say(f"drained in {time.monotonic() - began:.0f} s")
    return [f"the broker still has {name}" for name in on_the_broker(cluster)]


def unfinished(cluster: Cluster) -> int:
    """How many deliveries are not ended."""
    rows = cluster.query(
        "select count(*) as n from conversations_delivery where state in ('pending', 'sent', 'running')"
    )
    return int(rows[0]["n"])


def on_the_broker(cluster: Cluster) -> list[str]:
    """What lies on the broker: queues with messages, and what was taken and not acknowledged."""
    try:
        with cluster.broker() as broker:
            keys = [key.decode() for key in broker.keys("*")]
    except redis.ConnectionError:
        return ["an unknown load: it does not answer"]
    standing = ("_kombu.binding", "unacked_mutex")  # the names of queues, and locks that expire
    return sorted(key for key in keys if not key.startswith(standing))


def verdict(cluster: Cluster, storm: Storm, load: Load, leftovers: list[str]) -> dict[str, Any]:
    """The counts, after a sentence for each finding."""
    findings, remains = check(cluster, storm, load, leftovers)
    counts = {name: len(sentences) for name, sentences in vars(findings).items()}
    for name, sentences in vars(findings).items():
        for sentence in sentences[:20]:
            say(f"{name}: {sentence}")
    return {
        "acknowledged": sum(bool(upload.ids) for upload in load.uploads), **counts,
        "publishes_per_event": publishes_per_event(remains, load), "recovery_p95_s": recovery_p95(cluster, storm),
    }  # fmt: skip


def under_naive(home: Home, given: argparse.Namespace) -> dict[str, Any]:
    """The control."""
    effects = home.path / "effects"
    environ = {**environment_of(home.path, 0), **environment.embedded(home)}
    broker = [each for each in server_processes(home) if each.kind == "broker"]
    cluster = Cluster(home, environ, [*broker, *naive_processes(environ["PARLEY_BROKER_URL"], effects)])
    try:
        cluster.start("broker")
        valkey.wait_until_ready(home)
        cluster.start("ledger", "worker")
        with cluster.broker() as there:
            if not wait_until(lambda: there.scard("_kombu.binding.events") == 6, SECONDS_TO_START):
                raise RuntimeError("The naive services did not come up.")
        storm = Storm(cluster, random.Random(f"nemesis {given.seed}"))
        return storm_over_naive(cluster, storm, given.seed, given.conversations, given.faults, effects)
    finally:
        cluster.close()


if __name__ == "__main__":
    sys.exit(main())
