"""Reading recordings that strangers sent.

``probe`` says what a file is, ``decode`` gives its samples, ``decode_blocks`` some at a time; ``source`` and
``run_ffmpeg`` are for other work on it.
No header is believed: a duration is what could really be decoded, so a truncated file counts as far as it goes.
"""

import struct
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

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
)
from pipeline.services.media.container import container_of

__all__ = [
    "AudioInfo",
    "Container",
    "FfmpegError",
    "Limits",
    "container_of",
    "decode",
    "decode_blocks",
    "ffmpeg_program",
    "probe",
    "run_ffmpeg",
    "source",
]

MAX_DURATION = 4 * 3600.0
MAX_CHANNELS = 8
AU_HEADER = struct.Struct(">4s5I")  # magic, offset of the data, its size, encoding, sample rate, channels


@dataclass(frozen=True, kw_only=True)
class AudioInfo:
    """What a recording is. ``container`` is ffmpeg's demuxer, ``sample_rate`` in Hz, ``duration`` in seconds."""

    container: str
    channels: int
    sample_rate: int
    duration: float


def probe(
    path: Path, *, hint: str = "", max_duration: float = MAX_DURATION, max_channels: int = MAX_CHANNELS
) -> AudioInfo:
    """What a recording is, found by decoding all of it. Raises ExpectedFailure as ``decode`` does."""
    container = container_of(path, hint)
    audio = source(path, container)
    channels, sample_rate = _first_frame(audio, max_channels)
    with tempfile.TemporaryDirectory(prefix="probe-") as scratch:
        mono = Path(scratch, "mono")
        _write_pcm(audio, mono, "u8", sample_rate, 1, max_duration)
        duration = mono.stat().st_size / sample_rate
    _check_duration(duration, max_duration)
    return AudioInfo(container=container.demuxer, channels=channels, sample_rate=sample_rate, duration=duration)


def decode(
    path: Path,
    *,
    hint: str = "",
    sample_rate: int = 16000,
    max_duration: float = MAX_DURATION,
    max_channels: int = MAX_CHANNELS,
) -> npt.NDArray[np.float32]:
    """The samples of a recording, between -1 and 1, as ``(channels, samples)`` at ``sample_rate``.

    ``hint`` is the media type that the file's name suggests, for one without a header (``headerless``).
    The array is backed by an unnamed file, so that an hour of several channels need not fit in memory.

    Raises ExpectedFailure: AUDIO_EMPTY, AUDIO_IS_PLAYLIST, AUDIO_UNSUPPORTED, AUDIO_UNREADABLE (nothing in it can be
    decoded), AUDIO_TOO_LONG, AUDIO_TOO_MANY_CHANNELS.
    """
    with _decoded(path, hint, sample_rate, max_duration, max_channels) as (pcm, channels):
        return _by_channel(np.memmap(pcm, dtype="<f4", mode="c"), channels)


def decode_blocks(
    path: Path,
    seconds: int,
    *,
    hint: str = "",
    sample_rate: int = 16000,
    max_duration: float = MAX_DURATION,
    max_channels: int = MAX_CHANNELS,
) -> Iterator[npt.NDArray[np.float32]]:
    """The samples that ``decode`` gives, so many seconds at a time, in the memory of one such block.

    Raises ExpectedFailure as ``decode`` does, before the first.
    """
    with _decoded(path, hint, sample_rate, max_duration, max_channels) as (pcm, channels), pcm.open("rb") as file:
        while len(block := np.fromfile(file, dtype="<f4", count=seconds * sample_rate * channels)) >= channels:
            yield _by_channel(block, channels)


@contextmanager
def _decoded(
    path: Path, hint: str, sample_rate: int, max_duration: float, max_channels: int
) -> Iterator[tuple[Path, int]]:
    """A file, gone when the block ends, with the samples of all channels in turn; and how many channels these are."""
    audio = source(path, container_of(path, hint))
    channels, _ = _first_frame(audio, max_channels)
    with tempfile.TemporaryDirectory(prefix="decode-") as scratch:
        pcm = Path(scratch, "pcm")
        _write_pcm(audio, pcm, "f32le", sample_rate, channels, max_duration)
        _check_duration(pcm.stat().st_size // (4 * channels) / sample_rate, max_duration)
        yield pcm, channels


def _by_channel(interleaved: npt.NDArray[np.float32], channels: int) -> npt.NDArray[np.float32]:
    frames = interleaved.size // channels
    return np.asarray(interleaved[: frames * channels].reshape(frames, channels).T)


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
    return channels, sample_rate


def _write_pcm(
    audio: ffmpeg.nodes.FilterableStream, pcm: Path, encoding: str, sample_rate: int, channels: int, max_duration: float
) -> None:
    """Decode a recording to raw samples; a second more than ``max_duration`` at most, which tells that it is longer."""
    options: dict[str, str | int | float] = {"format": encoding, "ar": sample_rate, "t": max_duration + 1}
    if channels <= 2:  # with more, ffmpeg would mix them into its usual layout for that number
        options["ac"] = channels
    bound = int((max_duration + 2) * sample_rate * channels * 4)
    run_as_far_as_it_goes(audio.output(f"file:{pcm}", **options), Limits(file_bytes=bound))
    if not pcm.exists() or not pcm.stat().st_size:
        raise _unreadable()


def _check_duration(duration: float, max_duration: float) -> None:
    if duration > max_duration:
        raise ExpectedFailure(FailureCode.AUDIO_TOO_LONG, f"The recording is longer than {max_duration:.0f} seconds.")


def _unreadable() -> ExpectedFailure:
    return ExpectedFailure(FailureCode.AUDIO_UNREADABLE, "Nothing in the file can be decoded as audio.")
