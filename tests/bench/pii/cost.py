"""What redacting an hour of two channels costs, beside one bare ffmpeg that filters and encodes it.

The bare one silences the same stretches on the same channels and writes the same two files: FLAC, and MP3 for the
player. Seconds of processor (ours and its ffmpeg's) and seconds on the clock, in turns. And the highest memory of a process
that redacts calls of an hour and of four.
"""

import itertools
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import wave
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np

from pipeline.documents import RedactionPolicy, Transcript
from pipeline.services import audio_redaction, media
from tests.bench import highest_memory
from tests.bench.pii.audio import exact, samples_of
from tests.bench.pii.built import BuiltCall, Piece, built_calls
from tests.bench.pii.page import figure, left_out
from tests.bench.pii.voices import RATE, missing

HOUR = 3600
LENGTHS = (1, 4)  # hours of the calls whose memory is measured
TERMS = 50
TURNS = 1000  # more than a call has
PLAYER = ("-c:a", "libmp3lame", "-ar", "16000", "-b:a", "64000")  # what the service makes for two channels
ROUNDS = int(os.environ.get("ROUNDS", "3"))


def cost() -> None:
    """Say both, and the ratio of each round's."""
    if missing():
        left_out("anonymization-audio-cost", missing())
        return
    for hours in LENGTHS:
        figure(f"anonymization-audio-memory-{hours}h", _memory(hours), "MB, the process that redacts it")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        hour = joined(folder, 1)
        call, transcript = hour.path, exact(hour)
        ways: dict[str, Callable[[], object]] = {
            "ours": lambda: audio_redaction.redact(call, transcript, RedactionPolicy(), out=folder),
            "bare": lambda: bare(call, transcript, folder, player=True),
            "bare-flac": lambda: bare(call, transcript, folder, player=False),
        }
        taken = [{way: spent(work) for way, work in ways.items()} for _ in range(ROUNDS)]
    for kind, place in (("processor", 0), ("clock", 1)):
        for way in ways:
            seconds = statistics.median(each[way][place] for each in taken)
            figure(
                f"anonymization-audio-cost-{way}-{kind}",
                seconds,
                f"seconds for an hour of two channels, {len(transcript.redactions)} stretches",
            )
        ratio = statistics.median(each["ours"][place] / each["bare"][place] for each in taken)
        figure(
            f"anonymization-audio-cost-ratio-{kind}",
            ratio,
            "of one bare ffmpeg filter-and-encode to FLAC and MP3, same round",
        )


def _memory(hours: int) -> float:
    """The highest resident megabytes of a process of its own that redacts a call of some hours."""
    with tempfile.TemporaryDirectory() as folder:
        call = joined(Path(folder), hours)
        transcript = Path(folder, "transcript.json")
        transcript.write_bytes(msgspec.json.encode(exact(call)))
        command = [sys.executable, "-m", "tests.bench.pii.cost", call.path, transcript, folder]
        return float(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)


def _redact_alone(call: str, transcript: str, folder: str) -> None:
    """In a process of its own: redact, print the highest resident megabytes."""
    said = msgspec.json.decode(Path(transcript).read_bytes(), type=Transcript)
    audio_redaction.redact(Path(call), said, RedactionPolicy(), out=Path(folder))
    print(highest_memory())


def joined(folder: Path, hours: int) -> BuiltCall:
    """The built calls one after the other, again and again, for some hours."""
    path, pieces, filled = folder / "joined.wav", list[Piece](), 0
    with wave.open(str(path), "wb") as file:
        file.setparams((2, 2, RATE, 0, "NONE", ""))
        for number, call in enumerate(itertools.cycle(built_calls())):
            samples = samples_of(call.path)
            pieces += [_later(piece, filled / RATE, number) for piece in call.pieces]
            file.writeframes(np.ascontiguousarray(samples.T).tobytes())
            filled += samples.shape[1]
            if filled >= hours * HOUR * RATE:
                break
    return BuiltCall(name="joined", language="en", path=path, pieces=tuple(pieces))


def _later(piece: Piece, seconds: float, call: int) -> Piece:
    turn = call * TURNS + piece.turn
    return replace(piece, turn=turn, start=piece.start + seconds, end=piece.end + seconds)


def bare(call: Path, transcript: Transcript, folder: Path, *, player: bool) -> None:
    """One ffmpeg: each channel silent where its stretches are, then FLAC and, for the player, MP3."""
    outputs = "asplit[m][p]" if player else "anull[m]"
    graph = (
        "[0:a]channelsplit=channel_layout=stereo[l][r];"
        f"[l]{_silent(transcript, 0)}[a];[r]{_silent(transcript, 1)}[b];"
        f"[a][b]join=inputs=2:channel_layout=stereo,{outputs}"
    )
    command = [media.ffmpeg_program(), "-v", "error", "-y", "-i", str(call), "-filter_complex", graph]
    command += ["-map", "[m]", "-c:a", "flac", str(folder / "bare.flac")]
    if player:
        command += ["-map", "[p]", *PLAYER, str(folder / "bare.mp3")]
    subprocess.run(command, check=True)


def _silent(transcript: Transcript, channel: int) -> str:
    """Filters that silence the stretches of a channel; ffmpeg takes no sum of hundreds of terms."""
    pad = RedactionPolicy().pad
    times = [(it.start or 0, it.end or 0) for it in transcript.redactions if it.channel == channel]
    terms = [f"between(t,{start - pad:.3f},{end + pad:.3f})" for start, end in times] or ["0"]
    groups = (terms[first : first + TERMS] for first in range(0, len(terms), TERMS))
    return ",".join(f"volume=0:enable='{'+'.join(group)}'" for group in groups)


def spent(work: Callable[[], object]) -> tuple[float, float]:
    """Seconds of processor, of this process and its children, and on the clock."""
    before, started = _processor(), time.monotonic()
    work()
    return _processor() - before, time.monotonic() - started


def _processor() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


if __name__ == "__main__":
    _redact_alone(*sys.argv[1:])
