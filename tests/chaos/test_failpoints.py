"""A process dies at each named place, once, and nothing is lost, doubled or stuck for it.

Real processes under the embedded servers. Each test arms one place, sends a call, sees that somebody died of it, and
waits until the call is completed; the checkers of the storms look at each call as it ends.
"""

import random
import shutil
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import httpx
import pytest

from pipeline.bus import GPU
from pipeline.failpoints import FAILPOINTS
from tests.chaos.__main__ import drain, start
from tests.chaos.brokers import BROKERS
from tests.chaos.checks import check
from tests.chaos.cluster import Cluster, database, parley_processes, wait_until
from tests.chaos.load import Load, Outcome
from tests.chaos.storm import Storm
from tests.running import environment_of, free_port
from webapp.stack import environment
from webapp.stack.home import Home

SECONDS = 60


@pytest.fixture(scope="module")
def storm() -> Iterator[Storm]:
    """A running Parley with stand-ins for the services, whose processes know the failpoints."""
    home, port = Home(Path(tempfile.mkdtemp(prefix="parley-failpoints-"))), free_port()
    home.path.chmod(0o711)  # where Postgres has to run as nobody, it must be able to look
    home.create()
    broker, folder = BROKERS["redis"](home), home.path / "failpoints"
    folder.mkdir()
    environ = {**environment_of(home.path, port), **environment.embedded(home), "PARLEY_FAILPOINTS": str(folder)}
    processes = [database(home), broker.process, *parley_processes(port, "tests.chaos.workers")]
    cluster = Cluster(home, environ, processes)
    try:
        load = Load(f"http://127.0.0.1:{port}", start(cluster, broker, port), seed=1, calls=0)
        yield Storm(cluster, broker, random.Random(1), load, home.path / "blobs")
        load.finish()
    finally:
        cluster.close()
        shutil.rmtree(home.path, ignore_errors=True)


@contextmanager
def message_lost(storm: Storm) -> Iterator[None]:
    """Lose what is put on the queues for what happens in the block."""
    with storm.cluster.away(*storm.cluster.of("worker"), by=signal.SIGKILL):
        yield
        assert wait_until(lambda: GPU in storm.broker.leftovers(), SECONDS)
        storm.broker.forget(storm.chance)


def call_of(storm: Storm, agent: str) -> dict[str, object]:
    """The row of a call."""
    (row,) = storm.cluster.query("select * from conversations_conversation where agent = %s", agent)
    return row


@pytest.mark.parametrize("name", [name for name in FAILPOINTS if not name.startswith("erase")])
def test_who_dies_there_loses_doubles_and_holds_up_nothing(storm: Storm, name: str) -> None:
    assert storm.load
    armed, upload = Path(storm.cluster.environ["PARLEY_FAILPOINTS"]) / name, storm.load.new_upload()
    armed.touch()
    with message_lost(storm) if name.startswith("attempts") else nullcontext(), storm.load.client() as client:
        assert wait_until(lambda: storm.load.send(client, upload) in (200, 201), SECONDS)
    assert wait_until(lambda: not armed.exists(), SECONDS), "nobody came by"
    assert wait_until(lambda: call_of(storm, upload.agent)["status"] == "completed", SECONDS)
    leftovers = drain(storm.cluster, storm.broker)
    findings, _ = check(storm, leftovers)
    assert vars(findings) == {"lost": [], "duplicated": [], "stuck": [], "unexpected": []}
    assert upload.outcome is Outcome.OK


# These come last: the checkers of the others would miss the calls that they erase.
@pytest.mark.parametrize("name", [name for name in FAILPOINTS if name.startswith("erase")])
def test_an_erasure_that_was_cut_short_is_finished_by_asking_again(storm: Storm, name: str) -> None:
    assert storm.load
    armed, upload = Path(storm.cluster.environ["PARLEY_FAILPOINTS"]) / name, storm.load.new_upload()
    with storm.load.client() as client:
        assert storm.load.send(client, upload) == 201
        assert wait_until(lambda: call_of(storm, upload.agent)["status"] == "completed", SECONDS)
        (id,) = upload.ids
        armed.touch()
        with pytest.raises(httpx.RemoteProtocolError):
            client.delete(f"/api/v1/conversations/{id}/")
        assert wait_until(lambda: erased(client, id), SECONDS)
    assert not armed.exists()
    assert not storm.cluster.query("select 1 from conversations_conversation where id = %s", id)
    assert list((storm.cluster.home.path / "keys").glob(f"*/{id}")) == []


def erased(client: httpx.Client, id: str) -> bool:
    """Ask for an erasure; whether the call is gone."""
    try:
        return client.delete(f"/api/v1/conversations/{id}/").status_code in (204, 404)
    except httpx.HTTPError:
        return False
