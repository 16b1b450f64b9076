"""The temporary files of a worker process: in a folder of its own, which its successors clear when it was killed.

What lies there is in the clear. The owner holds a lock (flock) on its folder, which the system lets go of however the
process ends; so a folder that can be locked is a dead one's. (systemd-tmpfiles, too, leaves a locked folder alone.)
"""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

PREFIX, UNLOCKED = "parley-worker-", "parley-unlocked-"


def own() -> Path:
    """Give this process a folder in that of temporary files, for all that ``tempfile`` makes from now on.

    It gets its name only once it is locked, so that no other process takes it for a dead one's.
    """
    new = Path(tempfile.mkdtemp(prefix=UNLOCKED))
    folder = new.rename(new.with_name(new.name.replace(UNLOCKED, PREFIX))) if _lock(new) is not None else new
    tempfile.tempdir = str(folder)
    return folder


def clear_dead() -> int:
    """Delete the folders of processes that are no more; of how many."""
    cleared = 0
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        with _locked(folder) as dead:
            if dead:
                shutil.rmtree(folder)
                cleared += 1
    return cleared


def give_back(folder: Path) -> None:
    """Delete the folder of a process that ends."""
    tempfile.tempdir = str(folder.parent)
    shutil.rmtree(folder)


@contextmanager
def _locked(folder: Path) -> Iterator[bool]:
    """Whether a folder could be locked, which then it is: it is ours, and its owner is no more."""
    lock = None
    with suppress(FileNotFoundError, NotADirectoryError, PermissionError):  # cleared meanwhile; not a worker's
        if folder.lstat().st_uid == os.geteuid():
            lock = _lock(folder)
    try:
        yield lock is not None
    finally:
        if lock is not None:
            os.close(lock)


def _lock(folder: Path) -> int | None:
    """A lock on a folder, held until it is closed or the process ends; None if somebody has it."""
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(opened)
        return None
    return opened
