"""Reading recordings that strangers sent.

``probe`` says what a file is, ``decoded`` gives its samples to read, ``decode`` all of them at once; ``source`` and
``run_ffmpeg`` are for other work on it.
No header is believed: a duration is what could really be decoded, so a truncated file counts as far as it goes, and is
said to be ``damaged`` (``whole.py``).
"""

import struct
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ffmpeg
import numpy as np
import numpy.typing as npt

from pipeline.events import FailureCode
from pipeline.services.errors import ExpectedFailure
from pipeline.services.media.confined import (
    Container,
    FfmpegError,
    Limits,
    ffmpeg_program,
    run_as_far_as_it_goes,
    run_ffmpeg,
    source,
    too_large,
)
from pipeline.services.media.container import container_of
from pipeline.services.media.decoded import Decoded
from pipeline.services.media.whole import is_damaged

__all__ = [
    "AudioInfo",
    "Container",
    "Decoded",
    "FfmpegError",
    "Limits",
    "container_of",
    "decode",
    "decoded",
    "ffmpeg_program",
    "probe",
    "run_ffmpeg",
    "source",
    "write_samples",
]

MAX_DURATION = 4 * 3600.0
MAX_CHANNELS = 8
MAX_RATE = 192_000  # Hz; no recorder writes more, but a FLAC of half a megabyte can ask for hundreds of them
MAX_BYTES = 8 * 1024**3  # of a decoded recording: four hours of stereo at 96 kHz are 5.2 GiB
AU_HEADER = struct.Struct(">4s5I")  # magic, offset of the data, its size, encoding, sample rate, channels


@dataclass(frozen=True, kw_only=True)
class AudioInfo:
    """What a recording is. ``container`` is ffmpeg's demuxer, ``sample_rate`` in Hz, ``duration`` in seconds.

    ``damaged``: a part of it could not be decoded, or is not there.
    """

    container: str
    channels: int
    sample_rate: int
    duration: float
    damaged: bool = False


def probe(
    path: Path, *, hint: str = "", max_duration: float = MAX_DURATION, max_channels: int = MAX_CHANNELS
) -> AudioInfo:
    """What a recording is, found by decoding all of it. Raises ExpectedFailure as ``decode`` does."""
    container = container_of(path, hint)
    audio = source(path, container)
    channels, sample_rate = _first_frame(audio, max_channels)
    with tempfile.TemporaryDirectory(prefix="probe-") as scratch:
        mono = Path(scratch, "mono")
        said = _write_pcm(audio, mono, "u8", sample_rate, 1, max_duration)
        duration = mono.stat().st_size / sample_rate
    _check_duration(duration, max_duration)
    damaged = is_damaged(path, container, said, duration)
    return AudioInfo(
        container=container.demuxer, channels=channels, sample_rate=sample_rate, duration=duration, damaged=damaged
    )


def decode(path: Path, **options: Any) -> npt.NDArray[np.float32]:
    """All samples of a short recording, as ``(channels, samples)``; everything else as for ``decoded``."""
    with decoded(path, **options) as audio:
        return audio.read(0, audio.length)


@contextmanager
def decoded(
    path: Path,
    *,
    hint: str = "",
    sample_rate: int = 16000,
    max_duration: float = MAX_DURATION,
    max_channels: int = MAX_CHANNELS,
) -> Iterator[Decoded]:
    """A recording to read samples from while the block lasts, at ``sample_rate``; they lie in an unnamed file.

    ``hint`` is the media type that the file's name suggests, for one without a header (``headerless``).
    Raises ExpectedFailure: AUDIO_EMPTY, AUDIO_IS_PLAYLIST, AUDIO_UNSUPPORTED, AUDIO_UNREADABLE (nothing in it can be
    decoded), AUDIO_TOO_LONG, AUDIO_TOO_MANY_CHANNELS, AUDIO_RATE_TOO_HIGH, AUDIO_TOO_LARGE (also for what is only too
    large at its own rate, which ``write_samples`` needs); and for another time WORKER_LOST, STORAGE_UNAVAILABLE.
    """
    container = container_of(path, hint)
    given = source(path, container)
    channels, own_rate = _first_frame(given, max_channels)
    with tempfile.TemporaryDirectory(prefix="decode-") as scratch:
        pcm = Path(scratch, "pcm")
        said = _write_pcm(given, pcm, "f32le", sample_rate, channels, max_duration)
        audio = Decoded(pcm, channels, sample_rate)
    with closing(audio):
        duration = audio.length / sample_rate
        _check_duration(duration, max_duration)
        if duration * own_rate * channels * 2 > MAX_BYTES:
            raise too_large()
        audio.damaged = is_damaged(path, container, said, duration)
        yield audio


def write_samples(
    path: Path, pcm: Path, *, hint: str = "", max_duration: float = MAX_DURATION, max_channels: int = MAX_CHANNELS
) -> AudioInfo:
    """Decode a recording to a file of raw 16-bit samples, the channels in turn, at its own rate; what it is.

    Raises ExpectedFailure as ``decoded`` does.
    """
    container = container_of(path, hint)
    given = source(path, container)
    channels, sample_rate = _first_frame(given, max_channels)
    said = _write_pcm(given, pcm, "s16le", sample_rate, channels, max_duration)
    duration = pcm.stat().st_size // (2 * channels) / sample_rate
    _check_duration(duration, max_duration)
    damaged = is_damaged(path, container, said, duration)
    return AudioInfo(
        container=container.demuxer, channels=channels, sample_rate=sample_rate, duration=duration, damaged=damaged
    )


def _first_frame(audio: ffmpeg.nodes.FilterableStream, max_channels: int) -> tuple[int, int]:
    """Channels and sample rate of a recording, from its first frame written as Sun AU, the plainest of headers."""
    with tempfile.TemporaryDirectory(prefix="probe-") as scratch:
        frame = Path(scratch, "frame")
        job = audio.output(f"file:{frame}", format="au", acodec="pcm_s16be", **{"frames:a": 1})
        run_as_far_as_it_goes(job, Limits(cpu_seconds=60, wall_seconds=120, file_bytes=64 * 1024**2))
        header = frame.read_bytes()[: AU_HEADER.size] if frame.exists() else b""
    if len(header) < AU_HEADER.size:
        raise _unreadable()
    *_, sample_rate, channels = AU_HEADER.unpack(header)
    if channels > max_channels:
        raise ExpectedFailure(
            FailureCode.AUDIO_TOO_MANY_CHANNELS, f"The recording has {channels} channels; {max_channels} is the limit."
        )
    if sample_rate > MAX_RATE:
        raise ExpectedFailure(
            FailureCode.AUDIO_RATE_TOO_HIGH,
            f"The recording has {sample_rate} samples a second; {MAX_RATE} is the limit.",
        )
    return channels, sample_rate


def _write_pcm(
    audio: ffmpeg.nodes.FilterableStream, pcm: Path, encoding: str, sample_rate: int, channels: int, max_duration: float
) -> str:
    """Decode a recording to raw samples, a second more than ``max_duration`` at most, which tells that it is longer.

    What ffmpeg said.
    """
    options: dict[str, str | int | float] = {"format": encoding, "ar": sample_rate, "t": max_duration + 1}
    if channels <= 2:  # with more, ffmpeg would mix them into its usual layout for that number
        options["ac"] = channels
    bound = min(int((max_duration + 2) * sample_rate * channels * 4), MAX_BYTES)
    said = run_as_far_as_it_goes(audio.output(f"file:{pcm}", **options), Limits(file_bytes=bound))
    if not pcm.exists() or not pcm.stat().st_size:
        raise _unreadable()
    return said


def _check_duration(duration: float, max_duration: float) -> None:
    if duration > max_duration:
        raise ExpectedFailure(FailureCode.AUDIO_TOO_LONG, f"The recording is longer than {max_duration:.0f} seconds.")


def _unreadable() -> ExpectedFailure:
    return ExpectedFailure(FailureCode.AUDIO_UNREADABLE, "Nothing in the file can be decoded as audio.")
