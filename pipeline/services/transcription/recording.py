"""Who speaks on which channel of a recording, and where."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pipeline.documents import Flag
from pipeline.services import media
from pipeline.services.transcription.loudness import Loudness, loudness_of
from pipeline.services.transcription.music import has_music
from pipeline.services.transcription.speech import SAMPLE_RATE, Chunk, chunks_of
from pipeline.services.transcription.trust import Sound, sound_of

TWO_SPEAKERS = ("agent", "customer")
ONE_SPEAKER = "speaker"


@dataclass(frozen=True, kw_only=True)
class Recording:
    """A call cut into chunks of speech; ``duration`` in seconds, a speaker and a sound for each channel told apart."""

    duration: float
    speakers: tuple[str, ...]
    chunks: tuple[Chunk, ...]
    loudness: Loudness
    sounds: tuple[Sound, ...]
    flags: tuple[Flag, ...]


@contextmanager
def listen(path: Path, names: Sequence[str], max_duration: float, hint: str = "") -> Iterator[Recording]:
    """Decode a recording and find the speech in it; its chunks can be read while the block lasts.

    ``names`` are the speakers of the channels, as far as they are known. Two channels that sound the same are one.
    Raises ExpectedFailure as ``media.decoded`` does.
    """
    with media.decoded(path, hint=hint, sample_rate=SAMPLE_RATE, max_duration=max_duration) as audio:
        loudness = loudness_of(audio)
        channels = range(1 if loudness.same else audio.channels)
        silent = [loudness.is_silent(channel) for channel in channels]
        with ThreadPoolExecutor(len(channels)) as pool:
            heard = pool.map(lambda channel: [] if silent[channel] else chunks_of(audio, channel), channels)
            chunks = tuple(chunk for own in heard for chunk in own)
        found = {
            Flag.DAMAGED: audio.damaged,
            Flag.DUAL_MONO: loudness.same,
            Flag.SILENT_CHANNEL: any(silent),
            Flag.NO_SPEECH: not chunks,
            Flag.MUSIC: any(has_music(audio, channel, chunks, loudness) for channel in channels),
        }
        yield Recording(
            duration=audio.length / SAMPLE_RATE,
            speakers=speakers_of(len(channels), names),
            chunks=chunks,
            loudness=loudness,
            sounds=tuple(
                sound_of(loudness.rms[channel], [chunk for chunk in chunks if chunk.channel == channel])
                for channel in channels
            ),
            flags=tuple(flag for flag, holds in found.items() if holds),
        )


def speakers_of(channels: int, names: Sequence[str]) -> tuple[str, ...]:
    """A name for each channel: those given, then what is left of agent and customer.

    One channel has a name only if just one was given.
    """
    if channels == 1:
        return (names[0],) if len(names) == 1 else (ONE_SPEAKER,)
    taken_first = sorted(TWO_SPEAKERS, key=lambda role: role not in names)
    known = [*names, *taken_first[len(names) :]]
    return tuple(known[index] if index < len(known) else f"{ONE_SPEAKER} {index + 1}" for index in range(channels))
