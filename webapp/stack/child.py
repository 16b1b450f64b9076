"""A child process that does not outlive us."""

import ctypes
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

PR_SET_PDEATHSIG = 1  # linux/prctl.h


@contextmanager
def child(
    command: list[str],
    *,
    log: Path,
    environment: Mapping[str, str] | None = None,
    stop_signal: signal.Signals = signal.SIGTERM,
    seconds_to_stop: float = 60,
) -> Iterator[subprocess.Popen[bytes]]:
    """Run `command` in a session of its own, its output appended to `log`; stop it at the end and wait for it.

    A session of its own, because Ctrl-C in a terminal reaches every process of the foreground group, and
    it is for us to decide in which order things stop.
    """
    with log.open("ab") as output:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=environment,
            start_new_session=True,
            preexec_fn=_end_with_parent if sys.platform == "linux" else None,
        )
    try:
        yield process
    finally:
        process.send_signal(stop_signal)
        try:
            process.wait(seconds_to_stop)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _end_with_parent() -> None:
    # When we are killed, nothing of ours runs any more to stop the child: the kernel does it.
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
