"""Python loads this by its name at its start, when its folder is on PYTHONPATH: for a process under libfaketime.

libfaketime 0.9.10 makes every ``time.sleep`` of Python 3.11 fail with EINVAL when it leaves the monotonic clock alone
(which it must: else waiting for a lock with a time limit takes an hour more). So one sleeps by ``select`` here.
"""

import select
import time


def sleep(seconds: float) -> None:
    """What ``time.sleep`` does."""
    select.select([], [], [], seconds)


time.sleep = sleep
