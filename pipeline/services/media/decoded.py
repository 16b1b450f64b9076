"""The samples of a decoded recording, read a stretch at a time: hours of several channels in the memory of one."""

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[np.float32]
BYTES = 4  # of a sample


class Decoded:
    """A recording as raw samples (float32 between -1 and 1, the channels in turn) in a file that is open.

    ``length`` is in samples of one channel. It may be read by several threads at once.
    """

    def __init__(self, pcm: Path, channels: int, sample_rate: int) -> None:
        self._file = os.open(pcm, os.O_RDONLY)
        self.channels, self.sample_rate = channels, sample_rate
        self.length = os.fstat(self._file).st_size // (BYTES * channels)

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._file)

    def read(self, first: int, last: int) -> Samples:
        """The samples from one position up to another, or to the end, as ``(channels, samples)``."""
        first, last = max(first, 0), min(last, self.length)
        frame = BYTES * self.channels
        data = os.pread(self._file, max(last - first, 0) * frame, first * frame)
        return np.frombuffer(data, dtype="<f4").reshape(-1, self.channels).T

    def channel(self, channel: int, first: int, last: int) -> Samples:
        """The samples of one channel from one position up to another, or to the end."""
        return np.ascontiguousarray(self.read(first, last)[channel])

    def blocks(self, seconds: int) -> Iterator[Samples]:
        """All samples, so many seconds at a time."""
        size = seconds * self.sample_rate
        for first in range(0, self.length, size):
            yield self.read(first, first + size)
