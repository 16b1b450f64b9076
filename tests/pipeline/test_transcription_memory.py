"""What a recognizer no longer needs, other processes can have."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PIECES = 2000  # of 60 kB each

PROGRAM = f"""
import re
import numpy as np
from pipeline.services.transcription.faster_whisper_engine import give_back_memory

def megabytes():
    return int(re.search(r"RssAnon:\\s+(\\d+)", open("/proc/self/status").read())[1]) // 1024

pieces = [np.ones(60_000, np.uint8) for _ in range({PIECES})]
last = pieces[-1]
full = megabytes()
del pieces
freed = megabytes()
give_back_memory()
print(full, freed, megabytes())
"""


def test_freed_memory_below_what_is_still_used_is_given_back() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], cwd=ROOT, check=True, capture_output=True, text=True)
    full, freed, given_back = map(int, re.findall(r"\d+", done.stdout))
    assert freed > full - 20  # kept, for the last piece lies above it
    assert given_back < full - 80
