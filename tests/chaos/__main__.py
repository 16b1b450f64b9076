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
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import msgspec

from pipeline.config import FIVE
from tests.chaos.brokers import BROKERS, Broker
from tests.chaos.checks import check, publishes_per_event, recovery_p95
from tests.chaos.cluster import Cluster, database, manage, parley_processes, wait_until
from tests.chaos.faults import FAULTS
from tests.chaos.invented import LEASE, InventedCall
from tests.chaos.load import Load
from tests.chaos.naive import QUEUES, naive_processes, storm_over_naive
from tests.chaos.nemesis import strike
from tests.chaos.recorded import recording_of
from tests.chaos.storm import Storm
from tests.running import environment_of, free_port
from webapp.stack import environment, postgres
from webapp.stack.home import Home

SECONDS_TO_START, SECONDS_TO_DRAIN, BLOBS_MEGABYTES = 180, 120, 1024
SERVICES: dict[str, tuple[str, Callable[[InventedCall], bytes], float]] = {  # module, what is sent, lease
    "invented": ("tests.chaos.workers", msgspec.json.encode, LEASE),
    "real": ("pipeline.celery", recording_of, 30.0),
}
LONG_STORM = 50  # faults, from which on some take as long as in life


def arguments() -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(prog="make chaos", description=__doc__)
    parser.add_argument("--seed", type=int, default=random.randrange(1_000_000))
    parser.add_argument("--conversations", type=int, default=100)
    parser.add_argument("--faults", type=int, default=12)
    parser.add_argument("--broker", choices=sorted(BROKERS), default="redis")
    parser.add_argument("--wiring", choices=["ledger", "naive"], default="ledger")
    parser.add_argument("--services", choices=sorted(SERVICES), default="invented")
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
    """A temporary data folder; for root, its blobs are on a small disk of their own, which can be full."""
    home = Home(Path(tempfile.mkdtemp(prefix="parley-chaos-")))
    home.path.chmod(0o711)  # where Postgres has to run as nobody, it must be able to look
    home.create()
    blobs = home.path / "blobs"
    blobs.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={BLOBS_MEGABYTES}m", "parley-chaos", str(blobs)]
    if subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        say("Only root can mount a disk that is then full: that fault is left out.")
    try:
        yield home
    finally:
        if keep:
            say(f"Logs and data are in {home.path}.")
        else:
            subprocess.run(["umount", "--lazy", str(blobs)], capture_output=True, check=False)
            shutil.rmtree(home.path, ignore_errors=True)


def under_ledger(home: Home, given: argparse.Namespace) -> dict[str, Any]:
    """The real wiring."""
    port, broker = free_port(), BROKERS[given.broker](home)
    environ = {**environment_of(home.path, port), **environment.embedded(home), "PARLEY_BROKER_URL": broker.url}
    environ |= {"PARLEY_SERVICES": f"{FIVE},archive", "PARLEY_FAILPOINTS": str(home.path / "failpoints")}
    (home.path / "failpoints").mkdir()
    module, content_of, lease = SERVICES[given.services]
    processes = [database(home), broker.process, *parley_processes(port, module)]
    cluster = Cluster(home, environ, processes)
    try:
        token = start(cluster, broker, port)
        load = Load(f"http://127.0.0.1:{port}", token, given.seed, given.conversations, content_of)
        blobs = home.path / "blobs"
        storm = Storm(
            cluster, broker, random.Random(f"nemesis {given.seed}"), load, blobs, disk=blobs.is_mount(),
            long=given.faults >= LONG_STORM, lease=lease,
        )  # fmt: skip
        share = -(-given.conversations // (given.faults + 1))
        strike(storm, given.faults, given.only, before_each=lambda: load.release(share))
        load.finish()
        leftovers = drain(cluster, broker)
        say(f"answers to uploads: {dict(load.answers)}; blobs damaged: {len(storm.damaged)}")
        return verdict(storm, leftovers)
    finally:
        cluster.close()


def start(cluster: Cluster, broker: Broker, port: int) -> str:
    """Start everything and wait until it is ready; the token of a client."""
    cluster.start("database", "broker")
    postgres.wait_until_ready(cluster.home)
    broker.wait_until_ready()
    manage(cluster, "migrate", "--verbosity", "0", "--skip-checks")
    manage(cluster, "bootstrap")
    cluster.start("web", "ledger", "worker")
    token = manage(cluster, "create_token", "admin").splitlines()[-1]
    if not wait_until(lambda: ready(port), SECONDS_TO_START, every=0.5):
        raise RuntimeError(
            f"Parley was not ready after {SECONDS_TO_START} seconds; its logs are in {cluster.home.logs}."
        )
    return token


def ready(port: int) -> bool:
    """Whether every part is there."""
    try:
        return httpx.get(f"http://127.0.0.1:{port}/readyz", timeout=10).status_code == 200
    except httpx.HTTPError:
        return False


def drain(cluster: Cluster, broker: Broker) -> list[str]:
    """Wait until nothing is owed and nothing lies on the broker; what was left when it took too long."""
    began = time.monotonic()
    owed, leftovers = unfinished(cluster), broker.leftovers()
    while time.monotonic() - began < SECONDS_TO_DRAIN and (owed or leftovers):
        time.sleep(0.5)
        left, leftovers = unfinished(cluster), broker.leftovers()
        if left < owed:
            began = time.monotonic()  # it is getting less
        owed = left
    say(f"drained, and {owed} owed")
    return [f"the broker still has {name}" for name in leftovers]  # not looked at again: services register all the time


def unfinished(cluster: Cluster) -> int:
    """How many deliveries to services that are switched on are not ended."""
    rows = cluster.query(
        "select count(*) as n from conversations_delivery join conversations_subscription using (service)"
        " where state in ('sent', 'running') or state = 'pending' and active"
    )
    return int(rows[0]["n"])


def verdict(storm: Storm, leftovers: list[str]) -> dict[str, Any]:
    """The counts, after a sentence for each finding."""
    assert storm.load
    findings, remains = check(storm, leftovers)
    counts = {name: len(sentences) for name, sentences in vars(findings).items()}
    for name, sentences in vars(findings).items():
        for sentence in sentences[:20]:
            say(f"{name}: {sentence}")
    return {
        "acknowledged": sum(bool(upload.ids) for upload in storm.load.uploads), **counts,
        "publishes_per_event": publishes_per_event(remains, storm.load), "recovery_p95_s": recovery_p95(storm),
    }  # fmt: skip


def under_naive(home: Home, given: argparse.Namespace) -> dict[str, Any]:
    """The control."""
    effects, broker = home.path / "effects", BROKERS[given.broker](home)
    environ = {**environment_of(home.path, free_port()), **environment.embedded(home), "PARLEY_BROKER_URL": broker.url}
    cluster = Cluster(home, environ, [broker.process, *naive_processes(broker.url, effects)])
    try:
        cluster.start("broker")
        broker.wait_until_ready()
        cluster.start("ledger", "worker")
        if not wait_until(lambda: broker.has(QUEUES), SECONDS_TO_START):
            raise RuntimeError("The naive services did not come up.")
        storm = Storm(cluster, broker, random.Random(f"nemesis {given.seed}"))
        return storm_over_naive(storm, given.seed, given.conversations, given.faults, effects)
    finally:
        cluster.close()


if __name__ == "__main__":
    sys.exit(main())
