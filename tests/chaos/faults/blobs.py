"""What goes wrong with blobs, their disk, and uploads."""

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec

from pipeline.records import Record, from_wire
from pipeline.service import blobs_of
from tests.chaos.cluster import wait_until
from tests.chaos.storm import Storm, fault


@fault("ledger", "broker", "web")
def blobs_damaged(storm: Storm) -> None:
    """Blobs of work that was done but not yet recorded are cut short or changed by a bit, and the word of it is lost.

    The ledgers are away meanwhile, so no answer that points to a damaged blob can have been recorded.
    """
    with storm.cluster.away(*storm.cluster.of("ledger"), by=signal.SIGKILL):
        wait_until(lambda: bool(unrecorded(storm)), 3)
        said = unrecorded(storm)
        time.sleep(0.5)  # each of these has been put on the queue by now
        storm.broker.forget(storm.chance)
        for record in said:
            known = storm.cluster.query("select data from conversations_event where subject = %s", record.subject)
            for blob in blobs_of(record.data):
                if blob.key not in repr(known):  # an answer repeats blobs of its cause
                    damage(storm, blob.key)


def unrecorded(storm: Storm) -> list[Record]:
    """What workers have lately kept as said, and the database has not heard."""
    lately = time.time() - 20
    memos = [path for path in (storm.blobs / "memo").glob("*/*/*/*") if path.stat().st_mtime > lately]
    said = [from_wire(wire) for memo in memos for wire in msgspec.json.decode(memo.read_bytes())]
    ids = [record.id for record in said]
    known = storm.cluster.query("select id::text from conversations_event where id = any(%s::uuid[])", ids)
    return [record for record in said if {"id": record.id} not in known]


def damage(storm: Storm, key: str) -> None:
    """Cut a blob short, or change a bit of it."""
    path = storm.blobs / key
    content = bytearray(path.read_bytes())
    if storm.chance.random() < 0.5:
        del content[len(content) // 2 :]
    else:
        content[len(content) // 2] ^= 1
    path.write_bytes(content)
    storm.damaged.add(key)


@fault("disk", "web")
def blob_store_full(storm: Storm) -> None:
    """The disk of the blob store is full for a while; who uploads is told to try again, and never that all is well."""
    assert storm.load
    with full(storm.blobs), storm.load.client() as client:
        until = time.monotonic() + storm.chance.uniform(5, 10)
        while time.monotonic() < until:
            status = storm.load.send(client, storm.load.new_upload(padding=100_000))
            if status not in (0, 503, 507):
                storm.wrong.append(f"with a full disk an upload was answered {status}")
            time.sleep(1)


@contextmanager
def full(folder: Path) -> Iterator[None]:
    """Take all room of a file system while the block runs."""
    filler = folder / "filler"
    with filler.open("wb") as file, suppress(OSError):  # ENOSPC is what is wanted
        while True:
            file.write(b"." * 2**20)
            file.flush()
    try:
        yield
    finally:
        filler.unlink()


@fault("web")
def uploaded_twice(storm: Storm) -> None:
    """Two clients send the same call at the same moment."""
    assert storm.load
    load, upload = storm.load, storm.load.new_upload()

    def send() -> None:
        with load.client() as client:
            load.send(client, upload)

    threads = [threading.Thread(target=send) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


@fault("web")
def upload_cut_off(storm: Storm) -> None:
    """A client hangs up in the middle of the file, and another a little before its end."""
    assert storm.load
    for share in (storm.chance.uniform(0.4, 0.9), 0.98):
        upload = storm.load.new_upload(padding=5000)
        with suppress(OSError):
            storm.load.cut_off(upload, share)
