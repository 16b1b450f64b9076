"""Real speech for storms over the real services: a stretch of a sample call, another for every number."""

import random
import subprocess
from functools import cache
from pathlib import Path

import imageio_ffmpeg

from tests.chaos.invented import InventedCall

SAMPLES = Path(__file__).resolve().parents[2] / "conversations" / "samples"
SECONDS, LATEST_START = (4.0, 9.0), 20.0


@cache
def recording_of(call: InventedCall) -> bytes:
    """Some seconds of speech as WAV; of a poison, what is no recording at all."""
    if call.poison:
        return f"This is no recording, number {call.number} of {call.seed}.".encode()
    chance = random.Random(f"recording {call.seed} {call.number}")
    sample = chance.choice(sorted(SAMPLES.glob("*.flac")))
    stretch = ["-ss", f"{chance.uniform(0, LATEST_START):.3f}", "-t", f"{chance.uniform(*SECONDS):.3f}"]
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-i", str(sample), *stretch, "-f", "wav", "-"]
    return subprocess.run(command, capture_output=True, check=True).stdout
