"""What a recognizer no longer needs, other threads and other processes can have."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PIECES = 2000  # of 60 kB each

BEGIN = f"""
import re
from concurrent.futures import ThreadPoolExecutor
import numpy as np
from pipeline.services.transcription.faster_whisper_engine import give_back_memory, share_memory

def megabytes():
    return int(re.search(r"RssAnon:\\s+(\\d+)", open("/proc/self/status").read())[1]) // 1024

def take():
    return [np.ones(60_000, np.uint8) for _ in range({PIECES})]
"""
GIVEN_BACK = """
pieces = take()
last = pieces[-1]
full = megabytes()
del pieces
freed = megabytes()
give_back_memory()
print(full, freed, megabytes())
"""
SHARED = """
share_memory()
with ThreadPoolExecutor(1) as first, ThreadPoolExecutor(1) as second:
    pieces = first.submit(take).result()
    last = pieces[-1]
    full = megabytes()
    del pieces
    other = second.submit(take).result()
    print(full, megabytes())
"""


def test_freed_memory_below_what_is_still_used_is_given_back() -> None:
    full, freed, given_back = _printed(GIVEN_BACK)
    assert freed > full - 20  # kept, for the last piece lies above it
    assert given_back < full - 80


def test_what_a_thread_has_freed_another_uses() -> None:
    full, after = _printed(SHARED)
    assert after < full + 20


def _printed(program: str) -> list[int]:
    command = [sys.executable, "-c", BEGIN + program]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    return [int(number) for number in re.findall(r"\d+", done.stdout)]
