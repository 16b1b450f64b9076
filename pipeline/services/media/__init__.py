"""Reading recordings that strangers sent.

``probe`` says what a file is, ``decoded`` gives its samples to read, ``decode`` all of them at once; ``source`` and
``run_ffmpeg`` are for other work on it.
No header is believed: a duration is what could really be decoded, so a truncated file counts as far as it goes.
"""

import struct
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import ffmpeg
import numpy as np
import numpy.typing as npt

from pipeline.events import FailureCode
from pipeline.services.errors import ExpectedFailure
from pipeline.services.media.confined import FfmpegError, Limits, ffmpeg_program, run_ffmpeg, source
from pipeline.services.media.container import container_of
from pipeline.services.media.decoded import Decoded

__all__ = [
    "AudioInfo",
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
]

MAX_DURATION = 4 * 3600.0
MAX_CHANNELS = 8
NO_ROOM = "No space left on device"  # ENOSPC, as ffmpeg says it
AU_HEADER = struct.Struct(">4s5I")  # magic, offset of the data, its size, encoding, sample rate, channels


@dataclass(frozen=True, kw_only=True)
class AudioInfo:
    """What a recording is. ``container`` is ffmpeg's demuxer, ``sample_rate`` in Hz, ``duration`` in seconds."""

    container: str
    channels: int
    sample_rate: int
    duration: float


def probe(path: Path, *, max_duration: float = MAX_DURATION, max_channels: int = MAX_CHANNELS) -> AudioInfo:
    """What a recording is, found by decoding all of it. Raises ExpectedFailure as ``decode`` does."""
    channels, sample_rate = _first_frame(path, max_channels)
    with tempfile.TemporaryDirectory(prefix="probe-") as scratch:
        mono = Path(scratch, "mono")
        _write_pcm(path, mono, "u8", sample_rate, 1, max_duration)
        samples = mono.stat().st_size
    _check_duration(samples / sample_rate, max_duration)
    return AudioInfo(
        container=container_of(path), channels=channels, sample_rate=sample_rate, duration=samples / sample_rate
    )


def decode(
    path: Path,
    *,
    sample_rate: int = 16000,
    max_duration: float = MAX_DURATION,
    max_channels: int = MAX_CHANNELS,
) -> npt.NDArray[np.float32]:
    """All samples of a short recording, between -1 and 1, as ``(channels, samples)``. Raises as ``decoded`` does."""
    with decoded(path, sample_rate=sample_rate, max_duration=max_duration, max_channels=max_channels) as audio:
        return audio.read(0, audio.length)


@contextmanager
def decoded(
    path: Path,
    *,
    sample_rate: int = 16000,
    max_duration: float = MAX_DURATION,
    max_channels: int = MAX_CHANNELS,
) -> Iterator[Decoded]:
    """A recording to read samples from while the block lasts, at ``sample_rate``; they lie in an unnamed file.

    Raises ExpectedFailure: AUDIO_EMPTY, AUDIO_IS_PLAYLIST, AUDIO_UNSUPPORTED, AUDIO_UNREADABLE (nothing in it can be
    decoded), AUDIO_TOO_LONG, AUDIO_TOO_MANY_CHANNELS.
    """
    channels, _ = _first_frame(path, max_channels)
    with tempfile.TemporaryDirectory(prefix="decode-") as scratch:
        pcm = Path(scratch, "pcm")
        _write_pcm(path, pcm, "f32le", sample_rate, channels, max_duration)
        audio = Decoded(pcm, channels, sample_rate)
    with closing(audio):
        _check_duration(audio.length / sample_rate, max_duration)
        yield audio


def _first_frame(path: Path, max_channels: int) -> tuple[int, int]:
    """Channels and sample rate of a recording, from its first frame written as Sun AU, the plainest of headers."""
    with tempfile.TemporaryDirectory(prefix="probe-") as scratch:
        frame = Path(scratch, "frame")
        job = source(path).output(f"file:{frame}", format="au", acodec="pcm_s16be", **{"frames:a": 1})
        _run_as_far_as_it_goes(job, Limits(cpu_seconds=60, wall_seconds=120, file_bytes=64 * 1024**2))
        header = frame.read_bytes()[: AU_HEADER.size] if frame.exists() else b""
    if len(header) < AU_HEADER.size:
        raise _unreadable()
    *_, sample_rate, channels = AU_HEADER.unpack(header)
    if channels > max_channels:
        raise ExpectedFailure(
            FailureCode.AUDIO_TOO_MANY_CHANNELS, f"The recording has {channels} channels; {max_channels} is the limit."
        )
    return channels, sample_rate


def _write_pcm(path: Path, pcm: Path, encoding: str, sample_rate: int, channels: int, max_duration: float) -> None:
    """Decode a recording to raw samples; a second more than ``max_duration`` at most, which tells that it is longer."""
    options: dict[str, str | int | float] = {"format": encoding, "ar": sample_rate, "t": max_duration + 1}
    if channels <= 2:  # with more, ffmpeg would mix them into its usual layout for that number
        options["ac"] = channels
    bound = int((max_duration + 2) * sample_rate * channels * 4)
    _run_as_far_as_it_goes(source(path).output(f"file:{pcm}", **options), Limits(file_bytes=bound))
    if not pcm.exists() or not pcm.stat().st_size:
        raise _unreadable()


def _run_as_far_as_it_goes(job: ffmpeg.nodes.OutputStream, limits: Limits) -> None:
    """Run ffmpeg on a file that may be broken: what was written before an error counts, the caller looks.

    Raises ExpectedFailure(STORAGE_UNAVAILABLE) on a full disk, which would make a long recording a short one.
    """
    try:
        run_ffmpeg(job, limits)
    except FfmpegError as error:
        if NO_ROOM in error.stderr:
            raise ExpectedFailure(
                FailureCode.STORAGE_UNAVAILABLE, "There is no room for the decoded recording.", permanent=False
            ) from error


def _check_duration(duration: float, max_duration: float) -> None:
    if duration > max_duration:
        raise ExpectedFailure(FailureCode.AUDIO_TOO_LONG, f"The recording is longer than {max_duration:.0f} seconds.")


def _unreadable() -> ExpectedFailure:
    return ExpectedFailure(FailureCode.AUDIO_UNREADABLE, "Nothing in the file can be decoded as audio.")
