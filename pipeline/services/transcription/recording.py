"""Who speaks on which channel of a recording, and where."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipeline.documents import Flag
from pipeline.services import media
from pipeline.services.transcription.speech import SAMPLE_RATE, Chunk, Samples, chunks_of

TWO_SPEAKERS = ("agent", "customer")
ONE_SPEAKER = "speaker"

SILENCE = 0.002  # loudest tenth of a second of a silent channel, RMS: -54 dB of full scale
SAME = 1e-3  # energy of the difference of two channels that are one, as a share of their energy: -30 dB


@dataclass(frozen=True, kw_only=True)
class Recording:
    """A call cut into chunks of speech; ``duration`` in seconds, ``speakers`` a name for each channel told apart."""

    duration: float
    speakers: tuple[str, ...]
    chunks: tuple[Chunk, ...]
    flags: tuple[Flag, ...]


def listen(path: Path, names: Sequence[str], max_duration: float, hint: str = "") -> Recording:
    """Decode a recording and find the speech in it.

    ``names`` are the speakers of the channels, as far as they are known. Two channels that sound the same are one.
    Raises ExpectedFailure as ``media.decode`` does.
    """
    audio = media.decode(path, hint=hint, sample_rate=SAMPLE_RATE, max_duration=max_duration)
    flags: list[Flag] = []
    channels = list(audio)
    if len(channels) == 2 and _same(channels[0], channels[1]):
        channels = channels[:1]
        flags.append(Flag.DUAL_MONO)
    silent = [_is_silent(samples) for samples in channels]
    if any(silent):
        flags.append(Flag.SILENT_CHANNEL)
    chunks = [
        chunk for index, samples in enumerate(channels) if not silent[index] for chunk in chunks_of(samples, index)
    ]
    if not chunks:
        flags.append(Flag.NO_SPEECH)
    return Recording(
        duration=audio.shape[1] / SAMPLE_RATE,
        speakers=speakers_of(len(channels), names),
        chunks=tuple(chunks),
        flags=tuple(flags),
    )


def speakers_of(channels: int, names: Sequence[str]) -> tuple[str, ...]:
    """A name for each channel: those given, else agent and customer. One channel has one name only if one was given."""
    if channels == 1:
        return (names[0],) if len(names) == 1 else (ONE_SPEAKER,)
    known = [*names, *TWO_SPEAKERS[len(names) :]]
    return tuple(known[index] if index < len(known) else f"{ONE_SPEAKER} {index + 1}" for index in range(channels))


def _same(left: Samples, right: Samples) -> bool:
    difference = right - left
    energy = float(np.dot(left, left))
    return energy > 0 and float(np.dot(difference, difference)) <= SAME * energy


def _is_silent(samples: Samples) -> bool:
    """Whether nothing sounds on a channel; a constant offset, as cheap hardware has, is no sound."""
    frame = SAMPLE_RATE // 10
    frames = np.ascontiguousarray(samples[: len(samples) // frame * frame]).reshape(-1, frame)
    loudest = frames.std(axis=1).max() if len(frames) else samples.std()
    return float(loudest) < SILENCE
