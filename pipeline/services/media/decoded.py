"""The samples of a decoded recording, read a stretch at a time: hours of several channels in the memory of one."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[np.float32]
BYTES = 4  # of a sample


class Pcm:
    """Raw samples, the channels in turn, in a file that is open. ``length`` is in samples of one channel.

    ``kind`` is the type of a sample, as NumPy writes it. It may be read by several threads at once.
    """

    def __init__(self, path: Path, channels: int, sample_rate: int, kind: str, mode: int = os.O_RDONLY) -> None:
        self._file = os.open(path, mode)
        self._kind = np.dtype(kind)
        self._frame = self._kind.itemsize * channels  # bytes of a sample of every channel
        self.channels, self.sample_rate = channels, sample_rate
        self.length = os.fstat(self._file).st_size // self._frame

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._file)

    def frames(self, first: int, last: int) -> npt.NDArray[Any]:
        """The samples from one position up to another, or to the end, as ``(samples, channels)``."""
        first, last = max(first, 0), min(last, self.length)
        data = os.pread(self._file, max(last - first, 0) * self._frame, first * self._frame)
        return np.frombuffer(data, dtype=self._kind).reshape(-1, self.channels)


class Decoded(Pcm):
    """A recording that was decoded to float32, between -1 and 1. ``damaged``: a part of it could not be decoded."""

    def __init__(self, path: Path, channels: int, sample_rate: int) -> None:
        super().__init__(path, channels, sample_rate, "<f4")
        self.damaged = False

    def read(self, first: int, last: int) -> Samples:
        """The samples from one position up to another, or to the end, as ``(channels, samples)``."""
        return self.frames(first, last).T

    def channel(self, channel: int, first: int, last: int) -> Samples:
        """The samples of one channel from one position up to another, or to the end."""
        return np.ascontiguousarray(self.read(first, last)[channel])

    def blocks(self, seconds: int) -> Iterator[Samples]:
        """All samples, so many seconds at a time."""
        size = seconds * self.sample_rate
        for first in range(0, self.length, size):
            yield self.read(first, first + size)
