"""The temporary files of workers: those of a killed one are cleared, those of a living one are not."""

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline import scratch

# A worker process in the middle of its work: it has a folder, and in it what it decodes.
WORKER = """
import sys, tempfile
from pipeline import service
service.take_temporary_folder()
folder = tempfile.mkdtemp(prefix="decode-")
open(f"{folder}/pcm", "w").write("spoken")
print(folder, flush=True)
sys.stdin.read()
"""


@pytest.fixture
def shared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of temporary files that all workers share."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    return tmp_path


@pytest.fixture
def worker(shared: Path) -> Iterator[subprocess.Popen[str]]:
    """A worker process at work."""
    with subprocess.Popen(
        [sys.executable, "-c", WORKER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield process
        process.kill()


def folder_of(worker: subprocess.Popen[str]) -> Path:
    assert worker.stdout
    return Path(worker.stdout.readline().strip())


def test_what_a_killed_worker_left_is_cleared_and_what_a_living_one_has_is_not(
    shared: Path, worker: subprocess.Popen[str]
) -> None:
    folder = folder_of(worker)
    assert folder.parent.parent == shared
    assert scratch.clear_dead() == 0
    assert (folder / "pcm").read_text() == "spoken"
    os.kill(worker.pid, signal.SIGKILL)
    worker.wait()
    assert (folder / "pcm").exists()
    assert scratch.clear_dead() == 1
    assert list(shared.iterdir()) == []


def test_another_worker_that_starts_clears_it(shared: Path, worker: subprocess.Popen[str]) -> None:
    folder = folder_of(worker)
    os.kill(worker.pid, signal.SIGKILL)
    worker.wait()
    with subprocess.Popen(
        [sys.executable, "-c", WORKER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as next:
        assert folder_of(next).exists()
        assert not folder.exists()
        next.kill()


def test_a_process_that_ends_gives_its_folder_back(shared: Path) -> None:
    folder = scratch.own()
    assert tempfile.gettempdir() == str(folder)
    scratch.give_back(folder)
    assert list(shared.iterdir()) == []
    assert tempfile.gettempdir() == str(shared)


def test_what_is_not_a_workers_is_left_alone(shared: Path) -> None:
    (shared / "parley-else").mkdir()
    (shared / "parley-worker-link").symlink_to(shared / "parley-else")
    assert scratch.clear_dead() == 0
    assert (shared / "parley-else").exists()
