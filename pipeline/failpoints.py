"""Named places at which a process can be made to die, as if the power failed there; for tests of the promise.

Off unless ``PARLEY_FAILPOINTS`` names a folder. A file there, named like a place, makes the first process that comes
by take the file away and kill itself.
"""

import os
import signal
from contextlib import suppress
from pathlib import Path

from pipeline.config import config

FAILPOINTS = {
    "storage.before_rename": "a blob is synced under its temporary name",
    "storage.after_rename": "a blob lies at its key, and nobody knows it yet",
    "upload.before_commit": "a call is stored and written down, and not committed",
    "upload.after_commit": "a call is committed, and its sender has no answer",
    "erase.before_commit": "the key of a call is gone, and its rows are not",
    "erase.after_commit": "the rows of a call are gone, and its blobs are not",
    "relay.before_commit": "deliveries are marked as sent, and not committed",
    "relay.after_commit": "deliveries are committed as sent, and not published",
    "relay.after_publish": "deliveries are published",
    "work.before_memo": "a service has done its work, and nobody knows",
    "work.before_publish": "what a service answers is kept, and not said",
    "work.after_publish": "a service has said its answer",
    "consumer.before_commit": "answers are recorded, and not committed",
    "consumer.after_commit": "answers are committed, and not acknowledged",
    "consumer.after_ack": "answers are acknowledged",
    "attempts.before_commit": "lost attempts are ended, and not committed",
    "attempts.after_commit": "lost attempts are committed as ended",
}
"""Every place, and what is true there: before and after each commit, publish and acknowledgement."""


def failpoint(name: str) -> None:
    """Die here if asked to. Raises KeyError for a place that is not on the list."""
    if folder := config().failpoints:
        file = Path(folder) / name
        assert FAILPOINTS[name]
        with suppress(FileNotFoundError):
            file.unlink()
            os.kill(os.getpid(), signal.SIGKILL)
