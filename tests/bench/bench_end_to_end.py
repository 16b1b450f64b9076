"""``make bench-end-to-end``: a real call through the running system, beside the bare engine, in one run.

The system's time is from the request that uploads the call to its being completed: sealed storage, the ledger and its
broker, transcription, entities, anonymization, audio redaction and tags. The bare engine is faster-whisper's own
``BatchedInferencePipeline``, with the same weights, threads and word times, on both channels one after the other,
from decoded samples in memory. The two take turns, and the medians are compared.
"""

import io
import os
import statistics
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.services import media
from tests.bench import DATA, need, say
from tests.running import Running, parley

ROUNDS = int(os.environ.get("ROUNDS", "3"))
CALLS = DATA / "calls"
MONO = "Auto0_GUID_000_AGENT_ChrisL_DT_2025-02-19T06-01-22_Mono.wav"


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as folder, parley(samples=False) as running:
        call = joined(Path(folder))
        samples = media.decode(call)
        bare_once = bare_engine(running.home / "models")
        bare_once(samples[:, : 16000 * 20])  # warm
        system, bare = [], []
        for turn in range(ROUNDS):
            system.append(through_the_system(running, distinct(call.read_bytes(), turn)))
            started = time.monotonic()
            bare_once(samples)
            bare.append(time.monotonic() - started)
        mono = through_the_system(running, need(CALLS / MONO).read_bytes())
    audio = samples.shape[1] / 16000
    say("end_to_end_call_audio", audio, "s")
    say("end_to_end_system", statistics.median(system), "s")
    say("end_to_end_bare_batched_engine", statistics.median(bare), "s")
    say("end_to_end_ratio", statistics.median(system) / statistics.median(bare), "times the bare engine")
    say("end_to_end_speed", audio / statistics.median(system), "times real time")
    say("end_to_end_mono_call", mono, "s")


def joined(folder: Path) -> Path:
    """The real two-sided call as one two-channel WAV."""
    sides = [need(CALLS / f"Auto_Repairs_40_{side}.wav") for side in ("agent", "caller")]
    call = folder / "call.wav"
    merge = ["-filter_complex", "[0:a][1:a]amerge=inputs=2", "-ac", "2", str(call)]
    command = ["ffmpeg", "-v", "error", "-i", str(sides[0]), "-i", str(sides[1]), *merge]
    command[0] = media.ffmpeg_program()
    subprocess.run(command, check=True)
    return call


def distinct(wav: bytes, turn: int) -> bytes:
    """The same call with one more sample a turn, so that it is not taken for the one that is already here."""
    return wav + b"\0\0\0\0" * (turn + 1)


def through_the_system(running: Running, content: bytes) -> float:
    """Seconds from upload to completed."""
    started = time.monotonic()
    answer = running.api("POST", "conversations/", files={"audio": ("call.wav", io.BytesIO(content))})
    call = running.finished(answer.json()["id"], seconds=1800)
    assert call["status"] == "completed", call
    return time.monotonic() - started


def bare_engine(models: Path) -> Any:
    """The engine without Parley, with the weights that the running system has put together."""
    from faster_whisper import BatchedInferencePipeline, WhisperModel

    from pipeline.services.transcription import weights

    model = WhisperModel(str(weights.folder_of("base", models)), device="cpu", compute_type="int8")
    batched = BatchedInferencePipeline(model)

    def transcribe(samples: np.ndarray) -> None:
        for channel in samples:
            segments, _ = batched.transcribe(channel, language="en", word_timestamps=True)
            for _ in segments:
                pass

    return transcribe


if __name__ == "__main__":
    main()
