"""The samples of a recording in a file of their own: looked at, overwritten where they lie, and encoded.

A cut is exact to the sample, the number of cuts costs nothing, a long call needs no more memory than a short one, and
nothing but samples (tags, cover art, chapters) can be carried over.
"""

import os
from collections.abc import Callable, Iterator
from math import ceil, floor
from pathlib import Path

import ffmpeg
import numpy as np
import numpy.typing as npt

from pipeline.documents import Cut
from pipeline.services import media
from pipeline.services.audio_redaction.edges import FRAMES_PER_SECOND
from pipeline.services.media.decoded import Pcm

PEAKS_PER_SECOND = 20
BEEP_HERTZ, BEEP_LEVEL = 1000.0, 0.1  # of full scale
BLOCK_SECONDS = 60
FULL_SCALE = 32768
ROUNDED = 0.05  # of a sample: what times may be off by, since they are written with six decimals
PLAYER_RATE, PLAYER_BITS_PER_CHANNEL = 16000, 32000  # Hz, bits a second

# What an encoder writes of its own (its name, its version) would make equal input unequal files.
PLAIN = {"map_metadata": -1, "map_chapters": -1, "fflags": "+bitexact", "flags:a": "+bitexact"}
# Layouts that FLAC knows. Without one, ffmpeg guesses (three channels: "2.1") and mixes into what the encoder takes.
LAYOUTS = {3: "3.0", 4: "quad", 5: "5.0", 6: "5.1", 7: "6.1", 8: "7.1"}

Samples = npt.NDArray[np.int16]
Sound = Callable[[int, int], Samples]  # the samples that stand from one position in the recording up to another


class Recording(Pcm):
    """A recording in 16 bits, to be overwritten."""

    def __init__(self, path: Path, channels: int, sample_rate: int) -> None:
        super().__init__(path, channels, sample_rate, "<i2", os.O_RDWR)

    def channel(self, channel: int, start: float, end: float) -> npt.NDArray[np.float32]:
        """A stretch of one channel in seconds, between -1 and 1."""
        found = self.frames(round(start * self.sample_rate), round(end * self.sample_rate))[:, channel]
        scaled: npt.NDArray[np.float32] = found.astype(np.float32) / np.float32(FULL_SCALE)
        return scaled

    def loudness(self, channel: int, start: float, end: float) -> npt.NDArray[np.float64]:
        """The RMS of each 10 ms from ``start``, which is a multiple of that, up to ``end``."""
        return loudness_of(self.channel(channel, start, end), self.sample_rate)

    def hide(self, cut: Cut, sound: Sound) -> None:
        """Overwrite a stretch of one channel."""
        for at, last in self._blocks(cut):
            block = self.frames(at, last).copy()
            block[:, cut.channel] = sound(at, last)
            written = os.pwrite(self._file, block.tobytes(), at * self._frame)
            if written != block.nbytes:
                raise OSError("A stretch of the recording was not overwritten.")

    def is_hidden(self, cut: Cut, sound: Sound) -> bool:
        """Whether a stretch of one channel is what ``hide`` makes of it."""
        return all(
            np.array_equal(self.frames(at, last)[:, cut.channel], sound(at, last)) for at, last in self._blocks(cut)
        )

    def span(self, cut: Cut) -> tuple[int, int]:
        """From which sample up to which a cut hides its channel."""
        first = max(0, floor(cut.start * self.sample_rate + ROUNDED))
        return first, min(self.length, ceil(cut.end * self.sample_rate - ROUNDED))

    def _blocks(self, cut: Cut) -> Iterator[tuple[int, int]]:
        first, stop = self.span(cut)
        for at in range(first, stop, BLOCK_SECONDS * self.sample_rate):
            yield at, min(at + BLOCK_SECONDS * self.sample_rate, stop)

    def peaks(self) -> Iterator[npt.NDArray[np.float64]]:
        """The highest amplitudes, from 0 to 1, as ``(channels, values)`` of each minute."""
        for first in range(0, self.length, BLOCK_SECONDS * self.sample_rate):
            block = self.frames(first, first + BLOCK_SECONDS * self.sample_rate)
            count = ceil(len(block) * PEAKS_PER_SECOND / self.sample_rate)
            begins = np.arange(count) * self.sample_rate // PEAKS_PER_SECOND
            high = np.maximum.reduceat(block, begins, axis=0).astype(np.int32)
            low = np.minimum.reduceat(block, begins, axis=0).astype(np.int32)
            yield np.maximum(high, -low).T / FULL_SCALE


def loudness_of(samples: npt.NDArray[np.float32], rate: int) -> npt.NDArray[np.float64]:
    """The RMS of each 10 ms."""
    count = ceil(len(samples) * FRAMES_PER_SECOND / rate)
    begins = np.arange(count) * rate // FRAMES_PER_SECOND
    sums = np.add.reduceat(samples * samples, begins) if count else np.zeros(0)
    return np.sqrt(sums.astype(np.float64) * FRAMES_PER_SECOND / rate)


def silence(first: int, last: int) -> Samples:
    """Nothing."""
    return np.zeros(last - first, dtype=np.int16)


def beep(rate: int) -> Sound:
    """A tone, in step with the recording's clock, so that stretches and blocks that touch join without a click."""

    def sound(first: int, last: int) -> Samples:
        wave = np.sin(np.arange(first, last) * (2 * np.pi * BEEP_HERTZ / rate))
        tone: Samples = (wave * BEEP_LEVEL * FULL_SCALE).astype(np.int16)
        return tone

    return sound


def encode(pcm: Path, rate: int, channels: int, master: Path, player: Path) -> None:
    """Make the two files of raw 16-bit samples. MP3 has two channels at most: of more, the player hears the mean."""
    few = channels <= 2
    form = {"ac": channels} if few else {"ch_layout": LAYOUTS[channels]}
    mixed = {} if few else {"filter:a": "pan=mono|c0=" + "+".join(f"{1 / channels}*c{n}" for n in range(channels))}
    bits = PLAYER_BITS_PER_CHANNEL * (channels if few else 1)
    heard = {"format": "mp3", "acodec": "libmp3lame", "ar": PLAYER_RATE, "audio_bitrate": bits, **mixed}
    samples = ffmpeg.input(f"file:{pcm}", format="s16le", ar=rate, **form)
    job = ffmpeg.merge_outputs(
        samples.output(f"file:{master}", format="flac", acodec="flac", **PLAIN),
        samples.output(f"file:{player}", **heard, **PLAIN),
    )
    media.run_ffmpeg(job)
